//! The mail server: connections that are protected as configured, and used again while they are good.
//!
//! The library's own pool is not used: it sends a password in clear text where no TLS is offered, and takes back a
//! connection whose letter was given up half-way, so that the next letter gets the answers meant for the last one.

use std::time::Duration;

use anyhow::Context;
use lettre::address::{Address, Envelope};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection as Connection, Certificate, TlsParameters,
};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::{Error, response::Severity};
use secrecy::ExposeSecret;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tracing::Instrument;
use tracing::field::Empty;

use crate::infra::smtp::{Encryption, SendError, Settings};
use crate::infra::traces::EXPORTED;

/// How long one of the server's addresses may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a connection may wait for its next letter; servers close idle ones after some minutes.
const IDLE: Duration = Duration::from_secs(60);
/// How many connections wait at most.
const WAITING: usize = 4;
/// How long a waiting connection may take to prove that it lives, and an ended one to say goodbye.
const ANSWER: Duration = Duration::from_secs(2);
/// "Authentication required", "mechanism too weak", "credentials invalid", "encryption required": said about us, not
/// about the letter (RFC 4954, section 6).
const SIGN_IN: [u16; 4] = [530, 534, 535, 538];
/// Mailtrap answers 550 to letters that follow each other too fast, although they may well come later.
const TOO_FAST: &str = "too many emails per second";

/// The way to one mail server.
pub(super) struct Relay {
    host: String,
    port: u16,
    encryption: Encryption,
    tls: Option<TlsParameters>,
    credentials: Option<Credentials>,
    /// Connections that just worked, the freshest last.
    waiting: Mutex<Vec<(Connection, Instant)>>,
}

impl Relay {
    pub fn new(settings: &Settings) -> anyhow::Result<Self> {
        let password = settings.password.expose_secret();
        let credentials = (!settings.username.is_empty())
            .then(|| Credentials::new(settings.username.clone(), password.to_owned()));
        let tls = match settings.encryption {
            Encryption::None => None,
            _ => Some(trust(settings)?),
        };
        if tls.is_none() && credentials.is_some() {
            tracing::warn!("MAIL_ENCRYPTION=none: the mail server's password goes in clear text");
        }
        Ok(Self {
            host: settings.host.clone(),
            port: settings.port,
            encryption: settings.encryption,
            tls,
            credentials,
            waiting: Mutex::new(Vec::new()),
        })
    }

    pub async fn send(&self, envelope: &Envelope, letter: &[u8]) -> Result<(), SendError> {
        let span = tracing::info_span!(
            target: EXPORTED,
            "smtp",
            otel.name = "send mail",
            otel.kind = "client",
            network.protocol.name = "smtp",
            server.address = self.host,
            server.port = self.port,
            otel.status_code = Empty,
        );
        let sent = self
            .converse(envelope, letter)
            .instrument(span.clone())
            .await;
        if sent.is_err() {
            span.record("otel.status_code", "ERROR");
        }
        sent
    }

    async fn converse(&self, envelope: &Envelope, letter: &[u8]) -> Result<(), SendError> {
        let mut connection = self.connection().await?;
        match deliver(&mut connection, envelope, letter).await {
            Ok(()) => {
                self.keep(connection).await;
                Ok(())
            }
            Err(error) => {
                part(connection).await;
                Err(error)
            }
        }
    }

    pub async fn check(&self) -> Result<(), SendError> {
        let connection = self.connect().await?;
        self.keep(connection).await;
        Ok(())
    }

    pub async fn close(&self) {
        for (connection, _) in self.waiting.lock().await.drain(..) {
            part(connection).await;
        }
    }

    /// A waiting connection that still answers, or a new one.
    async fn connection(&self) -> Result<Connection, SendError> {
        while let Some((mut connection, since)) = self.take().await {
            let answers = timeout(ANSWER, connection.test_connected());
            if since.elapsed() < IDLE && answers.await.unwrap_or(false) {
                return Ok(connection);
            }
        }
        self.connect().await
    }

    async fn take(&self) -> Option<(Connection, Instant)> {
        self.waiting.lock().await.pop()
    }

