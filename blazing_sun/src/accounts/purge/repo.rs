//! What of the tables of accounts has expired; one function a kind.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;

use crate::accounts::account::Account;
use crate::flow::ctx::Tx;
use crate::kernel::id::Id;

/// The most rows that one statement deletes, so that no lock and no transaction is held for long.
const BATCH: i64 = 10_000;

/// Deletes what a statement finds, a batch at a time, until it finds no more.
macro_rules! delete {
    ($pool:expr, $statement:literal, $($bound:expr),+) => {
        while sqlx::query!($statement, $($bound),+, BATCH)
            .execute($pool)
            .await?
            .rows_affected()
            > 0
        {}
    };
}

/// Deletes what has expired and what nobody needs any more. (In order: what others belong to comes first.)
pub async fn delete_expired(
    pool: &PgPool,
    now: DateTime<Utc>,
    idle_since: DateTime<Utc>,
) -> sqlx::Result<()> {
    let (yesterday, a_month_ago, a_year_ago) = (
        now - TimeDelta::days(1),
        now - TimeDelta::days(30),
        now - TimeDelta::days(365),
    );
    delete!(
        pool,
        "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at <= $1 OR seen_at <= $2 LIMIT $3)",
        now,
        idle_since
    );
    delete!(
        pool,
        "DELETE FROM sign_in_challenges WHERE id IN (SELECT id FROM sign_in_challenges WHERE expires_at <= $1 LIMIT $2)",
        now
    );
    delete!(
        pool,
        "DELETE FROM passkey_registrations
         WHERE id IN (SELECT id FROM passkey_registrations WHERE expires_at <= $1 LIMIT $2)",
        now
    );
    delete!(
        pool,
        "DELETE FROM wrong_codes
         WHERE user_id IN (SELECT user_id FROM wrong_codes WHERE greatest(since, told_at) <= $1 LIMIT $2)",
        yesterday
    );
    delete!(
        pool,
        "DELETE FROM user_tokens WHERE id IN (SELECT id FROM user_tokens WHERE expires_at <= $1 LIMIT $2)",
        yesterday
    );
    delete!(
        pool,
        "DELETE FROM link_requests WHERE id IN (SELECT id FROM link_requests WHERE created_at <= $1 LIMIT $2)",
        yesterday
    );
    // The address of somebody who never answered; who did has an account, which the row goes with.
    delete!(
        pool,
        "DELETE FROM invitations WHERE id IN (
             SELECT id FROM invitations WHERE state IN ('pending', 'invited') AND created_at <= $1
             AND NOT EXISTS (SELECT FROM user_tokens WHERE user_tokens.id = invitations.id AND expires_at > $2) LIMIT $3)",
        a_month_ago,
        now
    );
    delete!(
        pool,
        "DELETE FROM email_changes WHERE id IN (SELECT id FROM email_changes WHERE expires_at <= $1 LIMIT $2)",
        a_month_ago
    );
    delete!(
        pool,
        "DELETE FROM api_tokens WHERE id IN (SELECT id FROM api_tokens WHERE expires_at <= $1 LIMIT $2)",
        a_month_ago
    );
    delete!(
        pool,
        "DELETE FROM devices WHERE id IN (SELECT id FROM devices WHERE seen_at <= $1 LIMIT $2)",
        a_year_ago
    );
    Ok(())
}

/// Locks accounts that were opened before a moment, were never activated and have no link left to do it with. Returns each
/// with its version.
pub async fn lock_pending(
    tx: &mut Tx,
    opened_before: DateTime<Utc>,
    at_most: i64,
) -> sqlx::Result<Vec<(Id<Account>, i64)>> {
    let now = tx.now();
    let found = sqlx::query!(
        "SELECT id, version FROM users WHERE status = 'pending' AND created_at < $1
         AND NOT EXISTS (SELECT FROM user_tokens WHERE user_id = users.id AND used_at IS NULL AND expires_at > $3)
         ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED",
        opened_before,
        at_most,
        now,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(found
        .into_iter()
        .map(|row| (row.id.into(), row.version))
        .collect())
}
