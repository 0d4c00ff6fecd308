//! Changing a rate.

use crate::flow::ctx::Tx;
use crate::infra::postgres;
use crate::kernel::id::Id;
use crate::ledger::books::Owner;
use crate::ledger::rates::rate::{NewRate, Rate};
use crate::ledger::rates::repo;

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeRateError<E> {
    /// There is no such rate.
    #[error("there is no such rate")]
    Gone,
    /// It was made of another version.
    #[error("it was made of another version")]
    Version(E),
    /// There is another one of these currencies and that day.
    #[error("there is another rate of that day")]
    Taken,
    /// The database did not answer.
    #[error(transparent)]
    Database(sqlx::Error),
}

impl<E> From<sqlx::Error> for ChangeRateError<E> {
    fn from(error: sqlx::Error) -> Self {
        match postgres::violated(&error) {
            Some("rates_day") => Self::Taken,
            _ => Self::Database(error),
        }
    }
}

/// Changes a rate whose version passes `check`, and returns it as it is then.
pub async fn change_rate<E>(
    tx: &mut Tx,
    owner: Id<Owner>,
    id: Id<Rate>,
    new: NewRate,
    check: impl FnOnce(i64) -> Result<(), E>,
) -> Result<Rate, ChangeRateError<E>> {
    let before = repo::lock(tx, owner, id)
        .await?
        .ok_or(ChangeRateError::Gone)?;
    check(before.version).map_err(ChangeRateError::Version)?;
    let after = Rate {
        date: new.date.date(),
        from: new.from.as_str().to_owned(),
        to: new.to.as_str().to_owned(),
        rate: new.rate,
        version: before.version + 1,
        ..before
    };
    repo::update(tx, &after).await?;
    Ok(after)
}
