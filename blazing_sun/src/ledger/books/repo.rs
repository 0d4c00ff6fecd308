//! The table `books`; one function a question.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;
use sqlx::{PgExecutor, PgPool};

use crate::flow::ctx::Tx;
use crate::kernel::id::Id;
use crate::ledger::books::book::{Book, Owner};

macro_rules! book {
    ($row:expr) => {
        Ok(Book {
            id: $row.id.into(),
            base_currency: $row.base_currency.parse().map_err(unreadable)?,
            time_zone: $row.time_zone.parse().map_err(unreadable)?,
            month_start: $row.month_start.try_into().map_err(unreadable)?,
            monthly_report: $row.monthly_report,
            version: $row.version,
            created_at: $row.created_at,
        })
    };
}

/// Somebody's book, if it was opened.
pub async fn find(from: impl PgExecutor<'_>, owner: Id<Owner>) -> sqlx::Result<Option<Book>> {
    let found = sqlx::query!(
        "SELECT id, base_currency, time_zone, month_start, monthly_report, version, created_at FROM books WHERE owner_id = $1",
        owner.uuid(),
    )
    .fetch_optional(from)
    .await?;
    found.map(|row| book!(row)).transpose()
}

/// The same, locked until the transaction ends.
pub async fn lock(tx: &mut Tx, owner: Id<Owner>) -> sqlx::Result<Option<Book>> {
    let found = sqlx::query!(
        "SELECT id, base_currency, time_zone, month_start, monthly_report, version, created_at FROM books WHERE owner_id = $1
         FOR NO KEY UPDATE",
        owner.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    found.map(|row| book!(row)).transpose()
}

/// Adds a book. `false`: its owner has one already.
pub async fn insert(tx: &mut Tx, owner: Id<Owner>, book: &Book) -> sqlx::Result<bool> {
    let inserted = sqlx::query!(
        "INSERT INTO books (id, owner_id, base_currency, time_zone, month_start, version, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (owner_id) DO NOTHING",
        book.id.uuid(),
        owner.uuid(),
        book.base_currency.as_str(),
        book.time_zone.as_str(),
        book.month_start.day(),
        book.version,
        book.created_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(inserted.rows_affected() > 0)
}

/// Keeps what was changed. If that is the calendar, the time of the next monthly report has to be found anew.
pub async fn update(tx: &mut Tx, book: &Book) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE books
         SET base_currency = $2, time_zone = $3, month_start = $4, version = $5, monthly_report = $6,
             report_due_at = CASE WHEN (time_zone, month_start) = ($3, $4) THEN report_due_at ELSE '-infinity' END
         WHERE id = $1",
        book.id.uuid(),
        book.base_currency.as_str(),
        book.time_zone.as_str(),
        book.month_start.day(),
        book.version,
        book.monthly_report,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A book by itself, and whose it is: for mails, which know it by its id.
pub async fn of_anybody(pool: &PgPool, id: Id<Book>) -> sqlx::Result<Option<(Book, Id<Owner>)>> {
    let found = sqlx::query!(
        "SELECT id, owner_id, base_currency, time_zone, month_start, monthly_report, version, created_at
         FROM books WHERE id = $1",
        id.uuid(),
    )
    .fetch_optional(pool)
    .await?;
    found
        .map(|row| {
            let owner = row.owner_id.into();
            let book: sqlx::Result<Book> = book!(row);
            Ok((book?, owner))
        })
        .transpose()
}

/// Books whose monthly report is to be looked at by now, locked until the transaction ends, each with the first day of the last
/// month that needs no report any more. Books that others have locked are left for the next time.
pub async fn lock_due(
    tx: &mut Tx,
    now: DateTime<Utc>,
    limit: i64,
) -> sqlx::Result<Vec<(Book, Option<NaiveDate>)>> {
    let rows = sqlx::query!(
        "SELECT id, base_currency, time_zone, month_start, monthly_report, version, created_at, reported_month
         FROM books WHERE report_due_at <= $1 ORDER BY report_due_at LIMIT $2
         FOR NO KEY UPDATE SKIP LOCKED",
        now,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| {
        let reported = row.reported_month;
        let book: sqlx::Result<Book> = book!(row);
        Ok((book?, reported))
    });
    rows.collect()
}

/// Notes which month of a book needs no report any more, and when to look again.
pub async fn set_reported(
    tx: &mut Tx,
    book: Id<Book>,
    month: NaiveDate,
    due_at: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE books SET reported_month = $2, report_due_at = $3 WHERE id = $1",
        book.uuid(),
        month,
        due_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Deletes somebody's book with everything in it. (Transactions come first: as long as they are there, what they name cannot
/// go, also not along with the book.)
pub async fn delete(tx: &mut Tx, owner: Id<Owner>) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM transactions USING books WHERE books.id = book_id AND owner_id = $1",
        owner.uuid(),
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!("DELETE FROM books WHERE owner_id = $1", owner.uuid())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Everything in somebody's book, as the tables have it; nothing, if it was never opened.
pub async fn collect(tx: &mut Tx, owner: Id<Owner>) -> sqlx::Result<Option<Value>> {
    sqlx::query_scalar!(
        r#"SELECT jsonb_build_object(
               'book', to_jsonb(books) - 'owner_id',
               'wallets', (SELECT coalesce(jsonb_agg(to_jsonb(x) - 'book_id' ORDER BY x.id), '[]') FROM wallets x WHERE book_id = books.id),
               'categories', (SELECT coalesce(jsonb_agg(to_jsonb(x) - 'book_id' ORDER BY x.id), '[]') FROM categories x WHERE book_id = books.id),
               'payees', (SELECT coalesce(jsonb_agg(to_jsonb(x) - 'book_id' ORDER BY x.id), '[]') FROM payees x WHERE book_id = books.id),
               'payee_names', (SELECT coalesce(jsonb_agg(to_jsonb(x) - 'book_id' ORDER BY x.key), '[]') FROM payee_names x WHERE book_id = books.id),
               'tags', (SELECT coalesce(jsonb_agg(to_jsonb(x) - 'book_id' ORDER BY x.id), '[]') FROM tags x WHERE book_id = books.id),
               'transactions', (SELECT coalesce(jsonb_agg(to_jsonb(x) - 'book_id' ORDER BY x.date, x.id), '[]') FROM transactions x WHERE book_id = books.id),
               'entries', (SELECT coalesce(jsonb_agg(to_jsonb(x) - 'book_id' ORDER BY x.transaction_id, x.no), '[]') FROM entries x WHERE book_id = books.id),
               'lines', (SELECT coalesce(jsonb_agg(to_jsonb(x) - 'book_id' ORDER BY x.transaction_id, x.no), '[]') FROM lines x WHERE book_id = books.id),
               'transaction_tags', (SELECT coalesce(jsonb_agg(to_jsonb(x) - 'book_id' ORDER BY x.transaction_id, x.tag_id), '[]')
                                    FROM transaction_tags x WHERE book_id = books.id),
               'rules', (SELECT coalesce(jsonb_agg(to_jsonb(x) - 'book_id' ORDER BY x.position), '[]') FROM rules x WHERE book_id = books.id),
               'rule_tags', (SELECT coalesce(jsonb_agg(to_jsonb(x) - 'book_id' ORDER BY x.rule_id, x.tag_id), '[]') FROM rule_tags x WHERE book_id = books.id),
               'report_categories', (SELECT coalesce(jsonb_agg(to_jsonb(x) - 'book_id' ORDER BY x.date, x.category_id, x.currency), '[]')
                                     FROM report_categories x WHERE book_id = books.id),
               'report_wallets', (SELECT coalesce(jsonb_agg(to_jsonb(x) - 'book_id' ORDER BY x.date, x.wallet_id), '[]')
                                  FROM report_wallets x WHERE book_id = books.id),
               'recurring', (SELECT coalesce(jsonb_agg(to_jsonb(x) - 'book_id' ORDER BY x.id), '[]') FROM recurring x WHERE book_id = books.id),
               'recurring_occurrences', (SELECT coalesce(jsonb_agg(to_jsonb(x) - 'book_id' ORDER BY x.recurring_id, x.due_date), '[]')
                                         FROM recurring_occurrences x WHERE book_id = books.id),
               'rates', (SELECT coalesce(jsonb_agg(to_jsonb(x) - 'book_id' ORDER BY x.id), '[]') FROM rates x WHERE book_id = books.id),
               'implied_rates', (SELECT coalesce(jsonb_agg(to_jsonb(x) - 'book_id' ORDER BY x.transaction_id), '[]') FROM implied_rates x WHERE book_id = books.id),
               'budgets', (SELECT coalesce(jsonb_agg(to_jsonb(x) - 'book_id' ORDER BY x.id), '[]') FROM budgets x WHERE book_id = books.id),
               'balance_checks', (SELECT coalesce(jsonb_agg(to_jsonb(x) - 'book_id' ORDER BY x.id), '[]') FROM balance_checks x WHERE book_id = books.id),
               'trash', (SELECT coalesce(jsonb_agg(to_jsonb(x) - 'book_id' ORDER BY x.transaction_id), '[]') FROM trash x WHERE book_id = books.id)
           ) AS "book!" FROM books WHERE owner_id = $1"#,
        owner.uuid(),
    )
    .fetch_optional(tx.conn())
    .await
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}
