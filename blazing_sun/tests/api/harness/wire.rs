//! A wire to PostgreSQL on which statements are counted as they pass.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

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

/// A client's first message, with which it asks for TLS.
const ASKS_FOR_TLS: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// What the application says to PostgreSQL and hears from it, unchanged.
pub struct Wire {
    statements: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Wire {
    /// Leads a world over a wire, with one connection, so that what a request says to PostgreSQL does not depend on which
    /// connection is free.
    pub async fn of(world: World) -> (World, Self) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let target = world.address_of("POSTGRES");
        let statements = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&statements);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (target, counter) = (target.clone(), Arc::clone(&counter));
                drop(tokio::spawn(async move {
                    let server = connect(&target).await.expect("PostgreSQL");
                    carry(client, server, &counter).await;
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
            accepting,
        };
        (world, wire)
    }

    /// How many statements have passed, those that begin and end transactions too.
    pub fn statements(&self) -> usize {
        self.statements.load(Ordering::SeqCst)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Passes everything on until one side ends.
async fn carry(client: TcpStream, server: Box<dyn Stream>, statements: &AtomicUsize) {
    let (said, mut heard) = split(client);
    let (mut answers, asked) = split(server);
    tokio::select! {
        _ = copy(&mut answers, &mut heard) => {}
        _ = count(said, asked, statements) => {}
    }
}

/// Passes messages on: the first one is its length and a content, all others begin with a letter that says what they are.
async fn count(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    statements: &AtomicUsize,
) -> io::Result<()> {
    let mut message = Vec::new();
    loop {
        let length = from.read_u32().await?;
        message.extend(length.to_be_bytes());
        (&mut from)
            .take(u64::from(length) - 4)
            .read_to_end(&mut message)
            .await?;
        // Either executes what was prepared, or is a query of text alone.
        if matches!(message[0], b'E' | b'Q') {
            statements.fetch_add(1, Ordering::SeqCst);
        }
        to.write_all(&message).await?;
        to.flush().await?;
        message = vec![from.read_u8().await?];
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Connects with TLS if the server has it: some let nobody in without.
async fn connect(target: &str) -> io::Result<Box<dyn Stream>> {
    let mut server = TcpStream::connect(target).await?;
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
