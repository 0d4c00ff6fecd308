//! The way to the next tokens: count the try, use the refresh token, sign.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::accounts::clients::access_token::{AccessTokens, IssueError, Tokens};
use crate::accounts::clients::refresh::{RefreshError, Refreshed, refresh};
use crate::accounts::clients::repo;
use crate::accounts::link::{Links, Purpose};
use crate::accounts::sessions::Sessions;
use crate::flow::ctx::{Cause, Ctx};
use crate::web::client::Client;
use crate::web::throttle::{Rate, Throttle, TooMany};

/// Tries from one address, whatever tokens they bring.
const FROM_ADDRESS: Rate = Rate {
    burst: 60,
    every: TimeDelta::seconds(1),
};
/// Refreshes of one session, which needs one in a quarter of an hour.
const OF_SESSION: Rate = Rate {
    burst: 30,
    every: TimeDelta::seconds(30),
};

/// Why a client gets no tokens.
#[derive(Debug, thiserror::Error)]
pub enum NotRenewed {
    /// Too many tries.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// The token is not good.
    #[error(transparent)]
    Refresh(#[from] RefreshError),
    /// The next ones could not be made.
    #[error(transparent)]
    Issue(#[from] IssueError),
}

impl From<sqlx::Error> for NotRenewed {
    fn from(error: sqlx::Error) -> Self {
        Self::Refresh(error.into())
    }
}

/// Gives clients their next tokens.
#[derive(Clone)]
pub struct Renewals {
    ctx: Ctx,
    links: Links,
    throttle: Arc<Throttle>,
    sessions: Sessions,
    access: AccessTokens,
}

impl Renewals {
    /// With everything it needs.
    #[must_use]
    pub fn new(
        ctx: Ctx,
        links: Links,
        throttle: Arc<Throttle>,
        sessions: Sessions,
        access: AccessTokens,
    ) -> Self {
        Self {
            ctx,
            links,
            throttle,
            sessions,
            access,
        }
    }

    /// The tokens that follow a refresh token.
    pub async fn renew(
        &self,
        cause: Cause,
        client: &Client,
        token: &str,
    ) -> Result<Tokens, NotRenewed> {
        let now = self.ctx.now();
        self.throttle
            .take("refresh-from", &client.network(), FROM_ADDRESS, now)
            .await?;
        let token = self.links.open(Purpose::Refresh, token);
        let token = token.ok_or(RefreshError::BadToken)?;
        let family = repo::family(self.ctx.pool(), token).await?;
        let family = family.ok_or(RefreshError::BadToken)?;
        let session = family.session_id.to_string();
        self.throttle
            .take("refresh-of", &session, OF_SESSION, now)
            .await?;
        let cause = cause.by(family.account_id.uuid());
        let mut tx = self.ctx.begin(cause).await?;
        let refreshed = refresh(&mut tx, self.sessions.settings(), family, token).await?;
        tx.commit().await?;
        match refreshed {
            Refreshed::Granted(grant) => Ok(self.access.issue(&grant).await?),
            Refreshed::Reused(ended) => {
                self.sessions.forget(&ended).await;
                tracing::warn!(
                    session.id = session,
                    "a refresh token came a second time: its session is ended"
                );
                Err(RefreshError::BadToken.into())
            }
        }
    }
}
