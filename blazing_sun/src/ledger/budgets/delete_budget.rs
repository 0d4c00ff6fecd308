//! Deleting a budget.

use crate::flow::ctx::Tx;
use crate::kernel::id::Id;
use crate::ledger::books::{Month, Owner};
use crate::ledger::budgets::repo;
use crate::ledger::categories::Category;

/// Why it is still there.
#[derive(Debug, thiserror::Error)]
pub enum DeleteBudgetError<E> {
    /// There is no such budget.
    #[error("there is no such budget")]
    Gone,
    /// It was made of another version.
    #[error("it was made of another version")]
    Version(E),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Deletes a budget whose version passes `check`.
pub async fn delete_budget<E>(
    tx: &mut Tx,
    owner: Id<Owner>,
    of: (Month, Id<Category>),
    check: impl FnOnce(i64) -> Result<(), E>,
) -> Result<(), DeleteBudgetError<E>> {
    let budget = repo::lock(tx, owner, of)
        .await?
        .ok_or(DeleteBudgetError::Gone)?;
    check(budget.version).map_err(DeleteBudgetError::Version)?;
    repo::delete(tx, budget.id).await?;
    Ok(())
}
