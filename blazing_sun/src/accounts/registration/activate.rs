//! Activating an account: its owner shows that the address is theirs.

use crate::accounts::account::Account;
use crate::accounts::events::UserActivated;
use crate::accounts::link::{Links, Purpose};
use crate::accounts::repo;
use crate::accounts::sessions;
use crate::flow::ctx::Tx;
use crate::flow::outbox::{self, Refused};
use crate::kernel::id::Id;

/// Why nothing was activated.
#[derive(Debug, thiserror::Error)]
pub enum ActivateError {
    /// The link was not made here, has expired, or was used.
    #[error("the link is not good, or not any more")]
    BadLink,
    /// It could not be written down.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Activates the account that a token was made for. A token is good once.
pub async fn activate(
    tx: &mut Tx,
    links: &Links,
    token: &str,
) -> Result<Id<Account>, ActivateError> {
    let token = links
        .open(Purpose::Activation, token)
        .ok_or(ActivateError::BadLink)?;
    let account = repo::token_owner(tx, token, Purpose::Activation)
        .await?
        .ok_or(ActivateError::BadLink)?;
    // In this order everywhere: the account, then what belongs to it.
    sessions::lock(tx, account)
        .await?
        .ok_or(ActivateError::BadLink)?;
    repo::use_token(tx, token, Purpose::Activation)
        .await?
        .ok_or(ActivateError::BadLink)?;
    let version = repo::activate(tx, account)
        .await?
        .ok_or(ActivateError::BadLink)?;
    let event = UserActivated {
        user_id: account,
        version,
    };
    outbox::emit(tx, &event).await?;
    Ok(account)
}
