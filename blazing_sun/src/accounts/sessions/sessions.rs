//! Finding sessions: in the cache, else in PostgreSQL.

use crate::accounts::sessions::cache::SessionCache;
use crate::accounts::sessions::repo;
use crate::accounts::sessions::session::{Session, SessionKey, SessionSettings, Token};
use crate::accounts::sessions::sign_in::{Opened, SignInError};
use crate::accounts::sessions::sign_out::{SignOutError, sign_out};
use crate::flow::ctx::{Cause, Ctx};
use crate::web::client::Client;
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

    /// Ends what a session that was opened takes the place of, once that is committed: the session that its browser
    /// brought along, whoever's that is.
    pub async fn replace(
        &self,
        cause: Cause,
        client: &Client,
        opened: &Opened,
    ) -> Result<(), SignInError> {
        self.forget(&opened.ended).await;
        let is_browser = opened.token.is_some();
        let Some(token) = client.session.clone().filter(|_| is_browser) else {
            return Ok(());
        };
        let key = SessionKey::Browser(Token::given(token).hash());
        let Some(before) = repo::find(self.ctx.pool(), &key).await? else {
            return Ok(());
        };
        let mut tx = self.ctx.begin(cause.by(before.account_id.uuid())).await?;
        match sign_out(&mut tx, before.account_id, before.id).await {
            Ok(ended) => {
                tx.commit().await?;
                self.forget(&ended).await;
                Ok(())
            }
            // It has ended meanwhile.
            Err(SignOutError::NoSuchSession) => Ok(()),
            Err(SignOutError::Refused(error)) => Err(error.into()),
            Err(SignOutError::Database(error)) => Err(error.into()),
        }
    }

    /// Forgets sessions that have ended or changed. To be called when that is committed.
    pub async fn forget(&self, keys: &[SessionKey]) {
        self.cache.forget(keys).await;
    }
}
