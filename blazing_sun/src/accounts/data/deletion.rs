//! Leaving: an account is marked, and until it is erased its owner can change their mind.

use chrono::{DateTime, TimeDelta, Utc};

use crate::accounts::account::Account;
use crate::accounts::data::mails::DeletionScheduled;
use crate::accounts::data::repo;
use crate::accounts::events::{Changed, UserUpdated};
use crate::accounts::people::is_last_admin;
use crate::accounts::sessions::{self, SessionKey, Which};
use crate::flow::ctx::Tx;
use crate::flow::outbox::{self, Refused};
use crate::kernel::id::Id;
use crate::mail::SendEmail;

/// An account that will be erased.
pub struct Scheduled {
    /// When.
    pub deletion_at: DateTime<Utc>,
    /// Where its sessions may be cached, which have all ended.
    pub ended: Vec<SessionKey>,
}

/// Why nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum DeletionError {
    /// Somebody has to decide who may what.
    #[error("the account is the last administrator's")]
    LastAdministrator,
    /// It will be erased already.
    #[error("its deletion was asked for already")]
    AlreadyScheduled,
    /// Nobody asked for that.
    #[error("its deletion was not asked for")]
    NotScheduled,
    /// The mail cannot be described.
    #[error(transparent)]
    Mail(#[from] serde_json::Error),
    /// It could not be written down.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Has an account erased after a time of grace. Nobody stays signed in, and its tokens are good no more; its owner can
/// sign in again, to cancel it for one.
pub async fn schedule_deletion(
    tx: &mut Tx,
    account: Id<Account>,
    grace: TimeDelta,
) -> Result<Scheduled, DeletionError> {
    if is_last_admin(tx, account).await? {
        return Err(DeletionError::LastAdministrator);
    }
    let deletion_at = tx.now() + grace;
    let version = repo::schedule_deletion(tx, account, deletion_at)
        .await?
        .ok_or(DeletionError::AlreadyScheduled)?;
    tell(tx, account, version, Changed::DeletionScheduled).await?;
    let mail = DeletionScheduled { user_id: account };
    outbox::enqueue(tx, &SendEmail::of(&mail)?).await?;
    repo::revoke_tokens(tx, account).await?;
    let ended = sessions::end(tx, account, Which::All).await?;
    Ok(Scheduled {
        deletion_at,
        ended: ended.into_iter().map(|ended| ended.key).collect(),
    })
}

/// Keeps an account after all.
pub async fn cancel_deletion(tx: &mut Tx, account: Id<Account>) -> Result<(), DeletionError> {
    let version = repo::cancel_deletion(tx, account)
        .await?
        .ok_or(DeletionError::NotScheduled)?;
    Ok(tell(tx, account, version, Changed::DeletionCancelled).await?)
}

async fn tell(
    tx: &mut Tx,
    account: Id<Account>,
    version: i64,
    what: Changed,
) -> Result<(), Refused> {
    let event = UserUpdated {
        user_id: account,
        version,
        changed: vec![what],
        email_change_id: None,
    };
    outbox::emit(tx, &event).await?;
    Ok(())
}
