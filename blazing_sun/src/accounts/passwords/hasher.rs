//! How passwords are kept: argon2id, on threads that may block.

use std::fmt;
use std::sync::Arc;

use argon2::password_hash::{self, PasswordHasher, PasswordVerifier, phc};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, spawn_blocking};

use crate::accounts::measures::HashMeasures;
use crate::accounts::passwords::Password;

/// What is kept of a password: argon2id with its parameters and salt, as a PHC string.
#[derive(Clone)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// As it lies in the database.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

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
    /// How many more may wait for their turn.
    pub queue: u16,
}

/// What a password is to a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Another one, or there is no hash.
    Wrong,
    /// The one that the hash was made of.
    Right {
        /// Whether hashing costs more today: time to hash it again.
        outdated: bool,
    },
}

/// Why a password was neither hashed nor verified.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// As many are waiting as may; it passes within seconds.
    #[error("too many passwords are waiting to be hashed")]
    Busy,
    /// The parameters are out of argon2's range, or what lies in the database is not a hash that it made.
    #[error("argon2: {0}")]
    Argon2(password_hash::Error),
    /// What lies in the database is not a hash.
    #[error("a stored password hash cannot be read: {0}")]
    Unreadable(phc::Error),
    /// The thread that hashed broke off.
    #[error(transparent)]
    Thread(#[from] JoinError),
}

/// Hashes passwords on threads that may block, a bounded number at a time, while a bounded number waits.
#[derive(Clone)]
pub struct Hasher {
    argon2: Argon2<'static>,
    /// What a password is compared with where there is nothing to compare it with.
    dummy: phc::PasswordHash,
    /// Those that hash or wait.
    places: Arc<Semaphore>,
    /// Those that hash.
    slots: Arc<Semaphore>,
    measures: HashMeasures,
}

/// The right to hash, until it is dropped.
struct Turn {
    _place: OwnedSemaphorePermit,
    _slot: OwnedSemaphorePermit,
}

impl Hasher {
    /// A hasher of this cost.
    pub fn new(settings: &HashSettings, measures: HashMeasures) -> anyhow::Result<Self> {
        let params = Params::new(settings.memory_kib, settings.iterations, 1, None)
            .map_err(|error| anyhow::anyhow!("argon2: {error}"))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let slots = usize::from(settings.concurrency);
        Ok(Self {
            dummy: argon2.hash_password(b"").map_err(HashError::Argon2)?,
            argon2,
            places: Arc::new(Semaphore::new(slots + usize::from(settings.queue))),
            slots: Arc::new(Semaphore::new(slots)),
            measures,
        })
    }

    /// Hashes a password with a new salt.
    pub async fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        let turn = self.turn().await?;
        let (argon2, password) = (self.argon2.clone(), password.clone());
        let timer = self.measures.duration.start_timer();
        let hash = spawn_blocking(move || {
            // The turn ends with the work, even if nobody waits for it any more.
            let _turn = turn;
            let _timer = timer;
            argon2.hash_password(password.expose().as_bytes())
        })
        .await?
        .map_err(HashError::Argon2)?;
        Ok(PasswordHash(hash.to_string()))
    }

    /// Compares a password with a hash. Where there is none it takes as long, so that time does not tell whether an
    /// account exists.
    pub async fn verify(
        &self,
        password: &Password,
        hash: Option<&PasswordHash>,
    ) -> Result<Verdict, HashError> {
        let stored = hash
            .map(|hash| phc::PasswordHash::new(hash.as_str()))
            .transpose()
            .map_err(HashError::Unreadable)?;
        let (argon2, password) = (self.argon2.clone(), password.clone());
        let (is_possible, against) = match stored {
            Some(stored) => (true, stored),
            None => (false, self.dummy.clone()),
        };
        let outdated = self.is_outdated(&against)?;
        let turn = self.turn().await?;
        let timer = self.measures.duration.start_timer();
        let verified = spawn_blocking(move || {
            let _turn = turn;
            let _timer = timer;
            argon2.verify_password(password.expose().as_bytes(), &against)
        })
        .await?;
        match verified {
            Ok(()) if is_possible => Ok(Verdict::Right { outdated }),
            Ok(()) | Err(password_hash::Error::PasswordInvalid) => Ok(Verdict::Wrong),
            Err(error) => Err(HashError::Argon2(error)),
        }
    }

    /// Whether a hash cost less than one costs now, or is of another kind.
    fn is_outdated(&self, hash: &phc::PasswordHash) -> Result<bool, HashError> {
        let (now, then) = (
            self.argon2.params(),
            Params::try_from(hash).map_err(HashError::Argon2)?,
        );
        Ok(hash.algorithm != Algorithm::Argon2id.ident()
            || hash.version != Some(Version::V0x13.into())
            || then.m_cost() < now.m_cost()
            || then.t_cost() < now.t_cost()
            || then.p_cost() < now.p_cost())
    }

    /// Waits for a turn, unless too many do.
    async fn turn(&self) -> Result<Turn, HashError> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| HashError::Busy)?;
        // Nobody closes the semaphore.
        let _waiting = self.measures.wait.start_timer();
        let slot = Arc::clone(&self.slots).acquire_owned().await;
        let slot = slot.map_err(|_| HashError::Busy)?;
        Ok(Turn {
            _place: place,
            _slot: slot,
        })
    }
}

#[cfg(test)]
mod tests;
