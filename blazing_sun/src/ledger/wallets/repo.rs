//! The table `wallets`; one function a question.

use sqlx::PgPool;
use uuid::Uuid;

use crate::flow::ctx::Tx;
use crate::kernel::id::Id;
use crate::ledger::books::{Book, Owner};
use crate::ledger::wallets::wallet::Wallet;

macro_rules! wallet {
    ($row:expr) => {
        Ok(Wallet {
            id: $row.id.into(),
            name: $row.name,
            kind: $row
                .kind
                .parse()
                .map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
            currency: $row.currency,
            exponent: $row.exponent,
            balance: $row.balance,
            archived_at: $row.archived_at,
            version: $row.version,
            created_at: $row.created_at,
        })
    };
}

/// Somebody's wallets by their names. (There is a bound to their number.)
pub async fn list(pool: &PgPool, owner: Id<Owner>) -> sqlx::Result<Vec<Wallet>> {
    let rows = sqlx::query!(
        "SELECT wallets.id, name, kind, currency, exponent, balance, archived_at, wallets.version, wallets.created_at
         FROM wallets JOIN books ON books.id = book_id WHERE owner_id = $1
         ORDER BY archived_at IS NOT NULL, lower(name)",
        owner.uuid(),
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(|row| wallet!(row)).collect()
}

/// A wallet of somebody's.
pub async fn find(pool: &PgPool, owner: Id<Owner>, id: Id<Wallet>) -> sqlx::Result<Option<Wallet>> {
    let found = sqlx::query!(
        "SELECT wallets.id, name, kind, currency, exponent, balance, archived_at, wallets.version, wallets.created_at
         FROM wallets JOIN books ON books.id = book_id WHERE owner_id = $1 AND wallets.id = $2",
        owner.uuid(),
        id.uuid(),
    )
    .fetch_optional(pool)
    .await?;
    found.map(|row| wallet!(row)).transpose()
}

/// The same, locked until the transaction ends: nothing moves in it meanwhile.
pub async fn lock(tx: &mut Tx, owner: Id<Owner>, id: Id<Wallet>) -> sqlx::Result<Option<Wallet>> {
    let found = sqlx::query!(
        "SELECT wallets.id, name, kind, currency, exponent, balance, archived_at, wallets.version, wallets.created_at
         FROM wallets JOIN books ON books.id = book_id WHERE owner_id = $1 AND wallets.id = $2
         FOR NO KEY UPDATE OF wallets",
        owner.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    found.map(|row| wallet!(row)).transpose()
}

/// Locks wallets, always in the order of their ids, so that nobody waits in a circle. To be called before several statements
/// move money in them.
pub async fn lock_all(tx: &mut Tx, book: Id<Book>, ids: &[Uuid]) -> sqlx::Result<()> {
    sqlx::query!(
        "SELECT id FROM wallets WHERE book_id = $1 AND id = ANY($2) ORDER BY id FOR NO KEY UPDATE",
        book.uuid(),
        ids,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(())
}

/// How many wallets a book has.
pub async fn count(tx: &mut Tx, book: Id<Book>) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM wallets WHERE book_id = $1"#,
        book.uuid(),
    )
    .fetch_one(tx.conn())
    .await
}

/// Adds a wallet, empty.
pub async fn insert(tx: &mut Tx, book: Id<Book>, wallet: &Wallet) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO wallets (id, book_id, name, kind, currency, exponent, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        wallet.id.uuid(),
        book.uuid(),
        wallet.name,
        wallet.kind.name(),
        wallet.currency,
        wallet.exponent,
        wallet.created_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Keeps what was changed.
pub async fn update(tx: &mut Tx, wallet: &Wallet) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE wallets SET name = $2, kind = $3, archived_at = $4, version = $5 WHERE id = $1",
        wallet.id.uuid(),
        wallet.name,
        wallet.kind.name(),
        wallet.archived_at,
        wallet.version,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Deletes a wallet; an error of the foreign key says that something moved in it.
pub async fn delete(tx: &mut Tx, id: Id<Wallet>) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM wallets WHERE id = $1", id.uuid())
        .execute(tx.conn())
        .await?;
    Ok(())
}
