//! Pausing one, and going on: what would have been due in between is not made.

use chrono::Days;

use crate::flow::ctx::Tx;
use crate::flow::outbox::Refused;
use crate::kernel::id::Id;
use crate::ledger::books::Owner;
use crate::ledger::recurring::create_recurring::set_off;
use crate::ledger::recurring::make_due::{Made, MakeDueError, make_due, next_free};
use crate::ledger::recurring::repo;
use crate::ledger::recurring::series::Recurring;

/// Why it goes on, or does not.
#[derive(Debug, thiserror::Error)]
pub enum PauseRecurringError<E> {
    /// There is no such one.
    #[error("there is no such recurring transaction")]
    Gone,
    /// It was made of another version.
    #[error("it was made of another version")]
    Version(E),
    /// What was due before today is still being made.
    #[error("what was due before today is still being made")]
    Behind,
    /// What was due before could not be made.
    #[error(transparent)]
    MakeDue(#[from] MakeDueError),
    /// Its job could not be written down.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Pauses one, whose version passes `check`, or has it go on. What was due before today is made before it is paused.
pub async fn pause_recurring<E>(
    tx: &mut Tx,
    owner: Id<Owner>,
    id: Id<Recurring>,
    paused: bool,
    check: impl FnOnce(i64) -> Result<(), E>,
) -> Result<Recurring, PauseRecurringError<E>> {
    let found = repo::lock(tx, Some(owner), id)
        .await?
        .ok_or(PauseRecurringError::Gone)?;
    let now = tx.now();
    let today = found.time_zone.date(now);
    let mut recurring = found.recurring;
    check(recurring.version).map_err(PauseRecurringError::Version)?;
    match (paused, recurring.paused_at) {
        (true, None) => {
            let yesterday = today - Days::new(1);
            if make_due(tx, owner, &mut recurring, yesterday).await? == Made::More {
                return Err(PauseRecurringError::Behind);
            }
            recurring.paused_at = Some(now);
            recurring.trouble = None;
        }
        (false, Some(_)) => {
            recurring.paused_at = None;
            recurring.next_due = next_free(tx, &recurring, today).await?;
            set_off(tx, &recurring, today).await?;
        }
        _ => return Ok(recurring),
    }
    recurring.version += 1;
    repo::update(tx, &recurring).await?;
    Ok(recurring)
}
