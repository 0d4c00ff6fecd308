//! The table `api_tokens`; one function a question.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::accounts::account::Account;
use crate::accounts::sessions::TokenHash;
use crate::flow::ctx::Tx;
use crate::kernel::id::Id;
use crate::web::access::{Role, Scope};

/// A token as its owner sees it.
pub struct Listed {
    /// Which one.
    pub id: Uuid,
    /// What it is for.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last used, to within minutes.
    pub seen_at: Option<DateTime<Utc>>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// The tokens of an account, the newest first. (There is a bound to their number.)
pub async fn list(pool: &PgPool, account: Id<Account>) -> sqlx::Result<Vec<Listed>> {
    let rows = sqlx::query!(
        "SELECT id, name, scopes, created_at, seen_at, expires_at FROM api_tokens WHERE user_id = $1 ORDER BY id DESC",
        account.uuid(),
    )
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Listed {
            id: row.id,
            name: row.name,
            scopes: scopes(&row.scopes),
            created_at: row.created_at,
            seen_at: row.seen_at,
            expires_at: row.expires_at,
        })
        .collect())
}

/// How many tokens an account has.
pub async fn count(tx: &mut Tx, account: Id<Account>) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM api_tokens WHERE user_id = $1"#,
        account.uuid(),
    )
    .fetch_one(tx.conn())
    .await
}

/// Adds a token.
pub async fn insert(
    tx: &mut Tx,
    account: Id<Account>,
    hash: &TokenHash,
    token: &Listed,
) -> sqlx::Result<()> {
    let scopes: Vec<String> = token
        .scopes
        .iter()
        .map(|scope| scope.name().to_owned())
        .collect();
    sqlx::query!(
        "INSERT INTO api_tokens (id, user_id, name, token_hash, scopes, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        token.id,
        account.uuid(),
        token.name,
        hash.as_bytes(),
        &scopes,
        token.created_at,
        token.expires_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Notes that an account has changed, and returns its new version.
pub async fn raise_version(tx: &mut Tx, account: Id<Account>) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        "UPDATE users SET version = version + 1 WHERE id = $1 RETURNING version",
        account.uuid(),
    )
    .fetch_one(tx.conn())
    .await
}

/// Removes a token of an account. `false`: it has none of this id.
pub async fn delete(tx: &mut Tx, account: Id<Account>, id: Uuid) -> sqlx::Result<bool> {
    let deleted = sqlx::query!(
        "DELETE FROM api_tokens WHERE id = $1 AND user_id = $2",
        id,
        account.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(deleted.rows_affected() > 0)
}

/// A token that somebody brings.
pub struct Found {
    /// Which one.
    pub id: Uuid,
    /// Whose.
    pub account_id: Uuid,
    /// What its owner is now.
    pub role: Role,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// When it was last used.
    pub seen_at: Option<DateTime<Utc>>,
}

/// The token of a hash, if it is good and its owner's account is active and not about to be erased.
pub async fn find(
    pool: &PgPool,
    hash: &TokenHash,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<Found>> {
    let found = sqlx::query!(
        "SELECT api_tokens.id, user_id, role, scopes, seen_at FROM api_tokens JOIN users ON users.id = user_id
         WHERE token_hash = $1 AND expires_at > $2 AND status = 'active' AND deletion_at IS NULL",
        hash.as_bytes(),
        now,
    )
    .fetch_optional(pool)
    .await?;
    let Some(row) = found else { return Ok(None) };
    Ok(Some(Found {
        id: row.id,
        account_id: row.user_id,
        role: row
            .role
            .parse()
            .map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
        scopes: scopes(&row.scopes),
        seen_at: row.seen_at,
    }))
}

/// Notes that a token was used.
pub async fn touch(pool: &PgPool, id: Uuid, now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE api_tokens SET seen_at = greatest(seen_at, $2) WHERE id = $1",
        id,
        now,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// The scopes that this build knows; another build's are none here.
fn scopes(names: &[String]) -> Vec<Scope> {
    names.iter().filter_map(|name| name.parse().ok()).collect()
}
