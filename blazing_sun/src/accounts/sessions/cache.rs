//! Sessions in Redis, for a minute at most, so that most requests need not ask PostgreSQL who they are from.
//!
//! Whoever ends a session bars its key: until the minute is over nothing is cached under it, so that a reader who was
//! just about to write down what it had found before changes nothing any more.

use std::sync::Arc;

use redis::{RedisResult, cmd, pipe};

use crate::accounts::sessions::session::{Session, SessionKey};
use crate::infra::redis::{CacheLookups, Redis};

/// The longest time that a session is remembered, in seconds.
const KEPT_FOR: u64 = 60;
/// What stands under a barred key.
const BARRED: &str = "-";

/// Remembers sessions, if there is a Redis that answers.
#[derive(Clone)]
pub struct SessionCache {
    redis: Option<Arc<Redis>>,
    lookups: CacheLookups,
}

impl SessionCache {
    /// A cache in this Redis; without one nothing is remembered.
    #[must_use]
    pub fn new(redis: Option<Arc<Redis>>, lookups: CacheLookups) -> Self {
        Self { redis, lookups }
    }

    /// A session that was remembered.
    pub async fn find(&self, key: &SessionKey) -> Option<Session> {
        let redis = self.redis.as_ref()?;
        let asking = cmd("GET").arg(redis.key(&key.name())).take();
        let Some(text) = away(redis.ask::<Option<String>>(&asking).await) else {
            self.lookups.error.inc();
            return None;
        };
        // What a build of another time wrote is not there for this one.
        let found = text.and_then(|text| serde_json::from_str(&text).ok());
        match &found {
            Some(_) => self.lookups.hit.inc(),
            None => self.lookups.miss.inc(),
        }
        found
    }

    /// Remembers a session, unless its key is barred.
    pub async fn remember(&self, key: &SessionKey, session: &Session) {
        let Some(redis) = &self.redis else { return };
        let Ok(text) = serde_json::to_string(session) else {
            return;
        };
        let mut command = cmd("SET");
        command
            .arg(redis.key(&key.name()))
            .arg(text)
            .arg("EX")
            .arg(KEPT_FOR)
            .arg("NX");
        away(redis.ask::<Option<String>>(&command).await);
    }

    /// Forgets sessions that have ended or changed, and bars their keys. With Redis away, what it still holds is gone
    /// within the minute.
    pub async fn forget(&self, keys: &[SessionKey]) {
        let Some(redis) = &self.redis else { return };
        if keys.is_empty() {
            return;
        }
        let mut commands = pipe();
        for key in keys {
            commands
                .set_ex(redis.key(&key.name()), BARRED, KEPT_FOR)
                .ignore();
        }
        away(redis.ask_all::<()>(&commands).await);
    }
}

fn away<T>(answer: RedisResult<T>) -> Option<T> {
    answer
        .inspect_err(|error| tracing::debug!(error = %error, "Redis is away: PostgreSQL is asked"))
        .ok()
}
