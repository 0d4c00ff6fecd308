//! The table `balance_checks`, and what checks are about; one function a question.

use chrono::NaiveDate;
use sqlx::PgPool;
use uuid::Uuid;

use crate::flow::ctx::Tx;
use crate::kernel::id::Id;
use crate::ledger::books::Owner;
use crate::ledger::checks::check::Check;
use crate::ledger::transactions::Cursor;
use crate::ledger::wallets::Wallet;

/// What moved in a wallet after a day.
pub async fn moved_after(tx: &mut Tx, wallet: Id<Wallet>, day: NaiveDate) -> sqlx::Result<i128> {
    let moved = sqlx::query_scalar!(
        r#"SELECT coalesce(sum(amount), 0)::text AS "moved!" FROM entries WHERE wallet_id = $1 AND date > $2"#,
        wallet.uuid(),
        day,
    )
    .fetch_one(tx.conn())
    .await?;
    moved
        .parse()
        .map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// Keeps a check.
pub async fn insert(tx: &mut Tx, check: &Check) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO balance_checks (id, book_id, wallet_id, currency, date, said, found, created_at)
         SELECT $1, book_id, id, currency, $3, $4, $5, $6 FROM wallets WHERE id = $2",
        check.id,
        check.wallet_id,
        check.date,
        check.said,
        check.found,
        check.created_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A page of the checks of somebody's wallet, the latest day first.
pub async fn list(
    pool: &PgPool,
    owner: Id<Owner>,
    wallet: Id<Wallet>,
    after: Option<Cursor>,
    limit: i64,
) -> sqlx::Result<Vec<Check>> {
    sqlx::query_as!(
        Check,
        "SELECT c.id, wallet_id, date, said, found, c.created_at
         FROM balance_checks c JOIN books b ON b.id = c.book_id
         WHERE b.owner_id = $1 AND wallet_id = $2 AND ($3::date IS NULL OR (date, c.id) < ($3, $4))
         ORDER BY date DESC, c.id DESC LIMIT $5",
        owner.uuid(),
        wallet.uuid(),
        after.map(|after| after.date),
        after.map(|after| after.id),
        limit,
    )
    .fetch_all(pool)
    .await
}

/// A check of somebody's wallet.
pub async fn find(
    pool: &PgPool,
    owner: Id<Owner>,
    wallet: Id<Wallet>,
    id: Uuid,
) -> sqlx::Result<Option<Check>> {
    sqlx::query_as!(
        Check,
        "SELECT c.id, wallet_id, date, said, found, c.created_at
         FROM balance_checks c JOIN books b ON b.id = c.book_id WHERE b.owner_id = $1 AND wallet_id = $2 AND c.id = $3",
        owner.uuid(),
        wallet.uuid(),
        id,
    )
    .fetch_optional(pool)
    .await
}

/// Deletes a check of somebody's wallet. `false`: there is no such one.
pub async fn delete(
    tx: &mut Tx,
    owner: Id<Owner>,
    wallet: Id<Wallet>,
    id: Uuid,
) -> sqlx::Result<bool> {
    let deleted = sqlx::query!(
        "DELETE FROM balance_checks c USING books b
         WHERE b.id = c.book_id AND b.owner_id = $1 AND c.wallet_id = $2 AND c.id = $3",
        owner.uuid(),
        wallet.uuid(),
        id,
    )
    .execute(tx.conn())
    .await?;
    Ok(deleted.rows_affected() > 0)
}

/// A check, whosever it is, and whose book it is in: for a job.
pub async fn of_job(tx: &mut Tx, id: Uuid) -> sqlx::Result<Option<(Check, Id<Owner>)>> {
    let found = sqlx::query!(
        "SELECT c.id, wallet_id, date, said, found, c.created_at, b.owner_id
         FROM balance_checks c JOIN books b ON b.id = c.book_id WHERE c.id = $1 FOR NO KEY UPDATE OF c",
        id,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.map(|row| {
        let check = Check {
            id: row.id,
            wallet_id: row.wallet_id,
            date: row.date,
            said: row.said,
            found: row.found,
            created_at: row.created_at,
        };
        (check, row.owner_id.into())
    }))
}

/// A transaction that is locked.
#[derive(Clone, Copy)]
pub struct Cleared {
    /// It.
    pub id: Uuid,
    /// Its day.
    pub date: NaiveDate,
}

/// Locks the transactions of which something is cleared in a wallet from one day to another, by their ids; the first days of
/// them.
pub async fn lock_cleared(
    tx: &mut Tx,
    wallet: Uuid,
    from: Option<NaiveDate>,
    to: NaiveDate,
    limit: i64,
) -> sqlx::Result<Vec<Cleared>> {
    sqlx::query_as!(
        Cleared,
        "SELECT id, date FROM transactions
         WHERE id IN (SELECT transaction_id FROM entries
                      WHERE wallet_id = $1 AND ($2::date IS NULL OR date >= $2) AND date <= $3 AND status = 'cleared'
                      ORDER BY date, transaction_id LIMIT $4)
         ORDER BY id FOR NO KEY UPDATE",
        wallet,
        from,
        to,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// Marks what is cleared of these transactions, which are locked, in a wallet.
pub async fn reconcile(tx: &mut Tx, wallet: Uuid, ids: &[Uuid]) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query!(
        "WITH marked AS (
             UPDATE entries SET status = 'reconciled'
             WHERE wallet_id = $1 AND transaction_id = ANY($2) AND status = 'cleared'
         )
         UPDATE transactions SET version = version + 1, updated_at = $3 WHERE id = ANY($2)",
        wallet,
        ids,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
