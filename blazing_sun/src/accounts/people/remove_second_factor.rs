//! Removing somebody's second factor who has lost it, once an administrator knows who asks.

use crate::accounts::account::Account;
use crate::accounts::people::repo;
use crate::accounts::second_factor::{self, RemoveError};
use crate::accounts::sessions::SessionKey;
use crate::flow::ctx::Tx;
use crate::kernel::id::Id;

/// Why a second factor was not removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveSecondFactorError {
    /// One's own is removed in the profile, where it is asked for.
    #[error("this is the account of whoever decides")]
    Own,
    /// Whoever decides is no administrator any more.
    #[error("only an administrator can do this")]
    NotAdmin,
    /// It was not removed.
    #[error(transparent)]
    Remove(#[from] RemoveError),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Removes the second factor of an account, and ends its sessions. Who decides is an administrator; none at the command
/// line. Returns where the sessions may be cached.
pub async fn remove_second_factor(
    tx: &mut Tx,
    account: Id<Account>,
    by: Option<Id<Account>>,
) -> Result<Vec<SessionKey>, RemoveSecondFactorError> {
    if by == Some(account) {
        return Err(RemoveSecondFactorError::Own);
    }
    // Looked at again under the lock, as for a role.
    let standings = repo::lock_with_admins(tx, account).await?;
    let mut admins = standings.iter().filter(|standing| standing.is_admin);
    if by.is_some_and(|by| !admins.any(|admin| admin.account == by)) {
        return Err(RemoveSecondFactorError::NotAdmin);
    }
    Ok(second_factor::remove_second_factor(tx, account).await?)
}
