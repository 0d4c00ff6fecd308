//! Ending sessions.

use crate::accounts::account::Account;
use crate::accounts::events::SignedOut;
use crate::accounts::sessions::repo::{self, Which};
use crate::accounts::sessions::session::{Session, SessionKey};
use crate::flow::ctx::Tx;
use crate::flow::outbox::{self, Refused};
use crate::kernel::id::Id;

/// Why a session was not ended.
#[derive(Debug, thiserror::Error)]
pub enum SignOutError {
    /// The account has no such session.
    #[error("there is no such session")]
    NoSuchSession,
    /// It could not be written down.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Ends one session of an account. Returns where it may be cached.
pub async fn sign_out(
    tx: &mut Tx,
    account: Id<Account>,
    session: Id<Session>,
) -> Result<Vec<SessionKey>, SignOutError> {
    let ended = sign_out_of(tx, account, Which::One(session)).await?;
    if ended.is_empty() {
        return Err(SignOutError::NoSuchSession);
    }
    Ok(ended)
}

/// Ends all sessions of an account, or all but one. Returns where they may be cached.
pub async fn sign_out_everywhere(
    tx: &mut Tx,
    account: Id<Account>,
    but: Option<Id<Session>>,
) -> Result<Vec<SessionKey>, SignOutError> {
    sign_out_of(tx, account, but.map_or(Which::All, Which::Others)).await
}

async fn sign_out_of(
    tx: &mut Tx,
    account: Id<Account>,
    which: Which,
) -> Result<Vec<SessionKey>, SignOutError> {
    let version = repo::lock(tx, account)
        .await?
        .map_or(0, |locked| locked.version);
    let ended = repo::end(tx, account, which).await?;
    for ended in &ended {
        let event = SignedOut {
            user_id: account,
            version,
            session_id: ended.id,
        };
        outbox::emit(tx, &event).await?;
    }
    Ok(ended.into_iter().map(|ended| ended.key).collect())
}
