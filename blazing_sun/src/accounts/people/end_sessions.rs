//! Ending the sessions of others, as an administrator does who has a reason to.

use crate::accounts::account::Account;
use crate::accounts::people::repo;
use crate::accounts::sessions::{self, SessionKey, SignOutError, sign_out_everywhere};
use crate::flow::ctx::Tx;
use crate::kernel::id::Id;

/// For how many accounts at a time, so that no transaction is long.
const BATCH: i64 = 200;

/// Why no session was ended.
#[derive(Debug, thiserror::Error)]
pub enum EndSessionsError {
    /// There is no such account.
    #[error("there is no such account")]
    NoSuchAccount,
    /// They could not be ended.
    #[error(transparent)]
    SignOut(#[from] SignOutError),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Ends all sessions of an account. Returns where they may be cached.
pub async fn end_sessions(
    tx: &mut Tx,
    account: Id<Account>,
) -> Result<Vec<SessionKey>, EndSessionsError> {
    sessions::lock(tx, account)
        .await?
        .ok_or(EndSessionsError::NoSuchAccount)?;
    Ok(sign_out_everywhere(tx, account, None).await?)
}

/// Ends the sessions of some accounts, the next ones after an account. Returns the last of them and where the sessions may
/// be cached; nothing when all are done.
pub async fn end_some_sessions(
    tx: &mut Tx,
    after: Id<Account>,
) -> Result<Option<(Id<Account>, Vec<SessionKey>)>, EndSessionsError> {
    let accounts = repo::with_sessions(tx, after, BATCH).await?;
    let Some(last) = accounts.last().copied() else {
        return Ok(None);
    };
    let mut ended = Vec::new();
    for account in accounts {
        ended.extend(sign_out_everywhere(tx, account, None).await?);
    }
    Ok(Some((last, ended)))
}
