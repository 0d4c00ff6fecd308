//! Changing one from now on: what was made stays as it is, and what was due before today is made by what it was.

use chrono::Days;

use crate::flow::ctx::Tx;
use crate::flow::outbox::Refused;
use crate::kernel::id::Id;
use crate::ledger::books::Owner;
use crate::ledger::recurring::create_recurring::{NewRecurring, check, is_long_ago, set_off};
use crate::ledger::recurring::make_due::{Made, MakeDueError, make_due, next_free};
use crate::ledger::recurring::repo;
use crate::ledger::recurring::series::Recurring;
use crate::ledger::recurring::template::Template;
use crate::ledger::transactions::NotWritten;

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeRecurringError<E> {
    /// There is no such one.
    #[error("there is no such recurring transaction")]
    Gone,
    /// It was made of another version.
    #[error("it was made of another version")]
    Version(E),
    /// What was due before today is still being made.
    #[error("what was due before today is still being made")]
    Behind,
    /// It begins too long ago.
    #[error("begins too long ago")]
    LongAgo,
    /// What is to be made could not be made.
    #[error(transparent)]
    NotWritten(#[from] NotWritten),
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

/// Changes one, whose version passes `check_version`, and returns it as it is then.
pub async fn change_recurring<E>(
    tx: &mut Tx,
    owner: Id<Owner>,
    id: Id<Recurring>,
    new: NewRecurring,
    check_version: impl FnOnce(i64) -> Result<(), E>,
) -> Result<Recurring, ChangeRecurringError<E>> {
    let found = repo::lock(tx, Some(owner), id)
        .await?
        .ok_or(ChangeRecurringError::Gone)?;
    let today = found.time_zone.date(tx.now());
    let mut before = found.recurring;
    check_version(before.version).map_err(ChangeRecurringError::Version)?;
    check(tx, owner, &new.draft).await?;
    let starts_on = new.draft.date;
    if starts_on != before.starts_on && is_long_ago(starts_on, today) {
        return Err(ChangeRecurringError::LongAgo);
    }
    let mut from = today;
    if before.paused_at.is_none() {
        match make_due(tx, owner, &mut before, today - Days::new(1)).await? {
            Made::All => {}
            Made::More => return Err(ChangeRecurringError::Behind),
            // It may be changed for that very reason: what waits is made by what it is now.
            Made::Stuck => from = before.next_due.unwrap_or(today),
        }
    }
    let mut after = Recurring {
        template: Template::from(&new.draft),
        rule: new.rule,
        starts_on,
        ends_on: new.ends_on,
        trouble: None,
        version: before.version + 1,
        ..before
    };
    after.next_due = next_free(tx, &after, from).await?;
    repo::update(tx, &after).await?;
    if after.paused_at.is_none() {
        set_off(tx, &after, today).await?;
    }
    Ok(after)
}
