//! The table of what was said, and the questions behind warnings.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::flow::ctx::Tx;
use crate::kernel::id;

/// What was said last about something.
pub(super) struct State {
    /// The aggregate.
    pub subject: Uuid,
    /// The version of its last event; 0 before the first.
    pub version: i64,
    /// What that said.
    pub state: String,
    /// When.
    pub told_at: Option<DateTime<Utc>>,
    /// When somebody looked last.
    pub looked_at: Option<DateTime<Utc>>,
}

/// Locks the row of `name`, so that two who look at once tell it once; made if it is missing.
pub(super) async fn lock(tx: &mut Tx, name: &str) -> sqlx::Result<State> {
    sqlx::query!(
        "INSERT INTO system_state (name, subject, version, state) VALUES ($1, $2, 0, '') ON CONFLICT DO NOTHING",
        name,
        id::new(),
    )
    .execute(tx.conn())
    .await?;
    sqlx::query_as!(
        State,
        "SELECT subject, version, state, told_at, looked_at FROM system_state WHERE name = $1 FOR UPDATE",
        name,
    )
    .fetch_one(tx.conn())
    .await
}

/// Writes down what is said now.
pub(super) async fn put(tx: &mut Tx, name: &str, state: &State) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE system_state SET version = $2, state = $3, told_at = $4, looked_at = $5 WHERE name = $1",
        name,
        state.version,
        state.state,
        state.told_at,
        state.looked_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What was said last about `name`, without holding anybody up.
pub(super) async fn said(pool: &PgPool, name: &str) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!("SELECT state FROM system_state WHERE name = $1", name)
        .fetch_optional(pool)
        .await
}

/// Since when the oldest event has been waiting in the outbox.
pub(super) async fn unpublished_since(pool: &PgPool) -> sqlx::Result<Option<DateTime<Utc>>> {
    sqlx::query_scalar!("SELECT emitted_at FROM outbox ORDER BY seq LIMIT 1")
        .fetch_optional(pool)
        .await
}

/// Since when the oldest due job has been waiting for a worker.
pub(super) async fn undone_since(
    pool: &PgPool,
    now: DateTime<Utc>,
) -> sqlx::Result<Option<DateTime<Utc>>> {
    // One short look into the index for each priority.
    sqlx::query_scalar!(
        "SELECT min(run_at) FROM (
             SELECT ready.run_at FROM generate_series(0, 10) AS level CROSS JOIN LATERAL (
                 SELECT run_at FROM jobs WHERE state = 'ready' AND priority = level ORDER BY run_at LIMIT 1
             ) ready
             UNION ALL
             (SELECT run_at FROM jobs WHERE state = 'sent' ORDER BY sent_at LIMIT 1)
         ) AS oldest WHERE run_at <= $1",
        now,
    )
    .fetch_one(pool)
    .await
}

/// How large the database is, in MiB.
pub(super) async fn database_mebibytes(pool: &PgPool) -> sqlx::Result<i64> {
    sqlx::query_scalar!(r#"SELECT pg_database_size(current_database()) / 1048576 AS "size!""#)
        .fetch_one(pool)
        .await
}
