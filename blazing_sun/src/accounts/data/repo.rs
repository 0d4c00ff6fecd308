//! The table `exports`, and what leaving needs of `users`; one function a question.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{Executor, PgExecutor, PgPool};
use uuid::Uuid;

use crate::accounts::account::Account;
use crate::accounts::data::export::Export;
use crate::flow::ctx::Tx;
use crate::kernel::id::Id;

/// The most accounts that are found due at a time; the next hour finds the rest.
const MOST_DUE: i64 = 1000;

/// Writes an export down.
pub async fn insert(tx: &mut Tx, account: Id<Account>, export: &Export) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO exports (id, user_id, created_at, expires_at) VALUES ($1, $2, $3, $4)",
        export.id,
        account.uuid(),
        export.created_at,
        export.expires_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The exports of an account, the newest first.
pub async fn list(from: impl PgExecutor<'_>, account: Id<Account>) -> sqlx::Result<Vec<Export>> {
    sqlx::query_as!(
        Export,
        "SELECT id, size, created_at, ready_at, expires_at FROM exports WHERE user_id = $1 ORDER BY id DESC",
        account.uuid(),
    )
    .fetch_all(from)
    .await
}

/// An export of an account.
pub async fn find(pool: &PgPool, account: Id<Account>, id: Uuid) -> sqlx::Result<Option<Export>> {
    sqlx::query_as!(
        Export,
        "SELECT id, size, created_at, ready_at, expires_at FROM exports WHERE user_id = $1 AND id = $2",
        account.uuid(),
        id,
    )
    .fetch_optional(pool)
    .await
}

/// Deletes the oldest exports of an account, so that no more than so many are left. Returns which.
pub async fn delete_beyond(
    tx: &mut Tx,
    account: Id<Account>,
    kept: i64,
) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "DELETE FROM exports WHERE id IN (SELECT id FROM exports WHERE user_id = $1 ORDER BY id DESC OFFSET $2)
         RETURNING id",
        account.uuid(),
        kept,
    )
    .fetch_all(tx.conn())
    .await
}

/// Whose an export is that has no file yet.
pub async fn waiting(pool: &PgPool, id: Uuid) -> sqlx::Result<Option<Id<Account>>> {
    let account = sqlx::query_scalar!(
        "SELECT user_id FROM exports WHERE id = $1 AND ready_at IS NULL",
        id
    )
    .fetch_optional(pool)
    .await?;
    Ok(account.map(Id::from))
}

/// Whether there is such an export.
pub async fn exists(pool: &PgPool, id: Uuid) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM exports WHERE id = $1) AS "exists!""#,
        id
    )
    .fetch_one(pool)
    .await
}

/// Notes that an export has its file. `false`: it had it before, or there is no such export any more.
pub async fn set_ready(tx: &mut Tx, id: Uuid, size: i64) -> sqlx::Result<bool> {
    let now = tx.now();
    let changed = sqlx::query!(
        "UPDATE exports SET size = $2, ready_at = $3 WHERE id = $1 AND ready_at IS NULL",
        id,
        size,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(changed.rows_affected() == 1)
}

/// The exports that nobody can download any more.
pub async fn expired(pool: &PgPool, now: DateTime<Utc>) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!("SELECT id FROM exports WHERE expires_at <= $1", now)
        .fetch_all(pool)
        .await
}

/// Deletes an export.
pub async fn delete(pool: &PgPool, id: Uuid) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM exports WHERE id = $1", id)
        .execute(pool)
        .await?;
    Ok(())
}

/// Those among `ids` that are exports.
pub async fn known(pool: &PgPool, ids: &[Uuid]) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!("SELECT id FROM exports WHERE id = ANY($1)", ids)
        .fetch_all(pool)
        .await
}

/// From here on the transaction sees one moment, and writes nothing. Has to come first in it.
pub async fn see_one_moment(tx: &mut Tx) -> sqlx::Result<()> {
    tx.conn()
        .execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        .await?;
    Ok(())
}

