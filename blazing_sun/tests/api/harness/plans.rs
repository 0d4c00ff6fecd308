//! A wire to PostgreSQL that asks it, after each statement, how the statement was carried out: the plan of what really ran,
//! with the values that it ran with.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::World;
use super::wire::connect;

/// A statement, and how PostgreSQL carried it out.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The statement.
    pub statement: String,
    /// The root of its plan, as `EXPLAIN (FORMAT JSON)` tells it.
    pub root: Value,
}

/// A node of a plan that reads a table.
#[derive(Debug)]
pub struct Scan {
    /// How, such as `Index Scan`.
    pub way: String,
    /// Which table; none for what only looks at an index.
    pub table: Option<String>,
    /// How many rows it looked at, those that it did not want among them.
    pub rows: f64,
}

impl Plan {
    /// Everything that it reads.
    pub fn scans(&self) -> Vec<Scan> {
        let mut scans = Vec::new();
        collect(&self.root, &mut scans);
        scans
    }

    /// How many rows it looked at.
    pub fn rows(&self) -> f64 {
        self.scans().iter().map(|scan| scan.rows).sum()
    }
}

fn collect(node: &Value, scans: &mut Vec<Scan>) {
    let way = node["Node Type"].as_str().unwrap_or_default();
    if way.contains("Scan") && node.get("Alias").is_some() | node.get("Index Name").is_some() {
        let number = |name: &str| node[name].as_f64().unwrap_or_default();
        let looked = number("Actual Rows")
            + number("Rows Removed by Filter")
            + number("Rows Removed by Index Recheck");
        scans.push(Scan {
            way: way.to_owned(),
            table: node["Relation Name"].as_str().map(str::to_owned),
            rows: looked * number("Actual Loops"),
        });
    }
    for part in node["Plans"].as_array().into_iter().flatten() {
        collect(part, scans);
    }
}

/// What the application says to PostgreSQL and hears from it, unchanged, and the plans of it.
pub struct Plans {
    plans: Arc<Mutex<Vec<Plan>>>,
    accepting: JoinHandle<()>,
}

impl Plans {
    /// Leads a world over such a wire.
    pub async fn of(world: World) -> (World, Self) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let target = world.address_of("POSTGRES");
        let plans = Arc::new(Mutex::new(Vec::new()));
        let found = Arc::clone(&plans);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (target, found) = (target.clone(), Arc::clone(&found));
                drop(tokio::spawn(async move {
                    let server = connect(&target).await.expect("PostgreSQL");
                    // Ends with the connection.
                    let _ended = carry(client, server, &found).await;
                }));
            }
        });
        let world = world
            .with("POSTGRES_HOST", "127.0.0.1")
            .with("POSTGRES_PORT", port)
            .with("POSTGRES_SSLMODE", "disable");
        (world, Self { plans, accepting })
    }

    /// The plans since the last time it was asked.
    pub fn take(&self) -> Vec<Plan> {
        std::mem::take(&mut self.plans.lock().expect("no panic"))
    }
}

impl Drop for Plans {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// A message: the letter that says what it is, and its content.
struct Message {
    kind: u8,
    content: Vec<u8>,
}

impl Message {
    fn new(kind: u8, parts: &[&[u8]]) -> Self {
        Self {
            kind,
            content: parts.concat(),
        }
    }

    async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let kind = from.read_u8().await?;
        let content = read_content(from).await?;
        Ok(Self { kind, content })
    }

    async fn write(&self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        to.write_all(&[self.kind]).await?;
        write_content(to, &self.content).await
    }
}

async fn read_content(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let length = from.read_u32().await?;
    let mut content = Vec::new();
    from.take(u64::from(length) - 4)
        .read_to_end(&mut content)
        .await?;
    Ok(content)
}

async fn write_content(to: &mut (impl AsyncWrite + Unpin), content: &[u8]) -> io::Result<()> {
    let length = u32::try_from(content.len() + 4).expect("a message");
    to.write_all(&length.to_be_bytes()).await?;
    to.write_all(content).await
}

/// Splits what stands before the next zero off.
fn text(content: &[u8]) -> (String, &[u8]) {
    let end = content
        .iter()
        .position(|byte| *byte == 0)
        .expect("a text that ends");
    let text = String::from_utf8_lossy(&content[..end]).into_owned();
    (text, &content[end + 1..])
}

/// What the application has prepared on a connection, and what it ran since the server was ready last.
#[derive(Default)]
struct Said {
    /// Text and types of parameters, by the names of statements.
    prepared: HashMap<String, (String, Vec<u8>)>,
    /// Text, types and values.
    ran: Vec<(String, Vec<u8>, Vec<u8>)>,
    /// How often the application waits for the server to be ready.
    waits: usize,
}

