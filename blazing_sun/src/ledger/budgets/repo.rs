//! The table `budgets`; one function a question.

use chrono::NaiveDate;
use sqlx::PgPool;
use uuid::Uuid;

use crate::flow::ctx::Tx;
use crate::kernel::id::Id;
use crate::ledger::books::{Book, Month, MonthStart, Owner};
use crate::ledger::budgets::budget::Budget;
use crate::ledger::budgets::plans::{MAX_CHAIN, Plan};
use crate::ledger::categories::Category;

macro_rules! budget {
    ($row:expr) => {
        Budget {
            id: $row.id,
            category_id: $row.category_id,
            month: month($row.month),
            amount: $row.amount,
            rollover: $row.rollover,
            version: $row.version,
            created_at: $row.created_at,
        }
    };
}

/// A budget of somebody's.
pub async fn find(
    pool: &PgPool,
    owner: Id<Owner>,
    (of, category): (Month, Id<Category>),
) -> sqlx::Result<Option<Budget>> {
    let found = sqlx::query!(
        "SELECT x.id, category_id, month, amount, rollover, x.version, x.created_at
         FROM budgets x JOIN books b ON b.id = x.book_id WHERE b.owner_id = $1 AND month = $2 AND category_id = $3",
        owner.uuid(),
        day(of),
        category.uuid(),
    )
    .fetch_optional(pool)
    .await?;
    Ok(found.map(|row| budget!(row)))
}

/// The same, locked until the transaction ends.
pub async fn lock(
    tx: &mut Tx,
    owner: Id<Owner>,
    (of, category): (Month, Id<Category>),
) -> sqlx::Result<Option<Budget>> {
    let found = sqlx::query!(
        "SELECT x.id, category_id, month, amount, rollover, x.version, x.created_at
         FROM budgets x JOIN books b ON b.id = x.book_id WHERE b.owner_id = $1 AND month = $2 AND category_id = $3
         FOR NO KEY UPDATE OF x",
        owner.uuid(),
        day(of),
        category.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.map(|row| budget!(row)))
}

/// Adds a budget; an error of `budgets_month` says that there is one.
pub async fn insert(tx: &mut Tx, book: Id<Book>, budget: &Budget) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO budgets (id, book_id, category_id, month, amount, rollover, version, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        budget.id,
        book.uuid(),
        budget.category_id,
        day(budget.month),
        budget.amount,
        budget.rollover,
        budget.version,
        budget.created_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Keeps what was changed.
pub async fn update(tx: &mut Tx, budget: &Budget) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE budgets SET amount = $2, rollover = $3, version = $4 WHERE id = $1",
        budget.id,
        budget.amount,
        budget.rollover,
        budget.version,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Deletes a budget.
pub async fn delete(tx: &mut Tx, id: Uuid) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM budgets WHERE id = $1", id)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The budgets of a month and of those before it that may move on to it, as they count.
pub async fn plans(pool: &PgPool, book: Id<Book>, of: Month) -> sqlx::Result<Vec<Plan>> {
    let rows = sqlx::query!(
        r#"SELECT c.counts_as, c.kind, x.month, x.amount, x.rollover
           FROM budgets x JOIN categories c ON c.id = x.category_id
           WHERE x.book_id = $1 AND x.month > $2 AND x.month <= $3"#,
        book.uuid(),
        day(of.plus(-MAX_CHAIN)),
        day(of),
    )
    .fetch_all(pool)
    .await?;
    let plan = rows.into_iter().map(|row| Plan {
        category_id: row.counts_as,
        is_expense: row.kind == "expense",
        month: month(row.month),
        amount: row.amount,
        rollover: row.rollover,
    });
    Ok(plan.collect())
}

/// Tables know a month by its first day in the calendar.
fn day(month: Month) -> NaiveDate {
    month.first_day(MonthStart::default())
}

fn month(day: NaiveDate) -> Month {
    Month::of(day, MonthStart::default())
}