/// All that accounts hold about somebody, and nothing that proves who they are.
pub async fn collect(tx: &mut Tx, account: Id<Account>) -> sqlx::Result<Value> {
    sqlx::query_scalar!(
        r#"SELECT jsonb_build_object(
            'profile', (SELECT to_jsonb(it) FROM (
                SELECT id, email, name, locale, time_zone, currency, role, status, version, created_at, activated_at,
                       deletion_at, password_hash IS NOT NULL AS has_password
                FROM users WHERE id = $1) AS it),
            'sessions', (SELECT coalesce(jsonb_agg(it ORDER BY it.id), '[]') FROM (
                SELECT id, device_id, kind, agent, address, created_at, confirmed_at, seen_at, expires_at
                FROM sessions WHERE user_id = $1) AS it),
            'devices', (SELECT coalesce(jsonb_agg(it ORDER BY it.id), '[]') FROM (
                SELECT id, created_at, seen_at FROM devices WHERE user_id = $1) AS it),
            'api_tokens', (SELECT coalesce(jsonb_agg(it ORDER BY it.id), '[]') FROM (
                SELECT id, name, scopes, created_at, seen_at, expires_at FROM api_tokens WHERE user_id = $1) AS it),
            'second_factor', jsonb_build_object(
                'authenticators', (SELECT coalesce(jsonb_agg(it ORDER BY it.id), '[]') FROM (
                    SELECT id, created_at, confirmed_at FROM authenticators WHERE user_id = $1) AS it),
                'passkeys', (SELECT coalesce(jsonb_agg(it ORDER BY it.id), '[]') FROM (
                    SELECT id, name, created_at, used_at FROM passkeys WHERE user_id = $1) AS it),
                'recovery_codes', (SELECT coalesce(jsonb_agg(it ORDER BY it.created_at), '[]') FROM (
                    SELECT created_at, used_at FROM recovery_codes WHERE user_id = $1) AS it)),
            'links', (SELECT coalesce(jsonb_agg(it ORDER BY it.created_at), '[]') FROM (
                SELECT purpose, created_at, expires_at, used_at FROM user_tokens WHERE user_id = $1) AS it),
            'email_changes', (SELECT coalesce(jsonb_agg(it ORDER BY it.id), '[]') FROM (
                SELECT id, old_email, new_email, old_confirmed_at, new_confirmed_at, done_at, created_at, expires_at
                FROM email_changes WHERE user_id = $1) AS it),
            'invitations', jsonb_build_object(
                'received', (SELECT coalesce(jsonb_agg(it ORDER BY it.id), '[]') FROM (
                    SELECT id, email, name, role, state, created_at FROM invitations WHERE user_id = $1) AS it),
                'sent', (SELECT coalesce(jsonb_agg(it ORDER BY it.id), '[]') FROM (
                    SELECT id, created_at,
                           (SELECT count(*) FROM invitations WHERE batch_id = invitation_batches.id) AS invitations
                    FROM invitation_batches WHERE created_by = $1) AS it)),
            'exports', (SELECT coalesce(jsonb_agg(it ORDER BY it.id), '[]') FROM (
                SELECT id, size, created_at, ready_at, expires_at FROM exports WHERE user_id = $1) AS it)
        ) AS "held!""#,
        account.uuid(),
    )
    .fetch_one(tx.conn())
    .await
}

/// Marks an account for erasure and returns its new version; none if it is marked already.
pub async fn schedule_deletion(
    tx: &mut Tx,
    account: Id<Account>,
    at: DateTime<Utc>,
) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar!(
        "UPDATE users SET deletion_at = $2, version = version + 1 WHERE id = $1 AND deletion_at IS NULL
         RETURNING version",
        account.uuid(),
        at,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Takes the mark away and returns the new version; none if there is none.
pub async fn cancel_deletion(tx: &mut Tx, account: Id<Account>) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar!(
        "UPDATE users SET deletion_at = NULL, version = version + 1 WHERE id = $1 AND deletion_at IS NOT NULL
         RETURNING version",
        account.uuid(),
    )
    .fetch_optional(tx.conn())
    .await
}

/// When an account will be erased, if its owner wants that.
pub async fn deletion_at(
    pool: &PgPool,
    account: Id<Account>,
) -> sqlx::Result<Option<DateTime<Utc>>> {
    let found = sqlx::query_scalar!(
        "SELECT deletion_at FROM users WHERE id = $1",
        account.uuid()
    )
    .fetch_optional(pool)
    .await?;
    Ok(found.flatten())
}

/// Makes the tokens for programs useless.
pub async fn revoke_tokens(tx: &mut Tx, account: Id<Account>) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM api_tokens WHERE user_id = $1", account.uuid())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The accounts whose time of grace is over, the longest due first.
pub async fn due(pool: &PgPool, now: DateTime<Utc>) -> sqlx::Result<Vec<Id<Account>>> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM users WHERE deletion_at <= $1 ORDER BY deletion_at LIMIT $2",
        now,
        MOST_DUE,
    )
    .fetch_all(pool)
    .await?;
    Ok(ids.into_iter().map(Id::from).collect())
}

/// Locks an account and returns its version, if its time of grace is over.
pub async fn lock_due(tx: &mut Tx, account: Id<Account>) -> sqlx::Result<Option<i64>> {
    let now = tx.now();
    sqlx::query_scalar!(
        "SELECT version FROM users WHERE id = $1 AND deletion_at <= $2 FOR UPDATE",
        account.uuid(),
        now,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Locks an account and returns its version.
pub async fn lock(tx: &mut Tx, account: Id<Account>) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar!(
        "SELECT version FROM users WHERE id = $1 FOR UPDATE",
        account.uuid(),
    )
    .fetch_optional(tx.conn())
    .await
}

/// Deletes what holds the address of an account, or its owner's name, without hanging on the account.
pub async fn forget_address(tx: &mut Tx, account: Id<Account>) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM link_requests WHERE email_key = (SELECT email_key FROM users WHERE id = $1)",
        account.uuid(),
    )
    .execute(tx.conn())
    .await?;
    // Those that somebody else asked for: theirs can come to nothing now.
    sqlx::query!(
        "DELETE FROM email_changes WHERE new_email_key = (SELECT email_key FROM users WHERE id = $1)",
        account.uuid(),
    )
    .execute(tx.conn())
    .await?;
    // An address may have been offered several accounts, and only one of them was taken up.
    sqlx::query!(
        "DELETE FROM invitations WHERE user_id = $1
         OR lower(normalize(email, NFKC)) = (SELECT email_key FROM users WHERE id = $1)",
        account.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Deletes an account, and with it all that hangs on it.
pub async fn delete_account(tx: &mut Tx, account: Id<Account>) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM users WHERE id = $1", account.uuid())
        .execute(tx.conn())
        .await?;
    Ok(())
}
