//! What the mails tell, and what is counted until there is something to tell; one function a question.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::accounts::account::Account;
use crate::accounts::sessions::Session;
use crate::flow::ctx::Tx;
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

/// Wrong second factors that were counted together.
pub struct Counted {
    /// How many.
    pub number: i32,
    /// When their owner was last told of some.
    pub told_at: Option<DateTime<Utc>>,
}

/// Counts a wrong second factor with those before, if the first of them came after `together_since`; none if the account is
/// gone.
pub async fn count_wrong_code(
    tx: &mut Tx,
    account: Id<Account>,
    at: DateTime<Utc>,
    together_since: DateTime<Utc>,
) -> sqlx::Result<Option<Counted>> {
    sqlx::query_as!(
        Counted,
        r#"INSERT INTO wrong_codes (user_id, since, count) SELECT id, $2, 1 FROM users WHERE id = $1
           ON CONFLICT (user_id) DO UPDATE SET
               since = CASE WHEN wrong_codes.since > $3 THEN wrong_codes.since ELSE $2 END,
               count = CASE WHEN wrong_codes.since > $3 THEN wrong_codes.count + 1 ELSE 1 END
           RETURNING count AS number, told_at"#,
        account.uuid(),
        at,
        together_since,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Notes that the owner of an account is told.
pub async fn note_told(tx: &mut Tx, account: Id<Account>, at: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE wrong_codes SET told_at = $2 WHERE user_id = $1",
        account.uuid(),
        at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
