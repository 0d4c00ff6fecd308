//! The table `passkeys`.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{PgExecutor, PgPool};
use uuid::Uuid;

use crate::accounts::account::Account;
use crate::flow::ctx::Tx;
use crate::kernel::id::Id;

/// What is kept of the passkeys of an account.
pub async fn passkeys(on: impl PgExecutor<'_>, account: Id<Account>) -> sqlx::Result<Vec<Value>> {
    sqlx::query_scalar!(
        "SELECT credential FROM passkeys WHERE user_id = $1 ORDER BY id",
        account.uuid(),
    )
    .fetch_all(on)
    .await
}

/// What is kept of one passkey of an account.
pub async fn passkey(
    tx: &mut Tx,
    account: Id<Account>,
    credential_id: &[u8],
) -> sqlx::Result<Option<Value>> {
    sqlx::query_scalar!(
        "SELECT credential FROM passkeys WHERE user_id = $1 AND credential_id = $2",
        account.uuid(),
        credential_id,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Adds a passkey, and returns its id; none if it is somebody's already.
pub async fn insert_passkey(
    tx: &mut Tx,
    account: Id<Account>,
    name: &str,
    (credential_id, credential): (&[u8], &Value),
) -> sqlx::Result<Option<Uuid>> {
    let (id, now) = (crate::kernel::id::new(), tx.now());
    sqlx::query_scalar!(
        "INSERT INTO passkeys (id, user_id, credential_id, name, credential, created_at)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (credential_id) DO NOTHING RETURNING id",
        id,
        account.uuid(),
        credential_id,
        name,
        credential,
        now,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Notes that a passkey was used.
pub async fn update_passkey(
    tx: &mut Tx,
    credential_id: &[u8],
    credential: &Value,
) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query!(
        "UPDATE passkeys SET credential = $2, used_at = $3 WHERE credential_id = $1",
        credential_id,
        credential,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Removes a passkey. `false`: the account has no such one.
pub async fn remove_passkey(tx: &mut Tx, account: Id<Account>, id: Uuid) -> sqlx::Result<bool> {
    let removed = sqlx::query!(
        "DELETE FROM passkeys WHERE user_id = $1 AND id = $2",
        account.uuid(),
        id,
    )
    .execute(tx.conn())
    .await?;
    Ok(removed.rows_affected() == 1)
}

/// Removes all passkeys. `false`: there was none.
pub async fn remove_passkeys(tx: &mut Tx, account: Id<Account>) -> sqlx::Result<bool> {
    let removed = sqlx::query!("DELETE FROM passkeys WHERE user_id = $1", account.uuid())
        .execute(tx.conn())
        .await?;
    Ok(removed.rows_affected() > 0)
}

/// A passkey as its owner sees it.
pub struct Listed {
    /// Which one.
    pub id: Uuid,
    /// What its owner calls it.
    pub name: String,
    /// Since when it is there.
    pub created_at: DateTime<Utc>,
    /// When it was last used.
    pub used_at: Option<DateTime<Utc>>,
}

/// The passkeys of an account, the oldest first. (There is a bound to their number.)
pub async fn list(pool: &PgPool, account: Id<Account>) -> sqlx::Result<Vec<Listed>> {
    sqlx::query_as!(
        Listed,
        "SELECT id, name, created_at, used_at FROM passkeys WHERE user_id = $1 ORDER BY id",
        account.uuid(),
    )
    .fetch_all(pool)
    .await
}
