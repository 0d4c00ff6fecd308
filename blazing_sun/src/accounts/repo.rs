//! The tables `users` and `user_tokens`, one function a question.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::accounts::account::{Account, Status};
use crate::accounts::link::Purpose;
use crate::accounts::passwords::PasswordHash;
use crate::flow::ctx::Tx;
use crate::kernel::id::Id;
use crate::kernel::name::PersonName;
use crate::kernel::time_zone::TimeZone;

/// What a mail needs to know about an account.
pub struct Recipient {
    /// The address as its owner wrote it.
    pub email: String,
    /// Whether it is confirmed.
    pub is_active: bool,
}

/// Opens an account; one that somebody is invited to has no password yet. `false`: the address has one already.
pub async fn insert(
    tx: &mut Tx,
    account: &Account,
    hash: Option<&PasswordHash>,
) -> sqlx::Result<bool> {
    let inserted = sqlx::query!(
        "INSERT INTO users (id, email, email_key, password_hash, status, version, created_at, name)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (email_key) DO NOTHING",
        account.id.uuid(),
        account.email.as_str(),
        account.email.key(),
        hash.map(PasswordHash::as_str),
        account.status.name(),
        account.version,
        account.created_at,
        account.name.as_ref().map_or("", PersonName::as_str),
    )
    .execute(tx.conn())
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Opens an account, unless its address has one. One that waits to be activated gets the password and name of this newer
/// sign-up instead (a name that came with an invitation stays where none is given); one that is active is written as it was.
/// Returns which account the address has now, and how far it is; its row is kept from changing until the transaction ends.
pub async fn sign_up(
    tx: &mut Tx,
    account: &Account,
    hash: &PasswordHash,
) -> sqlx::Result<(Id<Account>, Status)> {
    let row = sqlx::query!(
        "INSERT INTO users (id, email, email_key, password_hash, status, version, created_at, name)
         VALUES ($1, $2, $3, $4, 'pending', $5, $6, $7)
         ON CONFLICT (email_key) DO UPDATE SET
             password_hash = CASE users.status WHEN 'pending' THEN excluded.password_hash ELSE users.password_hash END,
             name = CASE WHEN users.status <> 'pending' THEN users.name
                         WHEN users.password_hash IS NULL AND excluded.name = '' THEN users.name
                         ELSE excluded.name END,
             version = users.version + CASE users.status WHEN 'pending' THEN 1 ELSE 0 END
         RETURNING id, status",
        account.id.uuid(),
        account.email.as_str(),
        account.email.key(),
        hash.as_str(),
        account.version,
        account.created_at,
        account.name.as_ref().map_or("", PersonName::as_str),
    )
    .fetch_one(tx.conn())
    .await?;
    Ok((row.id.into(), Status::named(&row.status)))
}

/// The account of an address, whose row is kept from changing until the transaction ends.
pub async fn lock_by_email(tx: &mut Tx, key: &str) -> sqlx::Result<Option<(Id<Account>, Status)>> {
    let found = sqlx::query!(
        "SELECT id, status FROM users WHERE email_key = $1 FOR UPDATE",
        key
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.map(|row| (row.id.into(), Status::named(&row.status))))
}

/// Gives an account another password and returns its new version.
pub async fn set_password(tx: &mut Tx, id: Id<Account>, hash: &PasswordHash) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        "UPDATE users SET password_hash = $2, version = version + 1 WHERE id = $1 RETURNING version",
        id.uuid(),
        hash.as_str(),
    )
    .fetch_one(tx.conn())
    .await
}

