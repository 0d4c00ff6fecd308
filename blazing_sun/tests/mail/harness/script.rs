//! How the mail server of a test behaves.

use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// What the server offers, and where it does not do what is asked.
#[derive(Clone, Default)]
pub struct Script {
    pub tls: Option<TlsAcceptor>,
    pub tls_from_the_start: bool,
    pub asks_for_sign_in: bool,
    answers: Vec<(&'static str, &'static str)>,
    pub silent_from: Option<(usize, &'static str)>,
}

impl Script {
    /// The server offers AUTH, and takes nothing without it.
    pub fn asking_for_sign_in(mut self) -> Self {
        self.asks_for_sign_in = true;
        self
    }

    /// The server answers a command, an address or the end of a letter (`.`) with `reply`.
    pub fn answering(mut self, command: &'static str, reply: &'static str) -> Self {
        self.answers.push((command, reply));
        self
    }

    /// On its connection number `connection`, from 1, the server says nothing more once `command` came in.
    pub fn silent_from(mut self, connection: usize, command: &'static str) -> Self {
        self.silent_from = Some((connection, command));
        self
    }

    /// The server offers STARTTLS, or speaks TLS from the start; the certificate that vouches for it comes as PEM.
    pub fn with_tls(mut self, from_the_start: bool) -> (Self, String) {
        let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a pair");
        let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], PrivateKeyDer::Pkcs8(key))
            .expect("a usable pair");
        self.tls = Some(TlsAcceptor::from(Arc::new(config)));
        self.tls_from_the_start = from_the_start;
        (self, own.cert.pem())
    }

    pub fn answer(&self, command: &str) -> Option<&'static str> {
        let mut answers = self.answers.iter();
        answers
            .find(|(scripted, _)| *scripted == command)
            .map(|(_, reply)| *reply)
    }
}
