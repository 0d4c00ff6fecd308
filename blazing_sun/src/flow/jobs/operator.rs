//! What an operator asks about jobs, and does with them.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

/// A job as it is listed, and as its copy in `jobs_failed` has it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Listed {
    /// Which job.
    pub id: Uuid,
    /// Its frozen name.
    pub name: String,
    /// ready, sent, running, done or failed.
    pub state: String,
    /// Claims so far.
    pub attempt: i32,
    /// Claims at most.
    pub max_attempts: i32,
    /// Its priority.
    pub priority: i16,
    /// Not before.
    pub run_at: DateTime<Utc>,
    /// When it was enqueued.
    pub created_at: DateTime<Utc>,
    /// Its payload.
    pub payload: Value,
    /// What became of each attempt.
    pub history: Value,
}

/// How many jobs of a name are in a state.
#[derive(Debug)]
pub struct State {
    /// The frozen name.
    pub name: String,
    /// ready, sent, running, done or failed.
    pub state: String,
    /// How many.
    pub count: i64,
    /// The earliest `run_at` among them.
    pub oldest: DateTime<Utc>,
}

/// Counts by name and state.
pub async fn stats(pool: &PgPool) -> sqlx::Result<Vec<State>> {
    sqlx::query_as!(
        State,
        r#"SELECT name, state, count(*) AS "count!", min(run_at) AS "oldest!" FROM jobs GROUP BY name, state ORDER BY name, state"#,
    )
    .fetch_all(pool)
    .await
}

/// The newest jobs, in one state or in any, of one name or of any.
pub async fn list(
    pool: &PgPool,
    state: Option<&str>,
    name: Option<&str>,
    limit: i64,
) -> sqlx::Result<Vec<Listed>> {
    sqlx::query_as!(
        Listed,
        r#"SELECT id, name, state, attempt, max_attempts, priority, run_at, created_at,
                  payload, history
           FROM jobs WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR name = $2)
           ORDER BY id DESC LIMIT $3"#,
        state,
        name,
        limit,
    )
    .fetch_all(pool)
    .await
}

/// One job.
pub async fn show(pool: &PgPool, id: Uuid) -> sqlx::Result<Option<Listed>> {
    sqlx::query_as!(
        Listed,
        r#"SELECT id, name, state, attempt, max_attempts, priority, run_at, created_at,
                  payload, history
           FROM jobs WHERE id = $1"#,
        id,
    )
    .fetch_optional(pool)
    .await
}

/// Gives failed jobs as many attempts again: one, or all of them. Returns how many.
pub async fn retry(pool: &PgPool, id: Option<Uuid>, now: DateTime<Utc>) -> sqlx::Result<u64> {
    // `attempt` is never set back: an old ticket would be good again.
    let retried = sqlx::query!(
        "UPDATE jobs SET state = 'ready', run_at = $2, finished_at = NULL, reported = false,
                max_attempts = max_attempts + attempt,
                history = history || jsonb_build_array(jsonb_build_object('at', $2::timestamptz, 'outcome', 'retried by an operator'))
         WHERE state = 'failed' AND ($1::uuid IS NULL OR id = $1)",
        id,
        now,
    )
    .execute(pool)
    .await?;
    Ok(retried.rows_affected())
}

/// Gives up a job that waits, so that it is not tried again. `false`: there is none that waits.
pub async fn discard(pool: &PgPool, id: Uuid, now: DateTime<Utc>) -> sqlx::Result<bool> {
    let discarded = sqlx::query!(
        "UPDATE jobs SET state = 'failed', finished_at = $2, attempt = attempt + 1,
                history = history || jsonb_build_array(jsonb_build_object('at', $2::timestamptz, 'outcome', 'discarded by an operator'))
         WHERE id = $1 AND state IN ('ready', 'sent')",
        id,
        now,
    )
    .execute(pool)
    .await?;
    Ok(discarded.rows_affected() == 1)
}
