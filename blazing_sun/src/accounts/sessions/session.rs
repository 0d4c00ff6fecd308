//! A session: who is signed in, where, and until when.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::accounts::account::Account;
use crate::kernel::id::Id;
use crate::web::access::Role;

/// How long somebody stays signed in.
#[derive(Clone, Copy, Debug)]
pub struct SessionSettings {
    /// Without a request.
    pub idle: TimeDelta,
    /// In any case.
    pub longest: TimeDelta,
}

impl SessionSettings {
    /// The longest life of a session's cookie, in seconds.
    #[must_use]
    pub fn seconds(&self) -> i64 {
        self.longest.num_seconds()
    }
}

/// What is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A browser, which holds a cookie.
    Browser,
    /// A program, which holds an access token and a refresh token.
    Client,
}

impl Kind {
    /// Its name in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Client => "client",
        }
    }
}

/// Somebody who is signed in, as every request needs to know them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// Which one.
    pub id: Id<Session>,
    /// Whose.
    pub account_id: Id<Account>,
    /// What its owner is here.
    pub role: Role,
    /// When its owner last proved who they are.
    pub confirmed_at: DateTime<Utc>,
    /// When it was last used, to within minutes.
    pub seen_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

impl Session {
    /// Whether it is good at a moment.
    #[must_use]
    pub fn is_good(&self, settings: &SessionSettings, now: DateTime<Utc>) -> bool {
        now < self.expires_at && now - self.seen_at < settings.idle
    }
}

/// A secret of 256 random bits that somebody holds, and that nobody else keeps.
pub struct Token(SecretString);

impl Token {
    /// A new one.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(BASE64_URL_SAFE_NO_PAD.encode(bytes).into()))
    }

    /// The one that somebody brings, if it has the form of one.
    #[must_use]
    pub fn well_formed(text: &SecretString) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text.expose_secret()).ok()?;
        (bytes.len() == 32).then(|| Self(text.clone()))
    }

    /// One that somebody brings.
    #[must_use]
    pub fn given(text: SecretString) -> Self {
        Self(text)
    }

    /// For the one who holds it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }

    /// What is kept of it. (Of 256 random bits, a plain hash gives nothing away.)
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.reveal()).into())
    }
}

/// What is kept of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash of any text, for things that are recognised rather than secret.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// One out of the database.
    #[must_use]
    pub fn from_stored(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// For the database.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(self.0))
    }
}

/// How a session is found: a browser's by its token, a client's by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionKey {
    /// By what is kept of the cookie's token.
    Browser(TokenHash),
    /// By the id that the access token carries.
    Client(Id<Session>),
}

impl SessionKey {
    /// Its name in the cache.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Browser(hash) => format!("session:{hash}"),
            Self::Client(id) => format!("session:{id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_256_bits_and_is_its_own() {
        let (one, other) = (
            Token::random().expect("chance"),
            Token::random().expect("chance"),
        );
        assert_eq!(one.reveal().len(), 43);
        assert_ne!(one.reveal(), other.reveal());
        assert_eq!(one.hash(), Token::given(one.reveal().into()).hash());
        assert_ne!(one.hash(), other.hash());
    }

    #[test]
    fn a_session_ends_when_it_is_idle_or_old() {
        let settings = SessionSettings {
            idle: TimeDelta::days(7),
            longest: TimeDelta::days(30),
        };
        let day = |days| DateTime::UNIX_EPOCH + TimeDelta::days(days);
        let session = |seen_at| Session {
            id: Id::new(),
            account_id: Id::new(),
            role: Role::User,
            confirmed_at: day(0),
            seen_at,
            expires_at: day(30),
        };
        assert!(session(day(0)).is_good(&settings, day(6)));
        assert!(!session(day(0)).is_good(&settings, day(7)));
        assert!(session(day(29)).is_good(&settings, day(29)));
        assert!(!session(day(29)).is_good(&settings, day(30)));
    }
}
