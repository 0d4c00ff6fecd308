//! `blazing_sun health`: asks the application on this host whether it is ready, without a client to install.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than the services may take to answer.
const LIMIT: Duration = Duration::from_secs(3);

/// Returns a summary of the answer, or why there is none or not a good one.
pub async fn ask(port: u16) -> anyhow::Result<String> {
    let answer = timeout(LIMIT, fetch(port))
        .await
        .with_context(|| format!("port {port} did not answer within {} s", LIMIT.as_secs()))?
        .with_context(|| format!("port {port} does not answer"))?;
    let summary = summarise(&answer).context("the answer is not one of blazing_sun")?;
    if !answer.starts_with("HTTP/1.1 200 ") {
        bail!(summary);
    }
    Ok(summary)
}

async fn fetch(port: u16) -> std::io::Result<String> {
    const REQUEST: &[u8] =
        b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.write_all(REQUEST).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// `ready: kafka up, postgres up, ...`
fn summarise(answer: &str) -> Option<String> {
    let (_, body) = answer.split_once("\r\n\r\n")?;
    let body: serde_json::Value = serde_json::from_str(body).ok()?;
    let dependencies: Vec<String> = body["dependencies"]
        .as_object()?
        .iter()
        .map(|(name, status)| format!("{name} {}", status.as_str().unwrap_or("unknown")))
        .collect();
    Some(format!(
        "{}: {}",
        body["status"].as_str()?,
        dependencies.join(", ")
    ))
}
