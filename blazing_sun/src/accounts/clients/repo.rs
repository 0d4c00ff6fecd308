//! The tables `signing_keys` and `refresh_tokens`; one function a question.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::accounts::account::Account;
use crate::accounts::clients::signing_key::KeyTimes;
use crate::accounts::sessions::Session;
use crate::flow::ctx::Tx;
use crate::kernel::id::Id;
use crate::web::access::Role;

/// Every key, the oldest first. (There are two or three.)
pub async fn keys(pool: &PgPool) -> sqlx::Result<Vec<KeyTimes>> {
    sqlx::query_as!(
        KeyTimes,
        "SELECT id, created_at, signs_from, expires_at FROM signing_keys ORDER BY created_at, id",
    )
    .fetch_all(pool)
    .await
}

/// Keeps others from making keys until the transaction ends, and says when the newest was made. Reading goes on.
pub async fn lock_keys(tx: &mut Tx) -> sqlx::Result<Option<DateTime<Utc>>> {
    sqlx::query!("LOCK TABLE signing_keys IN SHARE ROW EXCLUSIVE MODE")
        .execute(tx.conn())
        .await?;
    sqlx::query_scalar!("SELECT max(created_at) FROM signing_keys")
        .fetch_one(tx.conn())
        .await
}

/// Adds a key, and lets those before it end.
pub async fn add_key(tx: &mut Tx, key: &KeyTimes) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE signing_keys SET expires_at = $1 WHERE expires_at IS NULL",
        key.outlives_others_at(),
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "INSERT INTO signing_keys (id, created_at, signs_from) VALUES ($1, $2, $3)",
        key.id,
        key.created_at,
        key.signs_from,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Deletes the keys whose tokens are all dead.
pub async fn delete_expired_keys(tx: &mut Tx) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query!("DELETE FROM signing_keys WHERE expires_at <= $1", now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Begins the line of a session's refresh tokens. Returns the first, and what the session's owner is.
pub async fn insert_first(tx: &mut Tx, session: Id<Session>) -> sqlx::Result<(Uuid, Role)> {
    let (id, now) = (crate::kernel::id::new(), tx.now());
    let role = sqlx::query_scalar!(
        r#"WITH first AS (INSERT INTO refresh_tokens (id, session_id, created_at) VALUES ($1, $2, $3))
           SELECT role FROM sessions JOIN users ON users.id = user_id WHERE sessions.id = $2"#,
        id,
        session.uuid(),
        now,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok((id, role_of(&role)?))
}

/// Whose a refresh token is.
#[derive(Clone, Copy)]
pub struct Family {
    /// The account.
    pub account_id: Id<Account>,
    /// The session.
    pub session_id: Id<Session>,
}

/// Whose a refresh token is, as long as its session lasts.
pub async fn family(pool: &PgPool, token: Uuid) -> sqlx::Result<Option<Family>> {
    let found = sqlx::query!(
        "SELECT session_id, user_id FROM refresh_tokens JOIN sessions ON sessions.id = session_id
         WHERE refresh_tokens.id = $1",
        token,
    )
    .fetch_optional(pool)
    .await?;
    Ok(found.map(|row| Family {
        account_id: row.user_id.into(),
        session_id: row.session_id.into(),
    }))
}

/// A refresh token, and the session that it continues.
pub struct Found {
    /// The session.
    pub session: Session,
    /// When the token was used.
    pub used_at: Option<DateTime<Utc>>,
    /// What followed it.
    pub successor: Option<Uuid>,
    /// Whether that was used too.
    pub successor_was_used: bool,
}

/// A refresh token whose session is kept from changing until the transaction ends.
pub async fn lock(tx: &mut Tx, token: Uuid) -> sqlx::Result<Option<Found>> {
    let found = sqlx::query!(
        r#"SELECT sessions.id, user_id, role, confirmed_at, seen_at, sessions.expires_at, it.used_at, it.successor,
                  EXISTS (SELECT FROM refresh_tokens
                          WHERE id = it.successor AND used_at IS NOT NULL) AS "successor_was_used!"
           FROM refresh_tokens AS it JOIN sessions ON sessions.id = session_id JOIN users ON users.id = user_id
           WHERE it.id = $1 FOR UPDATE OF sessions, it"#,
        token,
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = found else { return Ok(None) };
    Ok(Some(Found {
        session: Session {
            id: row.id.into(),
            account_id: row.user_id.into(),
            role: role_of(&row.role)?,
            confirmed_at: row.confirmed_at,
            seen_at: row.seen_at,
            expires_at: row.expires_at,
        },
        used_at: row.used_at,
        successor: row.successor,
        successor_was_used: row.successor_was_used,
    }))
}

/// Uses a refresh token, and the session with it. Returns what follows it.
pub async fn succeed(tx: &mut Tx, token: Uuid) -> sqlx::Result<Uuid> {
    let (successor, now) = (crate::kernel::id::new(), tx.now());
    sqlx::query!(
        "WITH used AS (UPDATE refresh_tokens SET used_at = $3, successor = $2 WHERE id = $1 RETURNING session_id),
              seen AS (UPDATE sessions SET seen_at = greatest(seen_at, $3) FROM used WHERE id = session_id)
         INSERT INTO refresh_tokens (id, session_id, created_at) SELECT $2, session_id, $3 FROM used",
        token,
        successor,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(successor)
}

fn role_of(name: &str) -> sqlx::Result<Role> {
    name.parse()
        .map_err(|error| sqlx::Error::Decode(Box::new(error)))
}
