//! Removing all of a second factor, for somebody who has lost it.

use crate::accounts::account::Account;
use crate::accounts::events::Changed;
use crate::accounts::second_factor::change::{ChangeError, note};
use crate::accounts::second_factor::repo;
use crate::accounts::sessions::{self, SessionKey, sign_out_everywhere};
use crate::flow::ctx::Tx;
use crate::kernel::id::Id;

/// Why nothing was removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// There is no second factor.
    #[error("the account has no second factor")]
    NoSecondFactor,
    /// The change could not be made.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

impl From<sqlx::Error> for RemoveError {
    fn from(error: sqlx::Error) -> Self {
        Self::Change(error.into())
    }
}

/// Removes the authenticator app, the passkeys and the recovery codes of an account, and ends its sessions. Returns where
/// those may be cached.
pub async fn remove_second_factor(
    tx: &mut Tx,
    account: Id<Account>,
) -> Result<Vec<SessionKey>, RemoveError> {
    let locked = sessions::lock(tx, account).await?;
    let locked = locked.ok_or(ChangeError::NoSuchAccount)?;
    if !locked.has_second_factor() {
        return Err(RemoveError::NoSecondFactor);
    }
    let mut changed = Vec::new();
    if repo::remove_authenticator(tx, account).await? {
        changed.push(Changed::AuthenticatorRemoved);
    }
    if repo::remove_passkeys(tx, account).await? {
        changed.push(Changed::PasskeyRemoved);
    }
    repo::remove_recovery_codes(tx, account).await?;
    note(tx, account, changed).await?;
    let ended = sign_out_everywhere(tx, account, None).await;
    Ok(ended.map_err(ChangeError::from)?)
}
