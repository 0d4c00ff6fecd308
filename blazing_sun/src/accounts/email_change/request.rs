//! Asking for another address.

use chrono::TimeDelta;

use crate::accounts::account::Account;
use crate::accounts::email_change::mails::{EmailChangeNew, EmailChangeOld};
use crate::accounts::email_change::repo;
use crate::accounts::mails::AlreadyRegistered;
use crate::flow::ctx::Tx;
use crate::flow::outbox::{self, Refused};
use crate::kernel::email::Email;
use crate::kernel::id::Id;
use crate::mail::SendEmail;

/// For how long both addresses can agree.
pub const GOOD_FOR: TimeDelta = TimeDelta::hours(24);

/// Why nothing was begun.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// There is no such account any more.
    #[error("there is no such account")]
    Gone,
    /// It is the address that the account has.
    #[error("is the address that your account has")]
    Same,
    /// Its mail cannot be described.
    #[error(transparent)]
    Mail(#[from] serde_json::Error),
    /// It could not be written down.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Begins a change of address, in place of one that is under way, and asks both addresses.
///
/// Whether the new one has an account already is told to nobody but its owner, by another mail than the one that is
/// expected; without that one the change never happens.
pub async fn request(
    tx: &mut Tx,
    account: Id<Account>,
    new_email: &Email,
) -> Result<(), RequestError> {
    let locked = repo::lock(tx, account).await?.ok_or(RequestError::Gone)?;
    if locked.email_key == new_email.key() {
        return Err(RequestError::Same);
    }
    repo::end_open(tx, account).await?;
    let expires_at = tx.now() + GOOD_FOR;
    let change_id = repo::insert(tx, account, &locked.email, new_email, expires_at).await?;
    let old = EmailChangeOld { change_id };
    outbox::enqueue(tx, &SendEmail::of(&old)?).await?;
    let mail = match repo::owner(tx, &new_email.key()).await? {
        Some(user_id) => SendEmail::of(&AlreadyRegistered { user_id })?,
        None => SendEmail::of(&EmailChangeNew { change_id })?,
    };
    outbox::enqueue(tx, &mail).await?;
    Ok(())
}
