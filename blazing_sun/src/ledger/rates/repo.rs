//! The tables `rates` and `implied_rates`; one function a question.

use chrono::NaiveDate;
use sqlx::{PgExecutor, PgPool};

use crate::flow::ctx::Tx;
use crate::kernel::id::Id;
use crate::ledger::books::{Book, Owner};
use crate::ledger::rates::exchange::{Newest, Said, Wanted};
use crate::ledger::rates::list::Listed;
use crate::ledger::rates::net_worth::Held;
use crate::ledger::rates::rate::Rate;
use crate::ledger::transactions::Cursor;

macro_rules! rate {
    ($row:expr) => {
        Ok(Rate {
            id: $row.id.into(),
            date: $row.date,
            from: $row.from_currency,
            to: $row.to_currency,
            rate: $row.rate.parse().map_err(unreadable)?,
            version: $row.version,
            created_at: $row.created_at,
        })
    };
}

/// A rate of somebody's.
pub async fn find(pool: &PgPool, owner: Id<Owner>, id: Id<Rate>) -> sqlx::Result<Option<Rate>> {
    let found = sqlx::query!(
        r#"SELECT r.id, date, from_currency, to_currency, rate::text AS "rate!", r.version, r.created_at
           FROM rates r JOIN books b ON b.id = r.book_id WHERE b.owner_id = $1 AND r.id = $2"#,
        owner.uuid(),
        id.uuid(),
    )
    .fetch_optional(pool)
    .await?;
    found.map(|row| rate!(row)).transpose()
}

