//! The tables of reports as they are read; one function a question, each a walk along an index from a book's first day asked
//! for to the last.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use sqlx::PgPool;
use uuid::Uuid;

use crate::kernel::id::Id;
use crate::ledger::books::{Book, Month, MonthStart};
use crate::ledger::reports::total;

/// What was for a category in a month, or in some days of it.
#[derive(Clone, Debug)]
pub struct Said {
    /// The month.
    pub month: Month,
    /// The category that was said, if one was, whatever it was merged into.
    pub category_id: Option<Uuid>,
    /// The currency.
    pub currency: String,
    /// What came in.
    pub money_in: i128,
    /// What went out, negative.
    pub money_out: i128,
    /// How many lines brought it in.
    pub lines_in: i64,
    /// How many took it out.
    pub lines_out: i64,
}

/// What was for each category in each month from one day to another.
pub async fn said(
    pool: &PgPool,
    book: Id<Book>,
    start: MonthStart,
    from: NaiveDate,
    to: NaiveDate,
) -> sqlx::Result<Vec<Said>> {
    let rows = sqlx::query!(
        r#"SELECT date_trunc('month', (date - ($4::int - 1))::timestamp)::date AS "month!", category_id, currency,
                  sum(money_in)::text AS "money_in!", sum(money_out)::text AS "money_out!",
                  sum(lines_in)::bigint AS "lines_in!", sum(lines_out)::bigint AS "lines_out!"
           FROM report_categories WHERE book_id = $1 AND date BETWEEN $2 AND $3 GROUP BY 1, category_id, currency"#,
        book.uuid(),
        from,
        to,
        i32::from(start.day()),
    )
    .fetch_all(pool)
    .await?;
    let rows = rows.into_iter().map(|row| {
        Ok(Said {
            month: Month::of(row.month, MonthStart::default()),
            category_id: row.category_id,
            currency: row.currency,
            money_in: total::read(&row.money_in)?,
            money_out: total::read(&row.money_out)?,
            lines_in: row.lines_in,
            lines_out: row.lines_out,
        })
    });
    rows.collect()
}

/// What came in and went out in one month, in one currency.
#[derive(Clone, Debug)]
pub struct Flow {
    /// The month.
    pub month: Month,
    /// The currency.
    pub currency: String,
    /// What came in, less what was given back.
    pub income: i128,
    /// What went out, negative, less what was refunded.
    pub expense: i128,
}

/// What came in and went out in each month from one day to another. What was not said to be for a category counts by its sign.
pub async fn flows(
    pool: &PgPool,
    book: Id<Book>,
    start: MonthStart,
    from: NaiveDate,
    to: NaiveDate,
) -> sqlx::Result<Vec<Flow>> {
    let rows = sqlx::query!(
        r#"SELECT date_trunc('month', (date - ($4::int - 1))::timestamp)::date AS "month!", currency,
                  sum(CASE kind WHEN 'income' THEN money_in + money_out WHEN 'expense' THEN 0 ELSE money_in END)::text AS "income!",
                  sum(CASE kind WHEN 'expense' THEN money_in + money_out WHEN 'income' THEN 0 ELSE money_out END)::text AS "expense!"
           FROM report_categories
                LEFT JOIN categories ON categories.book_id = report_categories.book_id AND categories.id = category_id
           WHERE report_categories.book_id = $1 AND date BETWEEN $2 AND $3 GROUP BY 1, 2"#,
        book.uuid(),
        from,
        to,
        i32::from(start.day()),
    )
    .fetch_all(pool)
    .await?;
    let rows = rows.into_iter().map(|row| {
        Ok(Flow {
            month: Month::of(row.month, MonthStart::default()),
            currency: row.currency,
            income: total::read(&row.income)?,
            expense: total::read(&row.expense)?,
        })
    });
    rows.collect()
}

/// What moved in all wallets of a currency on a day.
#[derive(Clone, Debug)]
pub struct Moved {
    /// The currency.
    pub currency: String,
    /// How many digits its minor unit has in these wallets.
    pub exponent: i16,
    /// The day.
    pub date: NaiveDate,
    /// How much.
    pub amount: i128,
}

/// What moved on each day up to one, day by day; all that moved before `from` counts for that day.
pub async fn moved(
    pool: &PgPool,
    book: Id<Book>,
    from: NaiveDate,
    to: NaiveDate,
) -> sqlx::Result<Vec<Moved>> {
    let rows = sqlx::query!(
        r#"SELECT currency, exponent, greatest(date, $2) AS "date!", sum(amount)::text AS "amount!"
           FROM report_wallets JOIN wallets ON wallets.book_id = report_wallets.book_id AND wallets.id = wallet_id
           WHERE report_wallets.book_id = $1 AND date <= $3 GROUP BY 1, 2, 3 ORDER BY 3"#,
        book.uuid(),
        from,
        to,
    )
    .fetch_all(pool)
    .await?;
    let rows = rows.into_iter().map(|row| {
        Ok(Moved {
            currency: row.currency,
            exponent: row.exponent,
            date: row.date,
            amount: total::read(&row.amount)?,
        })
    });
    rows.collect()
}

/// How many digits the minor unit of each currency has in a book.
pub async fn exponents(pool: &PgPool, book: Id<Book>) -> sqlx::Result<BTreeMap<String, i16>> {
    let rows = sqlx::query!(
        r#"SELECT currency, max(exponent) AS "exponent!" FROM wallets WHERE book_id = $1 GROUP BY currency"#,
        book.uuid(),
    )
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.currency, row.exponent))
        .collect())
}
