//! A plain HTTP client: one request, one connection, nothing hidden.

use std::net::SocketAddr;

use serde_json::Value;

use crate::support::exchange;

/// An answer as it came.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: String,
    headers: String,
}

impl Response {
    /// The value of a header, whose name is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The values of a header that may come several times.
    pub fn headers(&self, name: &str) -> Vec<&str> {
        self.headers
            .lines()
            .filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            .collect()
    }

    /// The stable part of a problem's type.
    pub fn problem(&self) -> String {
        let kind = self.json()["type"].as_str().unwrap_or_default().to_owned();
        kind.trim_start_matches("/problems/").to_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

/// `GET path`
pub async fn get(address: SocketAddr, path: &str) -> Response {
    send(address, "GET", path, &[]).await
}

/// `POST path` with a body of JSON.
pub async fn post(address: SocketAddr, path: &str, body: &Value) -> Response {
    let body = body.to_string();
    let headers = [
        ("content-type", "application/json"),
        ("content-length", &body.len().to_string()),
    ];
    send_with(address, "POST", path, &headers, &body).await
}

/// Sends a request with headers and without a body.
pub async fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> Response {
    send_with(address, method, path, headers, "").await
}

/// Sends a request with headers and a body.
pub async fn send_with(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Response {
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    request.push_str(body);
    let (status, headers, body) = exchange(address, &request).await;
    Response {
        status,
        body,
        headers,
    }
}
