//! What every change of the second factor has in common: the account's version rises, it is told, and the account's
//! other sessions end unless its owner wants them to stay.

use crate::accounts::account::Account;
use crate::accounts::events::{Changed, UserUpdated};
use crate::accounts::second_factor::repo;
use crate::accounts::sessions::{
    self, Locked, Session, SessionKey, SignOutError, sign_out_everywhere,
};
use crate::flow::ctx::Tx;
use crate::flow::outbox::{self, Refused};
use crate::kernel::id::Id;

/// Who changes their second factor.
#[derive(Clone, Copy, Debug)]
pub struct Owner {
    /// Whose it is.
    pub account_id: Id<Account>,
    /// The session in which it is changed.
    pub session_id: Id<Session>,
    /// Whether the other sessions end.
    pub end_other_sessions: bool,
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The account has been erased.
    #[error("there is no such account")]
    NoSuchAccount,
    /// No secret could be made.
    #[error("the system has no random bytes: {0}")]
    Random(#[from] getrandom::Error),
    /// The other sessions could not be ended.
    #[error(transparent)]
    SignOut(#[from] SignOutError),
    /// It could not be written down.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// A change that was made.
#[derive(Default)]
pub struct Made {
    /// The recovery codes, if there are new ones. They are shown once.
    pub recovery_codes: Option<Vec<String>>,
    /// Where sessions that ended may be cached.
    pub ended: Vec<SessionKey>,
}

/// Keeps the account from changing meanwhile.
pub async fn lock(tx: &mut Tx, owner: &Owner) -> Result<Locked, ChangeError> {
    let locked = sessions::lock(tx, owner.account_id).await?;
    locked.ok_or(ChangeError::NoSuchAccount)
}

/// Tells that something has changed, and ends the other sessions.
pub async fn tell(
    tx: &mut Tx,
    owner: &Owner,
    changed: Vec<Changed>,
) -> Result<Vec<SessionKey>, ChangeError> {
    note(tx, owner.account_id, changed).await?;
    if !owner.end_other_sessions {
        return Ok(Vec::new());
    }
    let others = Some(owner.session_id);
    Ok(sign_out_everywhere(tx, owner.account_id, others).await?)
}

/// Tells that something has changed.
pub async fn note(
    tx: &mut Tx,
    account: Id<Account>,
    changed: Vec<Changed>,
) -> Result<(), ChangeError> {
    let event = UserUpdated {
        user_id: account,
        version: repo::raise_version(tx, account).await?,
        changed,
        email_change_id: None,
    };
    outbox::emit(tx, &event).await?;
    Ok(())
}
