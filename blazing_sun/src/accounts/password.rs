//! Passwords: what is accepted, and how they are kept.

use std::fmt;
use std::sync::Arc;

use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

/// The fewest characters (OWASP ASVS 5.0, 6.2.1).
const MIN_LENGTH: usize = 8;
/// The most characters, so that hashing has a bound (6.2.9 asks for at least 64).
const MAX_LENGTH: usize = 128;

/// A password as somebody chose it.
pub struct Password(SecretString);

/// Why a text is not accepted as a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unacceptable {
    /// Too easy to try out.
    #[error("has fewer than {MIN_LENGTH} characters")]
    TooShort,
    /// Longer than anybody needs.
    #[error("has more than {MAX_LENGTH} characters")]
    TooLong,
}

impl Password {
    /// Accepts a password that somebody chooses.
    pub fn choose(text: SecretString) -> Result<Self, Unacceptable> {
        match text.expose_secret().chars().count() {
            ..MIN_LENGTH => Err(Unacceptable::TooShort),
            MIN_LENGTH..=MAX_LENGTH => Ok(Self(text)),
            _ => Err(Unacceptable::TooLong),
        }
    }
}

/// What is kept of a password: argon2id with its parameters and salt, as a PHC string.
#[derive(Clone)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// For the database.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(***)")
    }
}

/// The cost of hashing; the defaults are OWASP's first recommendation for argon2id.
#[derive(Clone, Debug)]
pub struct HashSettings {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub iterations: u32,
    /// How many passwords are hashed at a time; each takes its memory.
    pub concurrency: u16,
}

/// Hashes passwords on threads that may block, a bounded number at a time.
#[derive(Clone)]
pub struct Hasher {
    argon2: Argon2<'static>,
    slots: Arc<Semaphore>,
}

impl Hasher {
    /// A hasher of this cost.
    pub fn new(settings: &HashSettings) -> anyhow::Result<Self> {
        let params = Params::new(settings.memory_kib, settings.iterations, 1, None)
            .map_err(|error| anyhow::anyhow!("argon2: {error}"))?;
        Ok(Self {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            slots: Arc::new(Semaphore::new(settings.concurrency.into())),
        })
    }

    /// Hashes a password with a new salt.
    pub async fn hash(&self, password: Password) -> anyhow::Result<PasswordHash> {
        let slot = Arc::clone(&self.slots).acquire_owned().await?;
        let argon2 = self.argon2.clone();
        let hash = tokio::task::spawn_blocking(move || {
            let hash = argon2.hash_password(password.0.expose_secret().as_bytes());
            drop(slot);
            hash.map(|hash| hash.to_string())
        })
        .await?
        .map_err(|error| anyhow::anyhow!("argon2: {error}"))?;
        Ok(PasswordHash(hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_has_8_to_128_characters() {
        let choose = |length| Password::choose(SecretString::from("ü".repeat(length))).map(|_| ());
        assert_eq!(choose(7), Err(Unacceptable::TooShort));
        assert_eq!(choose(8), Ok(()));
        assert_eq!(choose(128), Ok(()));
        assert_eq!(choose(129), Err(Unacceptable::TooLong));
    }

    #[tokio::test]
    async fn a_hash_names_its_parameters_and_has_its_own_salt() {
        let settings = HashSettings {
            memory_kib: 19,
            iterations: 2,
            concurrency: 1,
        };
        let hasher = Hasher::new(&settings).expect("good parameters");
        let hash = async || {
            let password =
                Password::choose(SecretString::from("correct horse")).expect("long enough");
            hasher.hash(password).await.expect("a hash").0
        };

        let (one, other) = (hash().await, hash().await);

        assert!(one.starts_with("$argon2id$v=19$m=19,t=2,p=1$"), "{one}");
        assert_ne!(one, other);
    }
}
