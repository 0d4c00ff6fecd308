//! HTTP as it is on the wire: one request, one connection, nothing hidden.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, ToSocketAddrs};

/// Sends a request, which asks to close the connection, and returns the status, the headers and the body of the answer.
pub async fn exchange(address: impl ToSocketAddrs, request: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream
        .write_all(request.as_bytes())
        .await
        .expect("a sent request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole answer");
    let (status_line, headers) = head.split_once("\r\n").expect("headers");
    let status = status_line
        .split(' ')
        .nth(1)
        .expect("a status")
        .parse()
        .expect("a number");
    (status, headers.to_owned(), body.to_owned())
}
