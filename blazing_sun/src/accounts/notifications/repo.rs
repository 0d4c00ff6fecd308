//! What the mails tell, one function a question.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::accounts::account::Account;
use crate::accounts::sessions::Session;
use crate::kernel::id::Id;

/// Where somebody signed in.
pub struct Place {
    /// What the browser or client calls itself; may be empty.
    pub agent: String,
    /// From where.
    pub address: String,
}

/// Where a session was begun; none if it has ended.
pub async fn place(
    pool: &PgPool,
    account: Id<Account>,
    session: Id<Session>,
) -> sqlx::Result<Option<Place>> {
    sqlx::query_as!(
        Place,
        "SELECT agent, address FROM sessions WHERE id = $1 AND user_id = $2",
        session.uuid(),
        account.uuid(),
    )
    .fetch_optional(pool)
    .await
}

/// A change of address that has happened.
pub struct Moved {
    /// Whose.
    pub account: Id<Account>,
    /// The address before.
    pub old_email: String,
    /// The address since.
    pub new_email: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// A change of address, if it has happened and its account is still there.
pub async fn moved(pool: &PgPool, change: Uuid) -> sqlx::Result<Option<Moved>> {
    sqlx::query_as!(
        Moved,
        r#"SELECT user_id AS account, old_email, new_email, done_at AS "at!"
           FROM email_changes WHERE id = $1 AND done_at IS NOT NULL"#,
        change,
    )
    .fetch_optional(pool)
    .await
}
