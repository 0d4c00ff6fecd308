//! The table `email_changes`, one function a question.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::accounts::account::Account;
use crate::flow::ctx::Tx;
use crate::kernel::email::Email;
use crate::kernel::id::Id;

/// An account whose row is kept from changing until the transaction ends.
pub struct Locked {
    /// Its address.
    pub email: String,
    /// What spellings of it have in common.
    pub email_key: String,
}

/// Locks an account that is active.
pub async fn lock(tx: &mut Tx, account: Id<Account>) -> sqlx::Result<Option<Locked>> {
    sqlx::query_as!(
        Locked,
        "SELECT email, email_key FROM users WHERE id = $1 AND status = 'active' FOR UPDATE",
        account.uuid(),
    )
    .fetch_optional(tx.conn())
    .await
}

/// The account of an address, if there is one.
pub async fn owner(tx: &mut Tx, email_key: &str) -> sqlx::Result<Option<Id<Account>>> {
    let id = sqlx::query_scalar!(
        "SELECT id FROM users WHERE email_key = $1 AND status = 'active'",
        email_key
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(id.map(Id::from))
}

/// Ends the changes of an account that are under way; returns how many there were.
pub async fn end_open(tx: &mut Tx, account: Id<Account>) -> sqlx::Result<u64> {
    let ended = sqlx::query!(
        "DELETE FROM email_changes WHERE user_id = $1 AND done_at IS NULL",
        account.uuid()
    )
    .execute(tx.conn())
    .await?;
    Ok(ended.rows_affected())
}

/// Begins a change.
pub async fn insert(
    tx: &mut Tx,
    account: Id<Account>,
    old_email: &str,
    new_email: &Email,
    expires_at: DateTime<Utc>,
) -> sqlx::Result<Uuid> {
    let (id, now) = (crate::kernel::id::new(), tx.now());
    sqlx::query!(
        "INSERT INTO email_changes (id, user_id, old_email, new_email, new_email_key, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        id,
        account.uuid(),
        old_email,
        new_email.as_str(),
        new_email.key(),
        now,
        expires_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(id)
}

/// A change that is under way.
pub struct Open {
    /// Which one.
    pub id: Uuid,
    /// Whose.
    pub user_id: Uuid,
    /// The address as it is.
    pub old_email: String,
    /// The address as it is to be.
    pub new_email: String,
    /// What spellings of that have in common.
    pub new_email_key: String,
    /// Whether the old address has agreed.
    pub old_confirmed: bool,
    /// Whether the new one has.
    pub new_confirmed: bool,
    /// Until when both can.
    pub expires_at: DateTime<Utc>,
}

/// The change of an account that is under way.
pub async fn open(
    pool: &PgPool,
    account: Id<Account>,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<Open>> {
    sqlx::query_as!(
        Open,
        r#"SELECT id, user_id, old_email, new_email, new_email_key, old_confirmed_at IS NOT NULL AS "old_confirmed!",
                  new_confirmed_at IS NOT NULL AS "new_confirmed!", expires_at
           FROM email_changes WHERE user_id = $1 AND done_at IS NULL AND expires_at > $2
           ORDER BY id DESC LIMIT 1"#,
        account.uuid(),
        now,
    )
    .fetch_optional(pool)
    .await
}

/// A change that is under way, by its id.
pub async fn find(pool: &PgPool, id: Uuid, now: DateTime<Utc>) -> sqlx::Result<Option<Open>> {
    sqlx::query_as!(
        Open,
        r#"SELECT id, user_id, old_email, new_email, new_email_key, old_confirmed_at IS NOT NULL AS "old_confirmed!",
                  new_confirmed_at IS NOT NULL AS "new_confirmed!", expires_at
           FROM email_changes WHERE id = $1 AND done_at IS NULL AND expires_at > $2"#,
        id,
        now,
    )
    .fetch_optional(pool)
    .await
}

/// Notes that the old address has agreed, once.
pub async fn confirm_old(tx: &mut Tx, id: Uuid) -> sqlx::Result<bool> {
    let now = tx.now();
    let noted = sqlx::query!(
        "UPDATE email_changes SET old_confirmed_at = $2
         WHERE id = $1 AND old_confirmed_at IS NULL AND done_at IS NULL AND expires_at > $2",
        id,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(noted.rows_affected() == 1)
}

/// Notes that the new address has agreed, once.
pub async fn confirm_new(tx: &mut Tx, id: Uuid) -> sqlx::Result<bool> {
    let now = tx.now();
    let noted = sqlx::query!(
        "UPDATE email_changes SET new_confirmed_at = $2
         WHERE id = $1 AND new_confirmed_at IS NULL AND done_at IS NULL AND expires_at > $2",
        id,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(noted.rows_affected() == 1)
}

/// Whether both have agreed.
pub async fn is_agreed(tx: &mut Tx, id: Uuid) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT old_confirmed_at IS NOT NULL AND new_confirmed_at IS NOT NULL AS "agreed!"
           FROM email_changes WHERE id = $1"#,
        id
    )
    .fetch_one(tx.conn())
    .await
}

/// Removes an account that was never activated, whose address now belongs to somebody who has shown that it is theirs.
/// Returns it with the version that its end is.
pub async fn remove_pending(
    tx: &mut Tx,
    email_key: &str,
) -> sqlx::Result<Option<(Id<Account>, i64)>> {
    let removed = sqlx::query!(
        "DELETE FROM users WHERE email_key = $1 AND status = 'pending' RETURNING id, version",
        email_key
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(removed.map(|row| (row.id.into(), row.version + 1)))
}

/// Changes the address of an account, unless another account has it. Returns the account's new version.
pub async fn move_account(tx: &mut Tx, change: &Open) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar!(
        "UPDATE users SET email = $2, email_key = $3, version = version + 1
         WHERE id = $1 AND NOT EXISTS (SELECT FROM users WHERE email_key = $3 AND id <> $1) RETURNING version",
        change.user_id,
        change.new_email,
        change.new_email_key,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Notes that a change has happened, and makes links void that went to the old address.
pub async fn finish(tx: &mut Tx, change: &Open) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query!(
        "UPDATE email_changes SET done_at = $2 WHERE id = $1",
        change.id,
        now
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "DELETE FROM user_tokens WHERE user_id = $1 AND used_at IS NULL",
        change.user_id
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
