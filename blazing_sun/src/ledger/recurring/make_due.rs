//! Making what is due.
//!
//! Whoever makes something has locked its row, and every day that was made or skipped has a row of its own, whose key is the day:
//! so each day is made once, by however many schedulers, and after however long. A day whose transaction was deleted keeps its
//! row.

use chrono::{Days, NaiveDate};

use crate::flow::ctx::Tx;
use crate::flow::outbox::Refused;
use crate::kernel::day::Day;
use crate::kernel::id::Id;
use crate::ledger::books::Owner;
use crate::ledger::recurring::repo;
use crate::ledger::recurring::series::{Recurring, Trouble};
use crate::ledger::recurring::template::Unreadable;
use crate::ledger::transactions::{CreateTransactionError, create_transaction};

/// How many days are made in one transaction.
pub const STEP: usize = 50;
/// How many days are looked at together when a free one is looked for.
const STRIDE: usize = 100;

/// How far it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// All that was due is made.
    All,
    /// More is due.
    More,
    /// The next one cannot be made.
    Stuck,
}

/// Why nothing was made. The transaction has to be rolled back.
#[derive(Debug, thiserror::Error)]
pub enum MakeDueError {
    /// What is to be made cannot be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// An event could not be written down.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Makes what is due up to a day, a step of it, and keeps in its row, which is locked, how far it came.
pub async fn make_due(
    tx: &mut Tx,
    owner: Id<Owner>,
    recurring: &mut Recurring,
    until: NaiveDate,
) -> Result<Made, MakeDueError> {
    let Some(from) = recurring.next_due.filter(|next| *next <= until) else {
        return Ok(Made::All);
    };
    recurring.trouble = None;
    let due = recurring.between(from, until, STEP);
    let taken = repo::taken(tx, recurring.id, &due).await?;
    for day in due.iter().filter(|day| !taken.contains(day)) {
        if let Some(trouble) = make(tx, owner, recurring, *day).await? {
            recurring.trouble = Some(trouble);
            recurring.next_due = Some(*day);
            repo::keep_due(tx, recurring).await?;
            return Ok(Made::Stuck);
        }
    }
    recurring.next_due = match due.last() {
        Some(last) => next_free(tx, recurring, *last + Days::new(1)).await?,
        None => next_free(tx, recurring, until + Days::new(1)).await?,
    };
    repo::keep_due(tx, recurring).await?;
    let is_over = recurring.next_due.is_none_or(|next| next > until);
    Ok(if is_over { Made::All } else { Made::More })
}

/// Makes one, or tells why that cannot be; then nothing of it is left.
async fn make(
    tx: &mut Tx,
    owner: Id<Owner>,
    recurring: &Recurring,
    day: NaiveDate,
) -> Result<Option<Trouble>, MakeDueError> {
    let date = Day::try_from(day).map_err(|_| Unreadable)?;
    let draft = recurring.template.on(date)?;
    repo::mark(tx).await?;
    match create_transaction(tx, owner, &draft).await {
        Ok(made) => {
            repo::add_occurrence(tx, recurring, day, Some(made.id)).await?;
            repo::forget_mark(tx).await?;
            Ok(None)
        }
        Err(CreateTransactionError::NotWritten(fault)) => {
            let trouble = Trouble::of(fault)?;
            repo::return_to_mark(tx).await?;
            Ok(Some(trouble))
        }
        Err(CreateTransactionError::Refused(error)) => Err(error.into()),
    }
}

/// The first of its days from `from` on that was neither made nor skipped.
pub async fn next_free(
    tx: &mut Tx,
    recurring: &Recurring,
    mut from: NaiveDate,
) -> sqlx::Result<Option<NaiveDate>> {
    loop {
        let days = recurring.between(from, NaiveDate::MAX, STRIDE);
        let Some(last) = days.last() else {
            return Ok(None);
        };
        from = *last + Days::new(1);
        let taken = repo::taken(tx, recurring.id, &days).await?;
        if let Some(free) = days.iter().find(|day| !taken.contains(day)) {
            return Ok(Some(*free));
        }
    }
}
