//! Skipping a day on which one is due, and taking that back.

use crate::flow::ctx::Tx;
use crate::flow::outbox::Refused;
use crate::kernel::day::Day;
use crate::kernel::id::Id;
use crate::ledger::books::Owner;
use crate::ledger::recurring::create_recurring::set_off;
use crate::ledger::recurring::make_due::next_free;
use crate::ledger::recurring::repo;
use crate::ledger::recurring::series::Recurring;

/// Why it stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum SkipDateError {
    /// There is no such one, or the day is not skipped.
    #[error("there is nothing of the kind")]
    Gone,
    /// It is not due on that day.
    #[error("is not a day on which it is due")]
    NotDue,
    /// The day is over.
    #[error("is over")]
    Past,
    /// It was made already.
    #[error("it was made already")]
    Made,
    /// Its job could not be written down.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Skips a day from today on. Skipping it twice is the same as once.
pub async fn skip_date(
    tx: &mut Tx,
    owner: Id<Owner>,
    id: Id<Recurring>,
    day: Day,
) -> Result<(), SkipDateError> {
    let day = day.date();
    let found = repo::lock(tx, Some(owner), id)
        .await?
        .ok_or(SkipDateError::Gone)?;
    let mut recurring = found.recurring;
    if day < found.time_zone.date(tx.now()) {
        return Err(SkipDateError::Past);
    }
    if !recurring.names(day) {
        return Err(SkipDateError::NotDue);
    }
    if repo::remove_skip(tx, id, day).await? {
        return Ok(repo::add_occurrence(tx, &recurring, day, None).await?);
    }
    if !repo::taken(tx, id, &[day]).await?.is_empty() {
        return Err(SkipDateError::Made);
    }
    repo::add_occurrence(tx, &recurring, day, None).await?;
    if recurring.next_due == Some(day) {
        recurring.next_due = next_free(tx, &recurring, day).await?;
        repo::keep_due(tx, &recurring).await?;
    }
    Ok(())
}

/// Takes back that a day from today on is skipped.
pub async fn unskip_date(
    tx: &mut Tx,
    owner: Id<Owner>,
    id: Id<Recurring>,
    day: Day,
) -> Result<(), SkipDateError> {
    let day = day.date();
    let found = repo::lock(tx, Some(owner), id)
        .await?
        .ok_or(SkipDateError::Gone)?;
    let mut recurring = found.recurring;
    let today = found.time_zone.date(tx.now());
    if day < today {
        return Err(SkipDateError::Past);
    }
    if !repo::remove_skip(tx, id, day).await? {
        return Err(SkipDateError::Gone);
    }
    // It may be named no more, if the rule was changed since.
    let is_next = recurring.next_due.is_none_or(|next| day < next);
    if is_next && recurring.names(day) {
        recurring.next_due = Some(day);
        repo::keep_due(tx, &recurring).await?;
        if recurring.paused_at.is_none() {
            set_off(tx, &recurring, today).await?;
        }
    }
    Ok(())
}
