//! The table `budgets`, and what moved in categories; one function a question.

use chrono::NaiveDate;
use sqlx::PgPool;
use uuid::Uuid;

use crate::flow::ctx::Tx;
use crate::kernel::id::Id;
use crate::ledger::books::{Book, Owner};
use crate::ledger::budgets::budget::Budget;
use crate::ledger::budgets::month::Month;
use crate::ledger::budgets::report::{MAX_CHAIN, Plan};
use crate::ledger::categories::Category;

macro_rules! budget {
    ($row:expr) => {
        Budget {
            id: $row.id,
            category_id: $row.category_id,
            month: $row.month.into(),
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
    (month, category): (Month, Id<Category>),
) -> sqlx::Result<Option<Budget>> {
    let found = sqlx::query!(
        "SELECT x.id, category_id, month, amount, rollover, x.version, x.created_at
         FROM budgets x JOIN books b ON b.id = x.book_id WHERE b.owner_id = $1 AND month = $2 AND category_id = $3",
        owner.uuid(),
        month.first(),
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
    (month, category): (Month, Id<Category>),
) -> sqlx::Result<Option<Budget>> {
    let found = sqlx::query!(
        "SELECT x.id, category_id, month, amount, rollover, x.version, x.created_at
         FROM budgets x JOIN books b ON b.id = x.book_id WHERE b.owner_id = $1 AND month = $2 AND category_id = $3
         FOR NO KEY UPDATE OF x",
        owner.uuid(),
        month.first(),
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
        budget.month.first(),
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
pub async fn plans(pool: &PgPool, book: Id<Book>, month: Month) -> sqlx::Result<Vec<Plan>> {
    let rows = sqlx::query!(
        r#"SELECT c.counts_as, c.kind, x.month, x.amount, x.rollover
           FROM budgets x JOIN categories c ON c.id = x.category_id
           WHERE x.book_id = $1 AND x.month > $2 AND x.month <= $3"#,
        book.uuid(),
        month.back(MAX_CHAIN).first(),
        month.first(),
    )
    .fetch_all(pool)
    .await?;
    let plan = rows.into_iter().map(|row| Plan {
        category_id: row.counts_as,
        is_expense: row.kind == "expense",
        month: row.month.into(),
        amount: row.amount,
        rollover: row.rollover,
    });
    Ok(plan.collect())
}

/// What moved in a category, its parts among them, in a month and a currency.
#[derive(Debug)]
pub struct Moved {
    /// The category.
    pub category_id: Uuid,
    /// The month.
    pub month: Month,
    /// The currency.
    pub currency: String,
    /// How many digits its minor unit has.
    pub exponent: i16,
    /// How much, in minor units; negative: out.
    pub amount: i128,
}

/// What moved in these categories from one day to before another, by the months of a book. What was merged counts where it
/// leads, and what is part of a category counts in it, too. One statement on the index of lines by category.
pub async fn moved(
    pool: &PgPool,
    book: &Book,
    categories: &[Uuid],
    (from, before): (NaiveDate, NaiveDate),
) -> sqlx::Result<Vec<Moved>> {
    let rows = sqlx::query!(
        r#"SELECT s.category_id AS "category_id!", s.month AS "month!", s.currency AS "currency!", s.amount AS "amount!",
                  (SELECT max(w.exponent) FROM wallets w WHERE w.book_id = $1 AND w.currency = s.currency) AS "exponent!"
           FROM (SELECT asked.category_id, date_trunc('month', l.date - $5::int)::date AS month, l.currency,
                        sum(l.amount)::text AS amount
                 FROM unnest($2::uuid[]) AS asked (category_id)
                      JOIN categories r ON r.book_id = $1 AND asked.category_id IN (r.id, r.parent_id)
                      JOIN categories c ON c.book_id = $1 AND c.counts_as = r.id
                      JOIN lines l ON l.book_id = $1 AND l.category_id = c.id AND l.date >= $3 AND l.date < $4
                 GROUP BY 1, 2, 3) AS s"#,
        book.id.uuid(),
        categories,
        from,
        before,
        i32::from(book.month_start.day()) - 1,
    )
    .fetch_all(pool)
    .await?;
    let moved = rows.into_iter().map(|row| {
        Ok(Moved {
            category_id: row.category_id,
            month: row.month.into(),
            currency: row.currency,
            exponent: row.exponent,
            amount: row
                .amount
                .parse()
                .map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
        })
    });
    moved.collect()
}
