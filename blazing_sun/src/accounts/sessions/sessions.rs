//! Finding sessions: in the cache, else in PostgreSQL.

use crate::accounts::sessions::cache::SessionCache;
use crate::accounts::sessions::repo;
use crate::accounts::sessions::session::{Session, SessionKey, SessionSettings};
use crate::flow::ctx::Ctx;
use chrono::TimeDelta;

/// How exactly it is noted when a session was last used.
const SEEN_TO_WITHIN: TimeDelta = TimeDelta::minutes(5);

/// The sessions of everybody.
#[derive(Clone)]
pub struct Sessions {
    ctx: Ctx,
    cache: SessionCache,
    settings: SessionSettings,
}

impl Sessions {
    /// The sessions in PostgreSQL, remembered by `cache`.
    #[must_use]
    pub fn new(ctx: Ctx, cache: SessionCache, settings: SessionSettings) -> Self {
        Self {
            ctx,
            cache,
            settings,
        }
    }

    /// How long somebody stays signed in.
    #[must_use]
    pub fn settings(&self) -> &SessionSettings {
        &self.settings
    }

    /// The session of a key, if it is good.
    pub async fn find(&self, key: &SessionKey) -> sqlx::Result<Option<Session>> {
        let now = self.ctx.now();
        if let Some(session) = self.cache.find(key).await {
            return Ok(Some(session).filter(|session| session.is_good(&self.settings, now)));
        }
        let found = repo::find(self.ctx.pool(), key).await?;
        let Some(mut session) = found.filter(|session| session.is_good(&self.settings, now)) else {
            return Ok(None);
        };
        if now - session.seen_at >= SEEN_TO_WITHIN {
            repo::touch(self.ctx.pool(), session.id, now).await?;
            session.seen_at = now;
        }
        self.cache.remember(key, &session).await;
        Ok(Some(session))
    }

    /// Forgets sessions that have ended or changed. To be called when that is committed.
    pub async fn forget(&self, keys: &[SessionKey]) {
        self.cache.forget(keys).await;
    }
}
