//! Changing a budget.

use crate::flow::ctx::Tx;
use crate::kernel::id::Id;
use crate::ledger::books::{Month, Owner};
use crate::ledger::budgets::budget::{Budget, Planned};
use crate::ledger::budgets::repo;
use crate::ledger::categories::Category;

/// What it shall be.
pub struct Changes {
    /// What it is meant to come to.
    pub amount: Planned,
    /// Whether what was left the month before moves on.
    pub rollover: bool,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeBudgetError<E> {
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

/// Changes a budget whose version passes `check`, and returns it as it is then.
pub async fn change_budget<E>(
    tx: &mut Tx,
    owner: Id<Owner>,
    of: (Month, Id<Category>),
    changes: Changes,
    check: impl FnOnce(i64) -> Result<(), E>,
) -> Result<Budget, ChangeBudgetError<E>> {
    let before = repo::lock(tx, owner, of)
        .await?
        .ok_or(ChangeBudgetError::Gone)?;
    check(before.version).map_err(ChangeBudgetError::Version)?;
    let after = Budget {
        amount: changes.amount.minor(),
        rollover: changes.rollover,
        version: before.version + 1,
        ..before
    };
    repo::update(tx, &after).await?;
    Ok(after)
}
