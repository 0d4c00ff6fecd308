//! A plain HTTP client: as little as the bench needs, so that it takes little from who is measured.

use anyhow::Context;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// One connection that stays open.
pub struct Client(BufReader<TcpStream>);

impl Client {
    pub async fn connect(address: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Posts JSON, and returns the status.
    pub async fn post(&mut self, path: &str, body: &str) -> anyhow::Result<u16> {
        Ok(self.ask("POST", path, "", body).await?.0)
    }

    /// Any request with JSON, as whoever a bearer token belongs to; returns the status and the body.
    pub async fn ask(
        &mut self,
        method: &str,
        path: &str,
        token: &str,
        body: &str,
    ) -> anyhow::Result<(u16, String)> {
        let authorization = match token {
            "" => String::new(),
            token => format!("authorization: Bearer {token}\r\n"),
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: bench\r\n{authorization}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.0.get_mut().write_all(request.as_bytes()).await?;
        let (mut status, mut length) = (None, 0);
        loop {
            let mut line = String::new();
            anyhow::ensure!(
                self.0.read_line(&mut line).await? > 0,
                "the connection was closed"
            );
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            if status.is_none() {
                status = line
                    .split(' ')
                    .nth(1)
                    .and_then(|status| status.parse().ok());
            } else if let Some(("content-length", value)) =
                line.to_ascii_lowercase().split_once(": ")
            {
                length = value.parse()?;
            }
        }
        let mut answer = vec![0; length];
        self.0.read_exact(&mut answer).await?;
        Ok((status.context("no status")?, String::from_utf8(answer)?))
    }
}

/// One request on a connection of its own; returns the status and the body.
pub async fn once(
    address: &str,
    method: &str,
    path: &str,
    authorization: &str,
    body: &str,
) -> anyhow::Result<(u16, String)> {
    let request = format!(
        "{method} {path} HTTP/1.0\r\nauthorization: {authorization}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let status = answer.split(' ').nth(1).context("no status")?.parse()?;
    let (_, body) = answer
        .split_once("\r\n\r\n")
        .context("no end of the headers")?;
    Ok((status, body.to_owned()))
}
