//! Changing what a book goes by.

use crate::flow::ctx::Tx;
use crate::kernel::currency::Currency;
use crate::kernel::id::Id;
use crate::kernel::time_zone::TimeZone;
use crate::ledger::books::book::{Book, MonthStart, Owner};
use crate::ledger::books::repo;

/// What is to change; the rest stays.
pub struct Changes {
    /// What totals are in.
    pub base_currency: Option<Currency>,
    /// What decides about today.
    pub time_zone: Option<TimeZone>,
    /// The day on which months begin.
    pub month_start: Option<MonthStart>,
    /// Whether there is a report of each month by mail.
    pub monthly_report: Option<bool>,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeBookError<E> {
    /// There is no book.
    #[error("there is no book")]
    Gone,
    /// It was made of another version.
    #[error("it was made of another version")]
    Version(E),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Changes a book whose version passes `check`, and returns it as it is then.
pub async fn change_book<E>(
    tx: &mut Tx,
    owner: Id<Owner>,
    changes: Changes,
    check: impl FnOnce(i64) -> Result<(), E>,
) -> Result<Book, ChangeBookError<E>> {
    let book = repo::lock(tx, owner).await?.ok_or(ChangeBookError::Gone)?;
    check(book.version).map_err(ChangeBookError::Version)?;
    let book = Book {
        base_currency: changes.base_currency.unwrap_or(book.base_currency),
        time_zone: changes.time_zone.unwrap_or(book.time_zone),
        month_start: changes.month_start.unwrap_or(book.month_start),
        monthly_report: changes.monthly_report.unwrap_or(book.monthly_report),
        version: book.version + 1,
        ..book
    };
    repo::update(tx, &book).await?;
    Ok(book)
}
