//! Writing a rate down.

use crate::flow::ctx::Tx;
use crate::infra::postgres;
use crate::kernel::id::Id;
use crate::ledger::books::Book;
use crate::ledger::rates::rate::{NewRate, Rate};
use crate::ledger::rates::repo;

/// Why it was not written down.
#[derive(Debug, thiserror::Error)]
pub enum CreateRateError {
    /// There is one of these currencies and that day.
    #[error("there is a rate of that day")]
    Taken,
    /// The database did not answer.
    #[error(transparent)]
    Database(sqlx::Error),
}

impl From<sqlx::Error> for CreateRateError {
    fn from(error: sqlx::Error) -> Self {
        match postgres::violated(&error) {
            Some("rates_day") => Self::Taken,
            _ => Self::Database(error),
        }
    }
}

/// Writes a rate down in a book.
pub async fn create_rate(
    tx: &mut Tx,
    book: Id<Book>,
    new: NewRate,
) -> Result<Rate, CreateRateError> {
    let rate = Rate {
        id: Id::new(),
        date: new.date.date(),
        from: new.from.as_str().to_owned(),
        to: new.to.as_str().to_owned(),
        rate: new.rate,
        version: 1,
        created_at: tx.now(),
    };
    repo::insert(tx, book, &rate).await?;
    Ok(rate)
}
