//! Agreeing to another address, with the link of a mail.

use uuid::Uuid;

use crate::accounts::account::Account;
use crate::accounts::email_change::repo;
use crate::accounts::events::{Changed, UserDeleted, UserUpdated};
use crate::accounts::link::{Links, Purpose};
use crate::accounts::sessions::{SessionKey, Which, end};
use crate::flow::ctx::Tx;
use crate::flow::outbox::{self, Refused};
use crate::kernel::id::Id;

/// Which of the two addresses a link went to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one that the account has.
    Old,
    /// The one that it is to have.
    New,
}

/// Why nothing was agreed to.
#[derive(Debug, thiserror::Error)]
pub enum ConfirmError {
    /// The link was not made here, has expired, was used, or the change was cancelled.
    #[error("the link is not good, or not any more")]
    BadLink,
    /// Another account has the address meanwhile.
    #[error("another account has the address")]
    Taken,
    /// It could not be written down.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The database did not answer.
    #[error(transparent)]
    Database(sqlx::Error),
}

impl From<sqlx::Error> for ConfirmError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(answer) if answer.is_unique_violation() => Self::Taken,
            _ => Self::Database(error),
        }
    }
}

/// What came of it.
pub enum Agreed {
    /// The other address is still to agree.
    Half,
    /// The account has moved; these of its sessions were ended.
    Moved(Vec<SessionKey>),
}

/// Reads the token of either mail.
#[must_use]
pub fn open(links: &Links, token: &str) -> Option<(Side, Uuid)> {
    let of = |side, purpose| links.open(purpose, token).map(|id| (side, id));
    of(Side::Old, Purpose::EmailOld).or_else(|| of(Side::New, Purpose::EmailNew))
}

/// Notes that one of the addresses has agreed; when both have, the account moves, and everybody signs in again.
pub async fn confirm(tx: &mut Tx, side: Side, change: &repo::Open) -> Result<Agreed, ConfirmError> {
    let account: Id<Account> = change.user_id.into();
    // In this order everywhere: the account, then what belongs to it.
    repo::lock(tx, account)
        .await?
        .ok_or(ConfirmError::BadLink)?;
    let is_noted = match side {
        Side::Old => repo::confirm_old(tx, change.id).await?,
        Side::New => repo::confirm_new(tx, change.id).await?,
    };
    if !is_noted {
        return Err(ConfirmError::BadLink);
    }
    if !repo::is_agreed(tx, change.id).await? {
        return Ok(Agreed::Half);
    }
    if let Some((user_id, version)) = repo::remove_pending(tx, &change.new_email_key).await? {
        outbox::emit(tx, &UserDeleted { user_id, version }).await?;
    }
    let version = repo::move_account(tx, change)
        .await?
        .ok_or(ConfirmError::Taken)?;
    repo::finish(tx, change).await?;
    let event = UserUpdated {
        user_id: account,
        version,
        changed: vec![Changed::Email],
        email_change_id: Some(change.id),
    };
    outbox::emit(tx, &event).await?;
    let ended = end(tx, account, Which::All).await?;
    Ok(Agreed::Moved(
        ended.into_iter().map(|ended| ended.key).collect(),
    ))
}
