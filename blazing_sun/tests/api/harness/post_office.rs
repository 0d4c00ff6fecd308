//! A mail server that takes every letter.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

type Letters = Arc<Mutex<Vec<String>>>;

/// A running mail server.
pub struct PostOffice {
    port: u16,
    letters: Letters,
    accepting: JoinHandle<()>,
}

impl PostOffice {
    /// One on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let letters = Letters::default();
        let kept = Arc::clone(&letters);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let letters = Arc::clone(&kept);
                drop(tokio::spawn(serve(client, letters)));
            }
        });
        Self {
            port,
            letters,
            accepting,
        }
    }

    /// Where it is.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The letters so far.
    pub fn letters(&self) -> Vec<String> {
        self.letters.lock().expect("no panic").clone()
    }
}

impl Drop for PostOffice {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(client: TcpStream, letters: Letters) -> std::io::Result<()> {
    let mut client = BufReader::new(client);
    client.write_all(b"220 here\r\n").await?;
    let mut line = String::new();
    while client.read_line(&mut line).await? > 0 {
        let answer = match line.trim() {
            "DATA" => {
                client.write_all(b"354 go on\r\n").await?;
                let mut letter = String::new();
                while !letter.ends_with("\r\n.\r\n") && client.read_line(&mut letter).await? > 0 {}
                letters.lock().expect("no panic").push(letter);
                "250 taken\r\n"
            }
            "QUIT" => "221 bye\r\n",
            _ => "250 yes\r\n",
        };
        client.write_all(answer.as_bytes()).await?;
        line.clear();
    }
    Ok(())
}
