//! The table `sign_in_challenges`: the password was right, and the second factor is still to come.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use crate::accounts::account::Account;
use crate::accounts::sessions::Kind;
use crate::flow::ctx::Tx;
use crate::kernel::id::Id;

/// How many answers a challenge takes.
const MAX_TRIES: i32 = 5;

/// An answer that a challenge took.
pub struct Try {
    /// Whose sign-in it is.
    pub account_id: Id<Account>,
    /// What signs in.
    pub kind: Kind,
    /// The state of the ceremony with a passkey, if that was asked for and one has begun. It is good once.
    pub passkey: Option<Value>,
}

/// Whose sign-in a challenge is, if it takes another answer.
pub async fn challenge_owner(
    pool: &PgPool,
    id: Uuid,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<Id<Account>>> {
    let owner = sqlx::query_scalar!(
        "SELECT user_id FROM sign_in_challenges WHERE id = $1 AND expires_at > $2 AND attempts < $3",
        id,
        now,
        MAX_TRIES,
    )
    .fetch_optional(pool)
    .await?;
    Ok(owner.map(Id::from))
}

/// Counts an answer, before anybody looks at it, and for good: none if the challenge takes no more.
pub async fn try_challenge(
    pool: &PgPool,
    id: Uuid,
    with_passkey: bool,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<Try>> {
    let row = sqlx::query!(
        r#"UPDATE sign_in_challenges SET attempts = attempts + 1, passkey = CASE WHEN NOT $4 THEN sign_in_challenges.passkey END
           FROM (SELECT id, passkey FROM sign_in_challenges WHERE id = $1 FOR UPDATE) AS old
           WHERE sign_in_challenges.id = old.id AND expires_at > $2 AND attempts < $3
           RETURNING user_id, kind = 'client' AS "is_client!", CASE WHEN $4 THEN old.passkey END AS passkey"#,
        id,
        now,
        MAX_TRIES,
        with_passkey,
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map(|row| Try {
        account_id: row.user_id.into(),
        kind: if row.is_client {
            Kind::Client
        } else {
            Kind::Browser
        },
        passkey: row.passkey,
    }))
}

/// Keeps the state of a ceremony with a passkey, in place of one before.
pub async fn begin_passkey(pool: &PgPool, id: Uuid, state: &Value) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE sign_in_challenges SET passkey = $2 WHERE id = $1",
        id,
        state,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Ends a challenge that was answered. `false`: it has ended before.
pub async fn end_challenge(tx: &mut Tx, id: Uuid) -> sqlx::Result<bool> {
    let ended = sqlx::query!("DELETE FROM sign_in_challenges WHERE id = $1", id)
        .execute(tx.conn())
        .await?;
    Ok(ended.rows_affected() == 1)
}