impl Said {
    fn hear(&mut self, message: &Message) {
        match message.kind {
            b'P' => {
                let (name, rest) = text(&message.content);
                let (statement, types) = text(rest);
                self.prepared.insert(name, (statement, types.to_vec()));
            }
            b'B' => {
                let (_portal, rest) = text(&message.content);
                let (name, values) = text(rest);
                let known = self.prepared.get(&name);
                if let Some((statement, types)) = known.filter(|(text, _)| has_plan(text)) {
                    self.ran
                        .push((statement.clone(), types.clone(), values.to_vec()));
                }
            }
            b'S' | b'Q' => self.waits += 1,
            _ => {}
        }
    }
}

fn has_plan(statement: &str) -> bool {
    let first = statement.split_whitespace().next().unwrap_or_default();
    ["SELECT", "WITH", "INSERT", "UPDATE", "DELETE"].contains(&first)
}

/// Passes messages on, and asks for plans whenever the server waits for the next statement.
async fn carry(
    client: TcpStream,
    server: impl AsyncRead + AsyncWrite + Unpin,
    plans: &Mutex<Vec<Plan>>,
) -> io::Result<()> {
    let (mut said, mut heard) = split(client);
    let (mut answers, mut asked) = split(server);
    let mut state = Said::default();
    // The first message has no letter. Until the server is ready, it alone waits.
    write_content(&mut asked, &read_content(&mut said).await?).await?;
    asked.flush().await?;
    state.waits = 1;
    // A message may come in pieces, so what reads one is never broken off.
    let (sender, mut messages) = tokio::sync::mpsc::channel(16);
    let reading = async move {
        loop {
            let message = Message::read(&mut said).await?;
            if sender.send(message).await.is_err() {
                return Ok::<(), io::Error>(());
            }
        }
    };
    let (found, mut answered) = tokio::sync::mpsc::channel(16);
    let listening = async move {
        loop {
            let message = Message::read(&mut answers).await?;
            if found.send(message).await.is_err() {
                return Ok::<(), io::Error>(());
            }
        }
    };
    let passing = async {
        loop {
            tokio::select! {
                message = messages.recv() => {
                    let Some(message) = message else { return Ok(()) };
                    state.hear(&message);
                    message.write(&mut asked).await?;
                    asked.flush().await?;
                }
                message = answered.recv() => {
                    let Some(message) = message else { return Ok(()) };
                    if message.kind == b'Z' {
                        state.waits -= 1;
                        // Not in a transaction that failed, where nothing can be asked.
                        if state.waits == 0 && message.content != b"E" {
                            for (statement, types, values) in std::mem::take(&mut state.ran) {
                                ask(&mut asked, &statement, &types, &values).await?;
                                let root = answer(&mut answered).await?;
                                if let Some(root) = root {
                                    plans.lock().expect("no panic").push(Plan { statement, root });
                                }
                            }
                        }
                    }
                    message.write(&mut heard).await?;
                    heard.flush().await?;
                }
            }
        }
    };
    tokio::select! {
        ended = reading => ended,
        ended = listening => ended,
        ended = passing => ended,
    }
}

/// Asks for the plan of a statement; of one that only reads, also what it met.
async fn ask(
    to: &mut (impl AsyncWrite + Unpin),
    statement: &str,
    types: &[u8],
    values: &[u8],
) -> io::Result<()> {
    let reads = !["INSERT ", "UPDATE ", "DELETE ", "lock", "_take("]
        .iter()
        .any(|word| statement.contains(word));
    let how = if reads { "ANALYZE, TIMING off, " } else { "" };
    let text = format!("EXPLAIN ({how}FORMAT JSON) {statement}\0");
    // The values are followed by the formats of the answer: one text instead of theirs.
    let values = without_formats(values);
    for message in [
        Message::new(b'P', &[b"\0", text.as_bytes(), types]),
        Message::new(b'B', &[b"\0\0", values, &[0, 0]]),
        Message::new(b'E', &[b"\0", &[0; 4]]),
        Message::new(b'S', &[]),
    ] {
        message.write(to).await?;
    }
    to.flush().await
}

/// What a Bind message says of values: the count of formats, those, the count of values, and each with its length.
fn without_formats(values: &[u8]) -> &[u8] {
    let number = |at: usize| usize::from(u16::from_be_bytes([values[at], values[at + 1]]));
    let mut at = 2 + 2 * number(0);
    let count = number(at);
    at += 2;
    for _ in 0..count {
        let length = values[at..at + 4].try_into().expect("four bytes");
        at += 4 + usize::try_from(i32::from_be_bytes(length)).unwrap_or(0);
    }
    &values[..at]
}

/// The root of the plan, if the server told it: statements such as COMMIT have none.
async fn answer(from: &mut tokio::sync::mpsc::Receiver<Message>) -> io::Result<Option<Value>> {
    let mut root = None;
    loop {
        let Some(message) = from.recv().await else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        match message.kind {
            // One field: how many there are, its length, its text.
            b'D' => {
                let plan: Value = serde_json::from_slice(&message.content[6..]).expect("a plan");
                root = Some(plan[0]["Plan"].clone());
            }
            b'E' => panic!(
                "no plan: {}",
                String::from_utf8_lossy(&message.content).replace('\0', " ")
            ),
            b'Z' => return Ok(root),
            _ => {}
        }
    }
}
