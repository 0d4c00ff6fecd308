//! Refreshing: each refresh token is good once, and is followed by another.
//!
//! Who comes with one that was used before has copied it, or was copied from: nobody can tell, so the session ends. Two
//! requests of one honest client may cross, though. For some seconds, as long as the successor was not used, the same
//! token gets the same successor.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::accounts::clients::grant::Grant;
use crate::accounts::clients::repo::{self, Family, Found};
use crate::accounts::sessions::{self, SessionKey, SessionSettings, SignOutError, sign_out};
use crate::flow::ctx::Tx;

/// For how long a used token gets the same successor.
const GRACE: TimeDelta = TimeDelta::seconds(10);

/// Why there is no next token.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The token is none of ours, or its session has ended.
    #[error("the refresh token is not good")]
    BadToken,
    /// The session that had to end did not.
    #[error(transparent)]
    SignOut(#[from] SignOutError),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// What a refresh leads to.
pub enum Refreshed {
    /// The next tokens.
    Granted(Grant),
    /// The token was used before, and the session is ended. Where it may be cached.
    Reused(Vec<SessionKey>),
}

/// What to do about a token.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    First,
    Again(Uuid),
    Reused,
}

/// Uses a refresh token. The account's row is locked before its session's, as whoever ends sessions does.
pub async fn refresh(
    tx: &mut Tx,
    settings: &SessionSettings,
    family: Family,
    token: Uuid,
) -> Result<Refreshed, RefreshError> {
    let Family {
        account_id,
        session_id,
    } = family;
    let account = sessions::lock(tx, account_id).await?;
    account
        .filter(|account| account.is_active)
        .ok_or(RefreshError::BadToken)?;
    let now = tx.now();
    let found = repo::lock(tx, token)
        .await?
        .filter(|found| found.session.is_good(settings, now))
        .ok_or(RefreshError::BadToken)?;
    let refresh_id = match turn(&found, now) {
        Turn::First => repo::succeed(tx, token).await?,
        Turn::Again(successor) => successor,
        Turn::Reused => {
            let ended = sign_out(tx, account_id, session_id).await?;
            return Ok(Refreshed::Reused(ended));
        }
    };
    Ok(Refreshed::Granted(Grant {
        account_id,
        session_id,
        role: found.session.role,
        refresh_id,
    }))
}

fn turn(found: &Found, now: DateTime<Utc>) -> Turn {
    match (found.used_at, found.successor) {
        (None, _) => Turn::First,
        (Some(used_at), Some(successor)) if now - used_at < GRACE && !found.successor_was_used => {
            Turn::Again(successor)
        }
        _ => Turn::Reused,
    }
}
