//! The states of ceremonies with passkeys of somebody who is signed in. Each is good once.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use crate::accounts::account::Account;
use crate::accounts::sessions::Session;
use crate::flow::ctx::Tx;
use crate::kernel::id::Id;

/// Keeps the state of a registration, in place of one before, and returns its id.
pub async fn begin_registration(
    tx: &mut Tx,
    account: Id<Account>,
    state: &Value,
    expires_at: DateTime<Utc>,
) -> sqlx::Result<Uuid> {
    let (id, now) = (crate::kernel::id::new(), tx.now());
    sqlx::query!(
        "DELETE FROM passkey_registrations WHERE user_id = $1",
        account.uuid()
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "INSERT INTO passkey_registrations (id, user_id, state, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
        id,
        account.uuid(),
        state,
        now,
        expires_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(id)
}

/// Takes the state of a registration that the account has begun.
pub async fn take_registration(
    pool: &PgPool,
    account: Id<Account>,
    id: Uuid,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<Value>> {
    sqlx::query_scalar!(
        "DELETE FROM passkey_registrations WHERE user_id = $1 AND id = $2 AND expires_at > $3 RETURNING state",
        account.uuid(),
        id,
        now,
    )
    .fetch_optional(pool)
    .await
}

/// Keeps the state of a confirmation, in place of one before.
pub async fn begin_confirmation(
    pool: &PgPool,
    session: Id<Session>,
    state: &Value,
    until: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE sessions SET passkey = $2, passkey_until = $3 WHERE id = $1",
        session.uuid(),
        state,
        until,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Takes the state of a confirmation that the session has begun.
pub async fn take_confirmation(
    pool: &PgPool,
    session: Id<Session>,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<Value>> {
    let state = sqlx::query_scalar!(
        "UPDATE sessions SET passkey = NULL, passkey_until = NULL
         FROM (SELECT id AS old_id, passkey AS state FROM sessions WHERE id = $1 AND passkey_until > $2 FOR UPDATE) AS old
         WHERE id = old_id RETURNING state",
        session.uuid(),
        now,
    )
    .fetch_optional(pool)
    .await?;
    Ok(state.flatten())
}