/// Whose a token for a purpose is, whether it can still be used or not.
pub async fn token_owner(
    tx: &mut Tx,
    id: Uuid,
    purpose: Purpose,
) -> sqlx::Result<Option<Id<Account>>> {
    let owner = sqlx::query_scalar!(
        "SELECT user_id FROM user_tokens WHERE id = $1 AND purpose = $2",
        id,
        purpose.name(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(owner.map(Id::from))
}

/// Confirms the address of an account and returns its new version; none if it was confirmed before.
pub async fn activate(tx: &mut Tx, id: Id<Account>) -> sqlx::Result<Option<i64>> {
    let now = tx.now();
    sqlx::query_scalar!(
        "UPDATE users SET status = 'active', activated_at = $2, version = version + 1
         WHERE id = $1 AND status = 'pending' RETURNING version",
        id.uuid(),
        now,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Makes a token; returns its id, from which the link is derived.
pub async fn insert_token(
    tx: &mut Tx,
    account: Id<Account>,
    purpose: Purpose,
    expires_at: DateTime<Utc>,
) -> sqlx::Result<Uuid> {
    let (id, now) = (crate::kernel::id::new(), tx.now());
    sqlx::query!(
        "INSERT INTO user_tokens (id, user_id, purpose, expires_at, created_at) VALUES ($1, $2, $3, $4, $5)",
        id,
        account.uuid(),
        purpose.name(),
        expires_at,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(id)
}

/// Makes all tokens of an account for a purpose useless.
pub async fn void_tokens(tx: &mut Tx, account: Id<Account>, purpose: Purpose) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM user_tokens WHERE user_id = $1 AND purpose = $2 AND used_at IS NULL",
        account.uuid(),
        purpose.name(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Uses a token, once: of many who try, one gets the account.
pub async fn use_token(
    tx: &mut Tx,
    id: Uuid,
    purpose: Purpose,
) -> sqlx::Result<Option<Id<Account>>> {
    // The account first, as do those who make its tokens useless: else each could wait for the other.
    sqlx::query!(
        "SELECT id FROM users WHERE id = (SELECT user_id FROM user_tokens WHERE id = $1) FOR UPDATE",
        id,
    )
    .fetch_optional(tx.conn())
    .await?;
    let now = tx.now();
    let account = sqlx::query_scalar!(
        "UPDATE user_tokens SET used_at = $3
         WHERE id = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > $3 RETURNING user_id",
        id,
        purpose.name(),
        now,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(account.map(Id::from))
}

/// Whether a token can still be used.
pub async fn is_token_good(pool: &PgPool, id: Uuid, now: DateTime<Utc>) -> sqlx::Result<bool> {
    let good = sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM user_tokens WHERE id = $1 AND used_at IS NULL AND expires_at > $2
           ) AS "good!""#,
        id,
        now,
    )
    .fetch_one(pool)
    .await?;
    Ok(good)
}

/// Where the owner of an account gets mail.
pub async fn recipient(pool: &PgPool, id: Id<Account>) -> sqlx::Result<Option<Recipient>> {
    sqlx::query_as!(
        Recipient,
        r#"SELECT email, status = 'active' AS "is_active!" FROM users WHERE id = $1"#,
        id.uuid(),
    )
    .fetch_optional(pool)
    .await
}

/// How the owner of an account is reached.
pub struct Reachable {
    /// Their name; may be empty.
    pub name: String,
    /// Their address, which is confirmed.
    pub email: String,
    /// What they read.
    pub locale: String,
    /// Where their clocks go.
    pub time_zone: String,
}

/// How the owner of an account is reached, if they confirmed their address.
pub async fn reachable(pool: &PgPool, id: Id<Account>) -> sqlx::Result<Option<Reachable>> {
    sqlx::query_as!(
        Reachable,
        "SELECT name, email, locale, time_zone FROM users WHERE id = $1 AND status = 'active'",
        id.uuid(),
    )
    .fetch_optional(pool)
    .await
}

/// What pages and mails show of an account.
pub struct Acquaintance {
    /// Its owner's name; may be empty.
    pub name: String,
    /// Its address.
    pub email: String,
    /// The name of its owner's time zone.
    pub time_zone: String,
    /// The currency that new things start with.
    pub currency: String,
}

impl Acquaintance {
    /// Where its owner's clocks go.
    #[must_use]
    pub fn zone(&self) -> TimeZone {
        self.time_zone.parse().unwrap_or_default()
    }

    /// A moment as its owner's clocks show it, for mails.
    #[must_use]
    pub fn tell(&self, moment: DateTime<Utc>) -> String {
        self.zone().tell(moment)
    }
}

/// What pages and mails show of an account.
pub async fn acquaintance(pool: &PgPool, id: Id<Account>) -> sqlx::Result<Option<Acquaintance>> {
    sqlx::query_as!(
        Acquaintance,
        "SELECT name, email, time_zone, currency FROM users WHERE id = $1",
        id.uuid(),
    )
    .fetch_optional(pool)
    .await
}