    async fn keep(&self, connection: Connection) {
        let mut waiting = self.waiting.lock().await;
        waiting.retain(|(_, since)| since.elapsed() < IDLE);
        if waiting.len() < WAITING {
            waiting.push((connection, Instant::now()));
        }
    }

    /// A new connection, protected and signed in. Nothing that goes wrong here is the fault of a letter.
    async fn connect(&self) -> Result<Connection, SendError> {
        let failed = |error: Error| {
            SendError::Temporary(format!("mail server {}:{}: {error}", self.host, self.port))
        };
        let wants = |why: &str| {
            SendError::Temporary(format!(
                "mail server {}:{} does not offer STARTTLS, {why}",
                self.host, self.port
            ))
        };
        let own_name = ClientId::default();
        let from_the_start = self
            .tls
            .clone()
            .filter(|_| self.encryption == Encryption::Tls);
        let mut connection = Connection::connect_tokio1(
            (self.host.as_str(), self.port),
            Some(CONNECT),
            &own_name,
            from_the_start,
            None,
        )
        .await
        .map_err(failed)?;
        if let Some(tls) = self.tls.clone().filter(|_| connection.can_starttls()) {
            connection.starttls(tls, &own_name).await.map_err(failed)?;
        }
        if !connection.is_encrypted() && self.encryption == Encryption::StartTls {
            return Err(wants("which MAIL_ENCRYPTION=starttls requires"));
        }
        if let Some(credentials) = &self.credentials {
            if !connection.is_encrypted() && self.encryption != Encryption::None {
                return Err(wants(
                    "and the password is not sent in clear text; MAIL_ENCRYPTION=none would, tls is for \
                     servers that speak TLS from the first byte (often port 465)",
                ));
            }
            connection
                .auth(&[Mechanism::Plain, Mechanism::Login], credentials)
                .await
                .map_err(failed)?;
        }
        Ok(connection)
    }
}

/// The certificates that the server is checked against: the system's, and those of `ca_file`.
fn trust(settings: &Settings) -> anyhow::Result<TlsParameters> {
    let mut tls = TlsParameters::builder(settings.host.clone());
    if let Some(path) = &settings.ca_file {
        let of_file = || format!("MAIL_CA_FILE {}", path.display());
        let pem = std::fs::read(path).with_context(of_file)?;
        tls = tls.add_root_certificate(Certificate::from_pem(&pem).with_context(of_file)?);
    }
    Ok(tls.build()?)
}

/// Hands over one letter, step by step, because the same answer means something else at another step.
async fn deliver(
    connection: &mut Connection,
    envelope: &Envelope,
    letter: &[u8],
) -> Result<(), SendError> {
    let mut parameters = Vec::new();
    let is_foreign = |address: &Address| !address.to_string().is_ascii();
    if envelope.to().iter().any(is_foreign) {
        let server = connection.server_info();
        if !server.supports_feature(Extension::SmtpUtfEight) {
            let reason = "the mail server takes no address beyond ASCII";
            return Err(SendError::Permanent(reason.to_owned()));
        }
        parameters.push(MailParameter::SmtpUtfEight);
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    // The sender is a setting: refused, it can be set right, and the letter sent.
    connection
        .command(Mail::new(envelope.from().cloned(), parameters))
        .await
        .map_err(|error| SendError::Temporary(format!("sender: {error}")))?;
    for recipient in envelope.to() {
        connection
            .command(Rcpt::new(recipient.clone(), Vec::new()))
            .await
            .map_err(|error| judge("recipient", &error))?;
    }
    connection
        .command(Data)
        .await
        .map_err(|error| judge("letter", &error))?;
    connection
        .message(letter)
        .await
        .map_err(|error| judge("letter", &error))?;
    Ok(())
}

/// Whether another attempt may succeed.
fn judge(step: &str, error: &Error) -> SendError {
    let text = format!("{step}: {error}");
    let is_final = error.status().is_some_and(|code| {
        code.severity == Severity::PermanentNegativeCompletion && !SIGN_IN.contains(&code.into())
    });
    if is_final && !text.contains(TOO_FAST) {
        SendError::Permanent(text)
    } else {
        SendError::Temporary(text)
    }
}

/// Ends a connection; a server that does not answer is left behind.
async fn part(mut connection: Connection) {
    drop(timeout(ANSWER, connection.quit()).await);
}
