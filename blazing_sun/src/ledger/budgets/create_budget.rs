//! Setting a budget.

use crate::flow::ctx::Tx;
use crate::infra::postgres;
use crate::kernel::id::{self, Id};
use crate::ledger::books::{Book, Month, Owner};
use crate::ledger::budgets::budget::{Budget, Planned};
use crate::ledger::budgets::repo;
use crate::ledger::categories::{self, Category};

/// What is wanted.
pub struct NewBudget {
    /// The category.
    pub category_id: Id<Category>,
    /// The month.
    pub month: Month,
    /// What it is meant to come to.
    pub amount: Planned,
    /// Whether what was left the month before moves on.
    pub rollover: bool,
}

/// Why it was not set.
#[derive(Debug, thiserror::Error)]
pub enum CreateBudgetError {
    /// There is no such category.
    #[error("is not one of your categories")]
    NoCategory,
    /// The category counts for another.
    #[error("was merged into another category: give that one")]
    Merged,
    /// There is one of that category and month.
    #[error("there is a budget of that category and month")]
    Taken,
    /// The database did not answer.
    #[error(transparent)]
    Database(sqlx::Error),
}

impl From<sqlx::Error> for CreateBudgetError {
    fn from(error: sqlx::Error) -> Self {
        match postgres::violated(&error) {
            Some("budgets_month") => Self::Taken,
            _ => Self::Database(error),
        }
    }
}

/// Sets a budget in a book that is locked, so that its categories stay what they are.
pub async fn create_budget(
    tx: &mut Tx,
    owner: Id<Owner>,
    book: Id<Book>,
    new: NewBudget,
) -> Result<Budget, CreateBudgetError> {
    let category = categories::repo::find(tx.conn(), owner, new.category_id)
        .await?
        .ok_or(CreateBudgetError::NoCategory)?;
    if category.merged_into.is_some() {
        return Err(CreateBudgetError::Merged);
    }
    let budget = Budget {
        id: id::new(),
        category_id: category.id.uuid(),
        month: new.month,
        amount: new.amount.minor(),
        rollover: new.rollover,
        version: 1,
        created_at: tx.now(),
    };
    repo::insert(tx, book, &budget).await?;
    Ok(budget)
}
