//! The table `trash`; one function a question.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use sqlx::types::Json;
use uuid::Uuid;

use crate::flow::ctx::Tx;
use crate::kernel::id::Id;
use crate::ledger::books::Owner;
use crate::ledger::transactions::Transaction;

/// Something in the trash.
pub struct Thrown {
    /// The transaction, as it was.
    pub transaction: Transaction,
    /// When it was deleted.
    pub deleted_at: DateTime<Utc>,
}

/// A page of somebody's trash, what was deleted last first.
pub async fn list(
    pool: &PgPool,
    owner: Id<Owner>,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> sqlx::Result<Vec<Thrown>> {
    let (moment, id) = after.unzip();
    let rows = sqlx::query!(
        r#"SELECT contents AS "contents: Json<Transaction>", deleted_at FROM trash
           WHERE book_id = (SELECT id FROM books WHERE owner_id = $1)
             AND (deleted_at, transaction_id) < (coalesce($2, 'infinity'::timestamptz), coalesce($3, transaction_id))
           ORDER BY deleted_at DESC, transaction_id DESC LIMIT $4"#,
        owner.uuid(),
        moment,
        id,
        limit,
    )
    .fetch_all(pool)
    .await?;
    let thrown = rows.into_iter().map(|row| Thrown {
        transaction: row.contents.0,
        deleted_at: row.deleted_at,
    });
    Ok(thrown.collect())
}

/// The version of a transaction in somebody's trash, which stays there until the transaction ends.
pub async fn lock(tx: &mut Tx, owner: Id<Owner>, id: Id<Transaction>) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar!(
        "SELECT trash.version FROM trash JOIN books ON books.id = book_id WHERE owner_id = $1 AND transaction_id = $2
         FOR UPDATE OF trash",
        owner.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await
}

/// Forgets a transaction in the trash.
pub async fn delete(tx: &mut Tx, id: Id<Transaction>) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM trash WHERE transaction_id = $1", id.uuid())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Forgets some of what was deleted before a moment, in anybody's trash. Returns how many there were.
pub async fn purge(pool: &PgPool, before: DateTime<Utc>, at_most: i64) -> sqlx::Result<u64> {
    let gone = sqlx::query!(
        "DELETE FROM trash WHERE transaction_id IN (SELECT transaction_id FROM trash WHERE deleted_at <= $1 LIMIT $2)",
        before,
        at_most,
    )
    .execute(pool)
    .await?;
    Ok(gone.rows_affected())
}
