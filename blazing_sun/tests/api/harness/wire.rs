//! A wire to PostgreSQL on which statements are noted as they pass.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme,
};

use super::World;

/// What leads to PostgreSQL, and is another with a wire.
const LED: [&str; 4] = [
    "POSTGRES_HOST",
    "POSTGRES_PORT",
    "POSTGRES_SSLMODE",
    "POSTGRES_POOL_SIZE",
];

/// A client's first message, with which it asks for TLS.
const ASKS_FOR_TLS: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// What the application says to PostgreSQL and hears from it, unchanged.
pub struct Wire {
    statements: Statements,
    /// What led to PostgreSQL before.
    before: Vec<(&'static str, Option<String>)>,
    accepting: JoinHandle<()>,
}

/// The texts of statements, in the order in which they were executed.
type Statements = Arc<Mutex<Vec<String>>>;

impl Wire {
    /// Leads a world over a wire, with one connection, so that what a request says to PostgreSQL does not depend on which
    /// connection is free.
    pub async fn of(world: World) -> (World, Self) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let target = world.address_of("POSTGRES");
        let before = LED.map(|name| (name, world.variables().get(name).cloned()));
        let statements = Statements::default();
        let notes = Arc::clone(&statements);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (target, notes) = (target.clone(), Arc::clone(&notes));
                drop(tokio::spawn(async move {
                    client.set_nodelay(true).expect("a connection");
                    let server = connect(&target).await.expect("PostgreSQL");
                    carry(client, server, &notes).await;
                }));
            }
        });
        let world = world
            .with("POSTGRES_HOST", "127.0.0.1")
            .with("POSTGRES_PORT", port)
            .with("POSTGRES_SSLMODE", "disable")
            .with("POSTGRES_POOL_SIZE", 1);
        let wire = Self {
            statements,
            before: before.into(),
            accepting,
        };
        (world, wire)
    }

    /// Leads a world past the wire again: for what stands beside the application.
    pub fn past(&self, world: World) -> World {
        let before = self.before.iter();
        before.fold(world, |world, (name, value)| match value {
            Some(value) => world.with(name, value),
            None => world.without(name),
        })
    }

    /// How many statements have passed, those that begin and end transactions too.
    pub fn statements(&self) -> usize {
        noted(&self.statements).len()
    }

    /// The texts of those that have passed since there were so many.
    pub fn since(&self, number: usize) -> Vec<String> {
        noted(&self.statements)[number..].to_vec()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn noted(statements: &Statements) -> MutexGuard<'_, Vec<String>> {
    statements.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Passes everything on until one side ends.
async fn carry(client: TcpStream, server: Box<dyn Stream>, statements: &Statements) {
    let (said, mut heard) = split(client);
    let (mut answers, asked) = split(server);
    tokio::select! {
        _ = copy(&mut answers, &mut heard) => {}
        _ = note(said, asked, statements) => {}
    }
}

/// Passes messages on: the first one is its length and a content, all others begin with a letter that says what they are.
async fn note(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    statements: &Statements,
) -> io::Result<()> {
    let mut prepared = Prepared::default();
    let mut message = Vec::new();
    loop {
        let length = from.read_u32().await?;
        message.extend(length.to_be_bytes());
        (&mut from)
            .take(u64::from(length) - 4)
            .read_to_end(&mut message)
            .await?;
        if let Some(statement) = prepared.executed(&message) {
            noted(statements).push(statement);
        }
        to.write_all(&message).await?;
        to.flush().await?;
        message = vec![from.read_u8().await?];
    }
}

/// What a connection has prepared.
#[derive(Default)]
struct Prepared {
    /// Texts by the names of statements.
    texts: HashMap<String, String>,
    /// Statements by the names of portals.
    bound: HashMap<String, String>,
}

impl Prepared {
    /// The text of the statement that a message executes, if it does.
    fn executed(&mut self, message: &[u8]) -> Option<String> {
        let parts = message
            .get(5..)
            .unwrap_or_default()
            .split(|byte| *byte == 0);
        let mut parts = parts.map(|part| String::from_utf8_lossy(part).into_owned());
        let mut next = || parts.next().unwrap_or_default();
        match message[0] {
            // A statement is given a name,
            b'P' => drop(self.texts.insert(next(), next())),
            // its parameters are given under the name of a portal,
            b'B' => drop(self.bound.insert(next(), next())),
            // and that is executed.
            b'E' => {
                let statement = self.bound.get(&next());
                let text = statement.and_then(|name| self.texts.get(name));
                return Some(text.cloned().unwrap_or_default());
            }
            // A query of text alone.
            b'Q' => return Some(next()),
            _ => {}
        }
        None
    }
}

/// What a connection with or without TLS can do.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Connects with TLS if the server has it: some let nobody in without.
pub async fn connect(target: &str) -> io::Result<Box<dyn Stream>> {
    let mut server = TcpStream::connect(target).await?;
    // Messages go one by one: none has to wait for the other side to say that it has the one before.
    server.set_nodelay(true)?;
    server.write_all(&ASKS_FOR_TLS).await?;
    if server.read_u8().await? != b'S' {
        return Ok(Box::new(server));
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let anybody = Anybody(provider.signature_verification_algorithms);
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(anybody))
        .with_no_client_auth();
    let name = ServerName::try_from("postgres").expect("a name");
    let server = TlsConnector::from(Arc::new(config)).connect(name, server);
    Ok(Box::new(server.await?))
}

/// Takes any certificate: the tests know where their PostgreSQL is.
#[derive(Debug)]
struct Anybody(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
