//! The tables `report_wallets` and `report_categories` as the reaction writes them: always whole cells, from the ledger.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use uuid::Uuid;

use crate::flow::ctx::Tx;

/// Locks books until the transaction ends, always in the order of their ids. Returns how many there still are.
pub async fn lock_books(tx: &mut Tx, books: &[Uuid]) -> sqlx::Result<usize> {
    let found = sqlx::query!(
        "SELECT id FROM books WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE",
        books,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(found.len())
}

/// Makes the totals of wallets on some days anew, in a book that is locked. (`OFFSET 0` keeps the planner to a look into the index
/// for each cell, whatever it believes about the book.)
pub async fn recompute_wallets(
    tx: &mut Tx,
    book: Uuid,
    cells: &BTreeSet<(NaiveDate, Uuid)>,
) -> sqlx::Result<()> {
    let (dates, wallets): (Vec<NaiveDate>, Vec<Uuid>) = cells.iter().copied().unzip();
    sqlx::query!(
        "WITH cells AS (
             SELECT date, wallet_id FROM unnest($2::date[], $3::uuid[]) AS cells (date, wallet_id)
         ), fresh AS (
             SELECT date, wallet_id, sum(amount) AS amount, count(*) AS count
             FROM cells, LATERAL (
                 SELECT amount FROM entries
                 WHERE book_id = $1 AND wallet_id = cells.wallet_id AND date = cells.date OFFSET 0
             ) moved
             GROUP BY date, wallet_id
         ), gone AS (
             DELETE FROM report_wallets old USING cells
             WHERE old.book_id = $1 AND old.date = cells.date AND old.wallet_id = cells.wallet_id
               AND NOT EXISTS (SELECT FROM fresh WHERE fresh.date = old.date AND fresh.wallet_id = old.wallet_id)
         )
         INSERT INTO report_wallets (book_id, date, wallet_id, amount, count)
         SELECT $1, date, wallet_id, amount, count FROM fresh
         ON CONFLICT (book_id, date, wallet_id) DO UPDATE SET amount = excluded.amount, count = excluded.count",
        book,
        &dates,
        &wallets,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Makes the totals of categories on some days anew, in a book that is locked. (Only what is neither an opening nor an
/// adjustment has lines: PostgreSQL sees to that.)
pub async fn recompute_categories(
    tx: &mut Tx,
    book: Uuid,
    cells: &BTreeSet<(NaiveDate, Option<Uuid>)>,
) -> sqlx::Result<()> {
    let (dates, categories): (Vec<NaiveDate>, Vec<Option<Uuid>>) = cells.iter().copied().unzip();
    // A category that was not said is asked for by itself: an index finds nulls, but not what may be null or not.
    sqlx::query!(
        "WITH cells AS (
             SELECT date, category_id FROM unnest($2::date[], $3::uuid[]) AS cells (date, category_id)
         ), said AS (
             SELECT date, category_id, currency, amount FROM cells, LATERAL (
                 SELECT currency, amount FROM lines
                 WHERE book_id = $1 AND category_id = cells.category_id AND date = cells.date OFFSET 0
             ) some_category
             UNION ALL
             SELECT date, category_id, currency, amount FROM cells, LATERAL (
                 SELECT currency, amount FROM lines
                 WHERE book_id = $1 AND category_id IS NULL AND date = cells.date OFFSET 0
             ) no_category
             WHERE category_id IS NULL
         ), fresh AS (
             SELECT date, category_id, currency, sum(greatest(amount, 0)) AS money_in, sum(least(amount, 0)) AS money_out,
                    count(*) FILTER (WHERE amount > 0) AS lines_in, count(*) FILTER (WHERE amount < 0) AS lines_out
             FROM said GROUP BY date, category_id, currency
         ), gone AS (
             DELETE FROM report_categories old USING cells
             WHERE old.book_id = $1 AND old.date = cells.date AND old.category_id IS NOT DISTINCT FROM cells.category_id
               AND NOT EXISTS (SELECT FROM fresh WHERE fresh.date = old.date AND fresh.currency = old.currency
                                                   AND fresh.category_id IS NOT DISTINCT FROM old.category_id)
         )
         INSERT INTO report_categories (book_id, date, category_id, currency, money_in, money_out, lines_in, lines_out)
         SELECT $1, date, category_id, currency, money_in, money_out, lines_in, lines_out FROM fresh
         ON CONFLICT (book_id, date, category_id, currency)
         DO UPDATE SET money_in = excluded.money_in, money_out = excluded.money_out,
                       lines_in = excluded.lines_in, lines_out = excluded.lines_out",
        book,
        &dates,
        &categories as &[Option<Uuid>],
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Clears all totals and makes them again, in a transaction that sees one moment.
pub async fn rebuild(tx: &mut Tx) -> sqlx::Result<()> {
    // A book that is erased meanwhile waits: its totals would belong to nothing.
    sqlx::query!("SELECT id FROM books ORDER BY id FOR KEY SHARE")
        .fetch_all(tx.conn())
        .await?;
    sqlx::query!("DELETE FROM report_wallets")
        .execute(tx.conn())
        .await?;
    sqlx::query!(
        "INSERT INTO report_wallets (book_id, date, wallet_id, amount, count)
         SELECT book_id, date, wallet_id, sum(amount), count(*) FROM entries GROUP BY book_id, date, wallet_id",
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!("DELETE FROM report_categories")
        .execute(tx.conn())
        .await?;
    sqlx::query!(
        "INSERT INTO report_categories (book_id, date, category_id, currency, money_in, money_out, lines_in, lines_out)
         SELECT book_id, date, category_id, currency, sum(greatest(amount, 0)), sum(least(amount, 0)),
                count(*) FILTER (WHERE amount > 0), count(*) FILTER (WHERE amount < 0)
         FROM lines GROUP BY book_id, date, category_id, currency",
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