/// The same, locked until the transaction ends.
pub async fn lock(tx: &mut Tx, owner: Id<Owner>, id: Id<Rate>) -> sqlx::Result<Option<Rate>> {
    let found = sqlx::query!(
        r#"SELECT r.id, date, from_currency, to_currency, rate::text AS "rate!", r.version, r.created_at
           FROM rates r JOIN books b ON b.id = r.book_id WHERE b.owner_id = $1 AND r.id = $2 FOR NO KEY UPDATE OF r"#,
        owner.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    found.map(|row| rate!(row)).transpose()
}

/// Adds a rate; an error of `rates_day` says that there is one of that day.
pub async fn insert(tx: &mut Tx, book: Id<Book>, rate: &Rate) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO rates (id, book_id, date, from_currency, to_currency, rate, version, created_at)
         VALUES ($1, $2, $3, $4, $5, $6::text::numeric, $7, $8)",
        rate.id.uuid(),
        book.uuid(),
        rate.date,
        rate.from,
        rate.to,
        rate.rate.to_string(),
        rate.version,
        rate.created_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Keeps what was changed.
pub async fn update(tx: &mut Tx, rate: &Rate) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE rates SET date = $2, from_currency = $3, to_currency = $4, rate = $5::text::numeric, version = $6 WHERE id = $1",
        rate.id.uuid(),
        rate.date,
        rate.from,
        rate.to,
        rate.rate.to_string(),
        rate.version,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Deletes a rate.
pub async fn delete(tx: &mut Tx, id: Id<Rate>) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM rates WHERE id = $1", id.uuid())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// A page of somebody's rates, the latest day first.
pub async fn list(
    pool: &PgPool,
    owner: Id<Owner>,
    after: Option<Cursor>,
    limit: i64,
) -> sqlx::Result<Vec<Listed>> {
    let rows = sqlx::query!(
        r#"SELECT x.id AS "id!", x.date AS "date!", x.from_currency AS "from_currency!", x.to_currency AS "to_currency!", x.rate,
                  x.from_amount, x.from_exponent, x.to_amount, x.to_exponent
           FROM (SELECT * FROM (
                     SELECT r.id, r.date, r.from_currency, r.to_currency, r.rate::text AS rate, NULL::bigint AS from_amount,
                            NULL::smallint AS from_exponent, NULL::bigint AS to_amount, NULL::smallint AS to_exponent
                     FROM rates r
                     WHERE r.book_id = (SELECT id FROM books WHERE owner_id = $1) AND ($2::date IS NULL OR (r.date, r.id) < ($2, $3))
                     ORDER BY r.date DESC, r.id DESC LIMIT $4) AS entered
                 UNION ALL SELECT * FROM (
                     SELECT i.transaction_id, i.date, i.from_currency, i.to_currency, NULL, i.from_amount, i.from_exponent,
                            i.to_amount, i.to_exponent
                     FROM implied_rates i
                     WHERE i.book_id = (SELECT id FROM books WHERE owner_id = $1) AND ($2::date IS NULL OR (i.date, i.transaction_id) < ($2, $3))
                     ORDER BY i.date DESC, i.transaction_id DESC LIMIT $4) AS implied) x
           ORDER BY x.date DESC, x.id DESC LIMIT $4"#,
        owner.uuid(),
        after.map(|after| after.date),
        after.map(|after| after.id),
        limit,
    )
    .fetch_all(pool)
    .await?;
    let listed = rows.into_iter().map(|row| {
        Ok(Listed {
            id: row.id,
            date: row.date,
            from: row.from_currency,
            to: row.to_currency,
            said: said(
                row.rate,
                (row.from_amount, row.from_exponent),
                (row.to_amount, row.to_exponent),
            )?,
        })
    });
    listed.collect()
}

/// The newest rate between the base currency and each of these, of its day or before: entered ones before implied ones of the
/// same day, and those of the direct way before the others. One statement, whatever is asked.
pub async fn newest(
    from: impl PgExecutor<'_>,
    owner: Id<Owner>,
    base: &str,
    wanted: &[Wanted],
) -> sqlx::Result<Vec<Option<Newest>>> {
    let currencies: Vec<String> = wanted.iter().map(|it| it.currency.clone()).collect();
    let days: Vec<NaiveDate> = wanted.iter().map(|it| it.day).collect();
    let rows = sqlx::query!(
        r#"SELECT n.date AS "date?", n.rate AS "rate?", n.from_amount AS "from_amount?", n.from_exponent AS "from_exponent?",
                  n.to_amount AS "to_amount?", n.to_exponent AS "to_exponent?", n.is_inverse AS "is_inverse?"
           FROM books b, unnest($3::text[], $4::date[]) WITH ORDINALITY AS w (currency, day, no) LEFT JOIN LATERAL (
               SELECT * FROM (
                   (SELECT 1 AS rank, false AS is_inverse, date, rate::text AS rate, NULL::bigint AS from_amount,
                           NULL::smallint AS from_exponent, NULL::bigint AS to_amount, NULL::smallint AS to_exponent
                    FROM rates WHERE book_id = (SELECT id FROM books WHERE owner_id = $1)
                     AND from_currency = w.currency AND to_currency = $2 AND date <= w.day ORDER BY date DESC LIMIT 1)
                   UNION ALL
                   (SELECT 2, true, date, rate::text, NULL, NULL, NULL, NULL
                    FROM rates WHERE book_id = (SELECT id FROM books WHERE owner_id = $1)
                     AND from_currency = $2 AND to_currency = w.currency AND date <= w.day ORDER BY date DESC LIMIT 1)
                   UNION ALL
                   (SELECT 3, false, date, NULL, from_amount, from_exponent, to_amount, to_exponent
                    FROM implied_rates WHERE book_id = (SELECT id FROM books WHERE owner_id = $1)
                     AND from_currency = w.currency AND to_currency = $2 AND date <= w.day
                    ORDER BY date DESC, transaction_id DESC LIMIT 1)
                   UNION ALL
                   (SELECT 4, true, date, NULL, from_amount, from_exponent, to_amount, to_exponent
                    FROM implied_rates WHERE book_id = (SELECT id FROM books WHERE owner_id = $1)
                     AND from_currency = $2 AND to_currency = w.currency AND date <= w.day
                    ORDER BY date DESC, transaction_id DESC LIMIT 1)
               ) found ORDER BY date DESC, rank LIMIT 1
           ) n ON true
           WHERE b.owner_id = $1 ORDER BY w.no"#,
        owner.uuid(),
        base,
        &currencies,
        &days,
    )
    .fetch_all(from)
    .await?;
    let found = rows.into_iter().map(|row| {
        let Some((date, is_inverse)) = row.date.zip(row.is_inverse) else {
            return Ok(None);
        };
        let from = (row.from_amount, row.from_exponent);
        let said = said(row.rate, from, (row.to_amount, row.to_exponent))?;
        Ok(Some(Newest {
            date,
            said,
            is_inverse,
        }))
    });
    found.collect()
}

/// What somebody holds of each currency at the end of a day.
pub async fn held(pool: &PgPool, owner: Id<Owner>, day: NaiveDate) -> sqlx::Result<Vec<Held>> {
    let rows = sqlx::query!(
        r#"SELECT currency, exponent, sum(balance - later)::text AS "amount!"
           FROM (SELECT w.currency, w.exponent, w.balance,
                        coalesce((SELECT sum(e.amount) FROM entries e WHERE e.wallet_id = w.id AND e.date > $2), 0) AS later
                 FROM wallets w JOIN books b ON b.id = w.book_id WHERE b.owner_id = $1) AS held
           GROUP BY currency, exponent ORDER BY currency, exponent"#,
        owner.uuid(),
        day,
    )
    .fetch_all(pool)
    .await?;
    let held = rows.into_iter().map(|row| {
        Ok(Held {
            currency: row.currency,
            exponent: row.exponent,
            amount: row.amount.parse().map_err(unreadable)?,
        })
    });
    held.collect()
}

fn said(
    rate: Option<String>,
    from: (Option<i64>, Option<i16>),
    to: (Option<i64>, Option<i16>),
) -> sqlx::Result<Said> {
    match (rate, from, to) {
        (Some(rate), ..) => Ok(Said::Entered(rate.parse().map_err(unreadable)?)),
        (None, (Some(from), Some(from_exponent)), (Some(to), Some(to_exponent))) => {
            Ok(Said::Implied {
                from,
                from_exponent,
                to,
                to_exponent,
            })
        }
        _ => Err(sqlx::Error::Decode("a rate without amounts".into())),
    }
}

/// The place behind a rate in a list.
#[must_use]
pub fn behind(listed: &Listed) -> Cursor {
    Cursor {
        date: listed.date,
        id: listed.id,
    }
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}
