//! Setting up a transaction that comes again.

use chrono::{Days, NaiveDate};

use crate::flow::ctx::Tx;
use crate::flow::outbox::{self, Refused};
use crate::kernel::day::Day;
use crate::kernel::id::Id;
use crate::ledger::books::{Book, Owner};
use crate::ledger::recurring::jobs::MakeOccurrences;
use crate::ledger::recurring::repo;
use crate::ledger::recurring::rule::Rule;
use crate::ledger::recurring::series::Recurring;
use crate::ledger::recurring::template::Template;
use crate::ledger::transactions::{self, Draft, NotWritten};

/// How many a book may have.
pub const MAX_RECURRING: i64 = 200;
/// How many days ago it may have begun: what is due since then is made at once.
pub const MAX_DAYS_AGO: u64 = 366;

/// What is wanted. The day of the draft is the first on which it may be due.
pub struct NewRecurring {
    /// What is made.
    pub draft: Draft,
    /// When it is due.
    pub rule: Rule,
    /// The last day on which it may be.
    pub ends_on: Option<Day>,
}

/// Why it was not set up.
#[derive(Debug, thiserror::Error)]
pub enum CreateRecurringError {
    /// What is to be made could not be made.
    #[error(transparent)]
    NotWritten(#[from] NotWritten),
    /// It begins too long ago.
    #[error("begins more than {MAX_DAYS_AGO} days ago")]
    LongAgo,
    /// It is never due.
    #[error("is never due")]
    Never,
    /// There are enough.
    #[error("a book has {MAX_RECURRING} recurring transactions at most")]
    TooMany,
    /// Its job could not be written down.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Sets one up in a book that is locked. What is due already is made by a job.
pub async fn create_recurring(
    tx: &mut Tx,
    owner: Id<Owner>,
    book: &Book,
    new: NewRecurring,
) -> Result<Recurring, CreateRecurringError> {
    let today = book.today(tx.now());
    if repo::count(tx, book.id).await? >= MAX_RECURRING {
        return Err(CreateRecurringError::TooMany);
    }
    check(tx, owner, &new.draft).await?;
    if is_long_ago(new.draft.date, today) {
        return Err(CreateRecurringError::LongAgo);
    }
    let mut recurring = Recurring {
        id: Id::new(),
        book_id: book.id.uuid(),
        template: Template::from(&new.draft),
        rule: new.rule,
        starts_on: new.draft.date,
        ends_on: new.ends_on,
        next_due: None,
        paused_at: None,
        trouble: None,
        version: 1,
        created_at: tx.now(),
    };
    let first = recurring.first(recurring.starts_on.date());
    recurring.next_due = Some(first.ok_or(CreateRecurringError::Never)?);
    repo::insert(tx, &recurring).await?;
    set_off(tx, &recurring, today).await?;
    Ok(recurring)
}

/// Whether what is to be made could be made now.
pub async fn check(tx: &mut Tx, owner: Id<Owner>, draft: &Draft) -> Result<(), NotWritten> {
    let found = repo::look_up(tx, owner, draft).await?;
    transactions::check(draft, &found.ok_or(NotWritten::UnknownWallet(0))?)
}

/// Whether a day is too long ago to begin on.
pub fn is_long_ago(start: Day, today: NaiveDate) -> bool {
    start.date() < today - Days::new(MAX_DAYS_AGO)
}

/// Has what is due made at once, instead of when the clock says so.
pub async fn set_off(tx: &mut Tx, recurring: &Recurring, today: NaiveDate) -> Result<(), Refused> {
    if recurring.next_due.is_some_and(|next| next <= today) {
        let recurring_id = recurring.id.uuid();
        outbox::enqueue(tx, &MakeOccurrences { recurring_id }).await?;
    }
    Ok(())
}
