//! A mail server on a free port. It writes down all that it reads.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::harness::Script;

/// A server that runs until it is stopped or dropped.
pub struct Server {
    address: SocketAddr,
    script: Script,
    diary: Arc<Mutex<Diary>>,
    task: JoinHandle<()>,
}

/// A letter as it came in.
#[derive(Clone, Debug)]
pub struct Received {
    pub from: String,
    pub to: String,
    pub encrypted: bool,
    pub signed_in: bool,
    pub wire: String,
}

#[derive(Default)]
struct Diary {
    connections: usize,
    plain: String,
    letters: Vec<Received>,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

impl Server {
    pub async fn start(script: Script) -> Self {
        Self::start_at(
            SocketAddr::from(([127, 0, 0, 1], 0)),
            script,
            Arc::default(),
        )
        .await
    }

    async fn start_at(address: SocketAddr, script: Script, diary: Arc<Mutex<Diary>>) -> Self {
        let listener = TcpListener::bind(address).await.expect("a free port");
        Self {
            address: listener.local_addr().expect("an address"),
            script: script.clone(),
            diary: Arc::clone(&diary),
            task: tokio::spawn(listen(listener, script, diary)),
        }
    }

    /// Ends the server and every connection to it.
    pub async fn stop(&mut self) {
        self.task.abort();
        // The task's end closes its sockets; that it was aborted is known.
        drop((&mut self.task).await);
    }

    /// Ends the server and starts it again where it was.
    pub async fn restart(mut self) -> Self {
        self.stop().await;
        Self::start_at(self.address, self.script.clone(), Arc::clone(&self.diary)).await
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn letters(&self) -> Vec<Received> {
        self.diary().letters.clone()
    }

    /// How often somebody connected.
    pub fn connections(&self) -> usize {
        self.diary().connections
    }

    /// All that came in outside TLS.
    pub fn plain(&self) -> String {
        self.diary().plain.clone()
    }

    fn diary(&self) -> MutexGuard<'_, Diary> {
        lock(&self.diary)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(diary: &Mutex<Diary>) -> MutexGuard<'_, Diary> {
    diary.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn listen(listener: TcpListener, script: Script, diary: Arc<Mutex<Diary>>) {
    let mut conversations = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        let number = {
            let mut diary = lock(&diary);
            diary.connections += 1;
            diary.connections
        };
        let conversation = Conversation {
            script: script.clone(),
            diary: Arc::clone(&diary),
            number,
            encrypted: false,
            signed_in: false,
        };
        conversations.spawn(conversation.hold(stream));
    }
}

struct Conversation {
    script: Script,
    diary: Arc<Mutex<Diary>>,
    number: usize,
    encrypted: bool,
    signed_in: bool,
}

impl Conversation {
    /// Ends when the client does, however it does it.
    async fn hold(mut self, stream: TcpStream) {
        let mut stream: Box<dyn Stream> = Box::new(stream);
        if let Some(tls) = self
            .script
            .tls
            .clone()
            .filter(|_| self.script.tls_from_the_start)
        {
            let Ok(encrypted) = tls.accept(stream).await else {
                return;
            };
            stream = Box::new(encrypted);
            self.encrypted = true;
        }
        let mut stream = BufReader::new(stream);
        if say(&mut stream, "220 mail.example ESMTP").await.is_none() {
            return;
        }
        while let Some(start_tls) = self.talk(&mut stream).await {
            if !start_tls {
                return;
            }
            let tls = self.script.tls.clone().expect("STARTTLS was offered");
            let Ok(encrypted) = tls.accept(stream.into_inner()).await else {
                return;
            };
            stream = BufReader::new(Box::new(encrypted));
            self.encrypted = true;
        }
    }

    /// Talks until the end, or until TLS is to begin, which is `Some(true)`.
    async fn talk(&mut self, stream: &mut BufReader<Box<dyn Stream>>) -> Option<bool> {
        let (mut from, mut to) = (String::new(), String::new());
        loop {
            let line = self.read(stream).await?;
            let verb = line.split([' ', ':', '\r']).next().unwrap_or_default();
            let argument = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
            self.fall_silent_at(verb).await;
            let scripted = self.script.answer(verb);
            if let Some(reply) = scripted.or_else(|| self.script.answer(&argument)) {
                say(stream, reply).await?;
                continue;
            }
            let needs_sign_in = self.script.asks_for_sign_in && !self.signed_in;
            match verb {
                "EHLO" => say(stream, &self.features()).await?,
                "STARTTLS" if self.offers_tls() => {
                    say(stream, "220 go on").await?;
                    return Some(true);
                }
                "AUTH" => {
                    self.signed_in = true;
                    say(stream, "235 welcome").await?;
                }
                "MAIL" if needs_sign_in => say(stream, "530 sign in first").await?,
                "MAIL" if !from.is_empty() => say(stream, "503 one at a time").await?,
                "MAIL" => {
                    from = argument;
                    say(stream, "250 ok").await?;
                }
                "RCPT" => {
                    to = argument;
                    say(stream, "250 ok").await?;
                }
                "DATA" => {
                    say(stream, "354 go on").await?;
                    let wire = self.read_letter(stream).await?;
                    self.fall_silent_at(".").await;
                    let reply = self.script.answer(".").unwrap_or("250 taken");
                    if reply.starts_with('2') {
                        let letter = Received {
                            from: std::mem::take(&mut from),
                            to: to.clone(),
                            encrypted: self.encrypted,
                            signed_in: self.signed_in,
                            wire,
                        };
                        lock(&self.diary).letters.push(letter);
                    }
                    say(stream, reply).await?;
                }
                "NOOP" | "RSET" => say(stream, "250 ok").await?,
                "QUIT" => {
                    say(stream, "221 bye").await?;
                    return Some(false);
                }
                _ => say(stream, "502 what?").await?,
            }
        }
    }

    fn offers_tls(&self) -> bool {
        self.script.tls.is_some() && !self.encrypted
    }

    fn features(&self) -> String {
        let mut lines = vec!["mail.example"];
        lines.extend(self.offers_tls().then_some("STARTTLS"));
        lines.extend(self.script.asks_for_sign_in.then_some("AUTH PLAIN LOGIN"));
        let last = lines.pop().unwrap_or_default();
        let others: String = lines.iter().map(|line| format!("250-{line}\r\n")).collect();
        format!("{others}250 {last}")
    }

    async fn fall_silent_at(&self, command: &str) {
        if self
            .script
            .silent_from
            .is_some_and(|at| at == (self.number, command))
        {
            std::future::pending::<()>().await;
        }
    }

    async fn read(&self, stream: &mut (impl AsyncBufRead + Unpin)) -> Option<String> {
        let mut line = String::new();
        let read = stream.read_line(&mut line).await.ok()?;
        if !self.encrypted {
            lock(&self.diary).plain.push_str(&line);
        }
        (read > 0).then_some(line)
    }

    /// The letter, without the dots that protect its lines.
    async fn read_letter(&self, stream: &mut (impl AsyncBufRead + Unpin)) -> Option<String> {
        let mut letter = String::new();
        loop {
            let line = self.read(stream).await?;
            if line == ".\r\n" {
                return Some(letter);
            }
            letter.push_str(line.strip_prefix('.').unwrap_or(&line));
        }
    }
}

async fn say(stream: &mut (impl AsyncWrite + Unpin), reply: &str) -> Option<()> {
    stream
        .write_all(format!("{reply}\r\n").as_bytes())
        .await
        .ok()?;
    stream.flush().await.ok()
}
