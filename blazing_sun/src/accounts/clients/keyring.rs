//! The signing keys as a process knows them: read every minute, and when a token names one that nobody has heard of.

use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Mutex;

use crate::accounts::clients::make_key::{When, make_key};
use crate::accounts::clients::repo;
use crate::accounts::clients::signing_key::{
    Jwk, KeyState, KeyTimes, SigningKey, Underivable, signer,
};
use crate::accounts::link::Links;
use crate::flow::ctx::{Cause, Ctx};
use crate::kernel::id;

/// For how long the keys are known.
const KNOWN_FOR: TimeDelta = TimeDelta::minutes(1);
/// For how long they are known at least, whatever names tokens bring: anybody can make one up.
const UNKNOWN_FOR: TimeDelta = TimeDelta::seconds(5);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// One could not be derived.
    #[error(transparent)]
    Underivable(#[from] Underivable),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// The signing keys.
#[derive(Clone)]
pub struct Keyring(Arc<Inner>);

struct Inner {
    ctx: Ctx,
    links: Links,
    known: RwLock<Known>,
    reading: Mutex<()>,
}

/// What was read, and when.
#[derive(Clone, Default)]
struct Known {
    keys: Arc<[SigningKey]>,
    read_at: Option<DateTime<Utc>>,
}

impl Known {
    fn is_fresh(&self, age: TimeDelta, now: DateTime<Utc>) -> bool {
        self.read_at.is_some_and(|at| (now - at).abs() < age)
    }
}

impl Keyring {
    /// The keys in the database.
    #[must_use]
    pub fn new(ctx: Ctx, links: Links) -> Self {
        Self(Arc::new(Inner {
            ctx,
            links,
            known: RwLock::default(),
            reading: Mutex::default(),
        }))
    }

    /// The key that signs now.
    pub async fn signer(&self) -> Result<SigningKey, KeyError> {
        let keys = self.some_keys().await?;
        Ok(signer(&keys, self.0.ctx.now())
            .ok_or(sqlx::Error::RowNotFound)?
            .clone())
    }

    /// The key that a token names, if tokens of it are good.
    pub async fn find(&self, kid: &str) -> Result<Option<SigningKey>, KeyError> {
        let mut found = named(&self.keys(KNOWN_FOR).await?, kid);
        if found.is_none() {
            found = named(&self.keys(UNKNOWN_FOR).await?, kid);
        }
        Ok(found.filter(|key| key.times.is_alive(self.0.ctx.now())))
    }

    /// The public halves of the keys whose tokens are good, or will be.
    pub async fn published(&self) -> Result<Vec<Jwk>, KeyError> {
        let (keys, now) = (self.some_keys().await?, self.0.ctx.now());
        let alive = keys.iter().filter(|key| key.times.is_alive(now));
        Ok(alive.map(SigningKey::published).collect())
    }

    /// Every key, the oldest first, and what it does.
    pub async fn list(&self) -> Result<Vec<(SigningKey, KeyState)>, KeyError> {
        let (keys, now) = (self.keys(TimeDelta::zero()).await?, self.0.ctx.now());
        let signs = signer(&keys, now).map(|key| key.times.id);
        Ok(keys
            .iter()
            .map(|key| {
                (
                    key.clone(),
                    state(&key.times, signs == Some(key.times.id), now),
                )
            })
            .collect())
    }

    /// Makes another key.
    pub async fn rotate(&self) -> Result<(), KeyError> {
        self.make(When::Now).await
    }

    /// The keys; the first is made if there is none.
    async fn some_keys(&self) -> Result<Arc<[SigningKey]>, KeyError> {
        let keys = self.keys(KNOWN_FOR).await?;
        if !keys.is_empty() {
            return Ok(keys);
        }
        self.make(When::Missing).await?;
        self.keys(TimeDelta::zero()).await
    }

    async fn make(&self, when: When) -> Result<(), KeyError> {
        let mut tx = self.0.ctx.begin(Cause::new(id::new().to_string())).await?;
        make_key(&mut tx, when).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The keys, read again if what is known is as old as `age`.
    async fn keys(&self, age: TimeDelta) -> Result<Arc<[SigningKey]>, KeyError> {
        let now = self.0.ctx.now();
        let known = self.known();
        if known.is_fresh(age, now) {
            return Ok(known.keys);
        }
        let _alone = self.0.reading.lock().await;
        let known = self.known();
        if known.is_fresh(age, now) {
            return Ok(known.keys);
        }
        let keys = match self.read().await {
            Ok(keys) => keys,
            // What is known is still true: keys end by the clock.
            Err(KeyError::Database(error)) if !known.keys.is_empty() => {
                tracing::warn!(error = %error, "the signing keys could not be read again");
                known.keys
            }
            Err(error) => return Err(error),
        };
        let known = Known {
            keys: Arc::clone(&keys),
            read_at: Some(now),
        };
        *self.0.known.write().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(keys)
    }

    fn known(&self) -> Known {
        let known = self.0.known.read();
        known.unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn read(&self) -> Result<Arc<[SigningKey]>, KeyError> {
        let rows = repo::keys(self.0.ctx.pool()).await?.into_iter();
        let keys = rows.map(|times| SigningKey::derive(&self.0.links, times));
        Ok(keys.collect::<Result<_, _>>()?)
    }
}

fn named(keys: &[SigningKey], kid: &str) -> Option<SigningKey> {
    keys.iter().find(|key| key.kid == kid).cloned()
}

fn state(times: &KeyTimes, signs: bool, now: DateTime<Utc>) -> KeyState {
    if !times.is_alive(now) {
        KeyState::Expired
    } else if signs {
        KeyState::Signing
    } else if now < times.signs_from {
        KeyState::Coming
    } else {
        KeyState::Retired
    }
}
