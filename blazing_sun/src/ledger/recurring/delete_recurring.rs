//! Deleting one: nothing is made any more, and what was made stays.

use crate::flow::ctx::Tx;
use crate::kernel::id::Id;
use crate::ledger::books::Owner;
use crate::ledger::recurring::repo;
use crate::ledger::recurring::series::Recurring;

/// Why it is still there.
#[derive(Debug, thiserror::Error)]
pub enum DeleteRecurringError<E> {
    /// There is no such one.
    #[error("there is no such recurring transaction")]
    Gone,
    /// It was made of another version.
    #[error("it was made of another version")]
    Version(E),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Deletes one whose version passes `check`.
pub async fn delete_recurring<E>(
    tx: &mut Tx,
    owner: Id<Owner>,
    id: Id<Recurring>,
    check: impl FnOnce(i64) -> Result<(), E>,
) -> Result<(), DeleteRecurringError<E>> {
    let found = repo::lock(tx, Some(owner), id)
        .await?
        .ok_or(DeleteRecurringError::Gone)?;
    check(found.recurring.version).map_err(DeleteRecurringError::Version)?;
    repo::delete(tx, id).await?;
    Ok(())
}
