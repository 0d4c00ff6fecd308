//! What the profile is, in the table `users`.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::accounts::account::Account;
use crate::flow::ctx::Tx;
use crate::kernel::id::Id;

/// A profile as it is kept.
pub struct Profile {
    /// The account.
    pub id: Uuid,
    /// Its address.
    pub email: String,
    /// Its owner's name; may be empty.
    pub name: String,
    /// The language and region.
    pub locale: String,
    /// The time zone.
    pub time_zone: String,
    /// The currency that new things start with.
    pub currency: String,
    /// What its owner is here.
    pub role: String,
    /// Its version.
    pub version: i64,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When it will be erased, if its owner wants that.
    pub deletion_at: Option<DateTime<Utc>>,
    /// Whether the password alone is not enough to sign in.
    pub has_second_factor: bool,
}

/// The profile of an account.
pub async fn find(pool: &PgPool, id: Id<Account>) -> sqlx::Result<Option<Profile>> {
    sqlx::query_as!(
        Profile,
        r#"SELECT id, email, name, locale, time_zone, currency, role, version, created_at, deletion_at,
                  EXISTS (SELECT FROM authenticators WHERE user_id = users.id AND confirmed_at IS NOT NULL)
                  OR EXISTS (SELECT FROM passkeys WHERE user_id = users.id) AS "has_second_factor!"
           FROM users WHERE id = $1"#,
        id.uuid(),
    )
    .fetch_optional(pool)
    .await
}

/// What of a profile can be changed, with the version that it has now.
pub struct Changeable {
    /// The name.
    pub name: String,
    /// The language and region.
    pub locale: String,
    /// The time zone.
    pub time_zone: String,
    /// The currency.
    pub currency: String,
    /// The version.
    pub version: i64,
}

/// Locks the profile of an account.
pub async fn lock(tx: &mut Tx, id: Id<Account>) -> sqlx::Result<Option<Changeable>> {
    sqlx::query_as!(
        Changeable,
        "SELECT name, locale, time_zone, currency, version FROM users WHERE id = $1 FOR UPDATE",
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await
}

/// Keeps a changed profile, and returns its new version.
pub async fn update(tx: &mut Tx, id: Id<Account>, changed: &Changeable) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        "UPDATE users SET name = $2, locale = $3, time_zone = $4, currency = $5, version = version + 1
         WHERE id = $1 RETURNING version",
        id.uuid(),
        changed.name,
        changed.locale,
        changed.time_zone,
        changed.currency,
    )
    .fetch_one(tx.conn())
    .await
}
