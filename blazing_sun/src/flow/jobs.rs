//! The table of jobs: every change of a job's state.
//!
//! ready -> sent (the broker has a ticket) -> running (a worker claimed it) -> done, or ready again, or failed. Whatever
//! a worker does to its job names the attempt, so that one who was given up changes nothing any more.
//!
//! A statement about jobs that it names by their ids must not say `state = '…'` of them: with that PostgreSQL may take the
//! index of this state instead, which looks empty to it and may be full of entries that a long transaction keeps from being
//! cleaned up. So `lease_until IS NOT NULL` stands for "running", which a constraint of the table makes the same.

mod operator;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::flow::ctx::Cause;
use crate::flow::job::Ticket;
use crate::flow::lease::Term;
pub use operator::{Listed, State, discard, list, retry, show, stats};

/// How much of an error the history keeps, in characters.
const ERROR_LENGTH: usize = 500;
/// The first pause before another attempt, in seconds; it doubles each time.
const FIRST_PAUSE: i64 = 2;
/// The longest pause, in seconds.
const LONGEST_PAUSE: i64 = 3600;

/// A job that could run now.
#[derive(Debug)]
pub struct Due {
    /// What to send.
    pub ticket: Ticket,
    /// How urgent it is.
    pub priority: i16,
    /// The trace that it belongs to.
    pub traceparent: Option<String>,
}

/// A job that was claimed, as its worker needs it.
#[derive(Debug)]
pub struct Claimed {
    /// Which job.
    pub id: Uuid,
    /// Its frozen name.
    pub name: String,
    /// Its payload.
    pub payload: Value,
    /// Which attempt this is, from 1.
    pub attempt: i32,
    /// Since when it could have run.
    pub due_since: DateTime<Utc>,
    /// What set it off.
    pub cause: Cause,
}

/// What became of an attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It will be tried again.
    Retried,
    /// It was given up.
    Failed,
    /// Somebody else has the job by now.
    Lost,
}

/// The tickets of due jobs, the most urgent first, and among equals the one that waits longest.
pub async fn due(pool: &PgPool, now: DateTime<Utc>, limit: i64) -> sqlx::Result<Vec<Due>> {
    // One short look into the index for each priority: an ORDER BY over all would sort the whole backlog.
    let due = sqlx::query!(
        r#"SELECT due.id, due.name, due.attempt, due.priority, due.traceparent FROM generate_series(10, 0, -1) AS level
           CROSS JOIN LATERAL (
               SELECT id, name, attempt, priority, traceparent FROM jobs
               WHERE state = 'ready' AND priority = level AND run_at <= $1 ORDER BY run_at LIMIT $2
           ) due LIMIT $2"#,
        now,
        limit,
    )
    .fetch_all(pool)
    .await?;
    Ok(due
        .into_iter()
        .map(|due| Due {
            ticket: Ticket {
                id: due.id,
                name: due.name,
                attempt: due.attempt,
            },
            priority: due.priority,
            traceparent: due.traceparent,
        })
        .collect())
}

/// Since when the broker holds the oldest of its tickets. None: it holds none.
pub async fn oldest_sent(pool: &PgPool) -> sqlx::Result<Option<DateTime<Utc>>> {
    sqlx::query_scalar!("SELECT min(sent_at) FROM jobs WHERE state = 'sent'")
        .fetch_one(pool)
        .await
}

/// How many tickets the broker took since a moment and still holds, as far as is known. The moment spares the count the
/// dead entries of what was claimed before.
pub async fn sent_count(pool: &PgPool, since: DateTime<Utc>) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM jobs WHERE state = 'sent' AND sent_at >= $1"#,
        since
    )
    .fetch_one(pool)
    .await
}

/// Notes that the broker has these tickets. `false`: another relay leads. A job that was claimed meanwhile is left alone.
pub async fn settle_sent(
    pool: &PgPool,
    term: Term,
    tickets: &[Ticket],
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let (ids, attempts): (Vec<Uuid>, Vec<i32>) = tickets
        .iter()
        .map(|ticket| (ticket.id, ticket.attempt))
        .unzip();
    sqlx::query_scalar!(
        r#"WITH held AS (
               SELECT FROM leases WHERE name = $4 AND epoch = $5 FOR SHARE
           ), settled AS (
               UPDATE jobs SET state = 'sent', sent_at = $3
               FROM unnest($1::uuid[], $2::int[]) AS sent (id, attempt)
               WHERE jobs.id = sent.id AND jobs.attempt = sent.attempt AND state IN ('ready', 'sent') AND EXISTS (SELECT FROM held)
           )
           SELECT EXISTS (SELECT FROM held) AS "held!""#,
        &ids,
        &attempts,
        now,
        term.name(),
        term.epoch(),
    )
    .fetch_one(pool)
    .await
}

/// Jobs whose tickets the broker took before `before`, and that nobody claimed.
pub async fn overdue_count(pool: &PgPool, before: DateTime<Utc>) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM jobs WHERE state = 'sent' AND sent_at < $1"#,
        before
    )
    .fetch_one(pool)
    .await
}

/// Has the tickets of those jobs sent again.
pub async fn resend(pool: &PgPool, before: DateTime<Utc>) -> sqlx::Result<u64> {
    let resent = sqlx::query!(
        "UPDATE jobs SET state = 'ready', sent_at = NULL WHERE state = 'sent' AND sent_at < $1",
        before
    )
    .execute(pool)
    .await?;
    Ok(resent.rows_affected())
}

/// Claims a job for one attempt, until `lease_until`: whoever raises `attempt` has it. None: the ticket is a copy of one
/// that was used.
pub async fn claim(
    pool: &PgPool,
    ticket: &Ticket,
    lease_until: DateTime<Utc>,
) -> sqlx::Result<Option<Claimed>> {
    let claimed = sqlx::query!(
        r#"UPDATE jobs SET state = 'running', attempt = attempt + 1, lease_until = $3
           WHERE id = $1 AND attempt = $2 AND state IN ('ready', 'sent')
           RETURNING name, payload AS "payload: Json<Value>", attempt, run_at, actor_id, correlation_id, traceparent"#,
        ticket.id,
        ticket.attempt,
        lease_until,
    )
    .fetch_optional(pool)
    .await?;
    Ok(claimed.map(|claimed| Claimed {
        id: ticket.id,
        name: claimed.name,
        payload: claimed.payload.0,
        attempt: claimed.attempt,
        due_since: claimed.run_at,
        cause: Cause {
            actor: claimed.actor_id,
            correlation: claimed.correlation_id,
            causation: Some(ticket.id),
            traceparent: claimed.traceparent,
        },
    }))
}

/// Extends the lease of an attempt. `false`: somebody else has the job by now.
pub async fn renew(
    pool: &PgPool,
    id: Uuid,
    attempt: i32,
    lease_until: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let renewed = sqlx::query!(
        "UPDATE jobs SET lease_until = $3 WHERE id = $1 AND attempt = $2 AND lease_until IS NOT NULL",
        id,
        attempt,
        lease_until,
    )
    .execute(pool)
    .await?;
    Ok(renewed.rows_affected() == 1)
}

/// Notes the success of an attempt, in the transaction of its effect. `false`: somebody else has the job by now, and the
/// transaction must not commit.
pub async fn finish(
    connection: &mut PgConnection,
    id: Uuid,
    attempt: i32,
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let finished = sqlx::query!(
        "UPDATE jobs SET state = 'done', lease_until = NULL, finished_at = $3, history = history || $4
         WHERE id = $1 AND attempt = $2 AND lease_until IS NOT NULL",
        id,
        attempt,
        now,
        Json(entry(attempt, now, "done", None)) as _,
    )
    .execute(connection)
    .await?;
    Ok(finished.rows_affected() == 1)
}

/// Notes a failed attempt: another one follows after a pause, unless it was the last or `discard` says that no other would
/// do better.
pub async fn fail(
    pool: &PgPool,
    id: Uuid,
    attempt: i32,
    now: DateTime<Utc>,
    discard: bool,
    error: &str,
) -> sqlx::Result<Verdict> {
    let outcome = if discard { "discarded" } else { "failed" };
    let state = sqlx::query_scalar!(
        "UPDATE jobs SET
             state = CASE WHEN $5 OR attempt >= max_attempts THEN 'failed' ELSE 'ready' END,
             finished_at = CASE WHEN $5 OR attempt >= max_attempts THEN $3::timestamptz END,
             run_at = $4, lease_until = NULL, history = history || $6
         WHERE id = $1 AND attempt = $2 AND lease_until IS NOT NULL RETURNING state",
        id,
        attempt,
        now,
        now + pause_after(id, attempt),
        discard,
        Json(entry(attempt, now, outcome, Some(error))) as _,
    )
    .fetch_optional(pool)
    .await?;
    Ok(match state.as_deref() {
        None => Verdict::Lost,
        Some("failed") => Verdict::Failed,
        Some(_) => Verdict::Retried,
    })
}

/// Takes jobs back from workers whose lease has run out: they were killed or hang. The attempt counts.
pub async fn take_back(pool: &PgPool, now: DateTime<Utc>) -> sqlx::Result<u64> {
    let history =
        json!([{ "at": now, "outcome": "lost", "error": "its worker was killed or hangs" }]);
    let lost = sqlx::query!(
        "UPDATE jobs SET
             state = CASE WHEN attempt >= max_attempts THEN 'failed' ELSE 'ready' END,
             finished_at = CASE WHEN attempt >= max_attempts THEN $1::timestamptz END,
             run_at = $1, lease_until = NULL,
             history = history || jsonb_set($2, '{0,attempt}', to_jsonb(attempt))
         WHERE state = 'running' AND lease_until < $1",
        now,
        Json(history) as _,
    )
    .execute(pool)
    .await?;
    Ok(lost.rows_affected())
}

/// Jobs that were given up and of which `jobs_failed` has no copy yet.
pub async fn unreported(pool: &PgPool, limit: i64) -> sqlx::Result<Vec<Listed>> {
    sqlx::query_as!(
        Listed,
        r#"SELECT id, name, state, attempt, max_attempts, priority, run_at, created_at,
                  payload, history
           FROM jobs WHERE state = 'failed' AND NOT reported ORDER BY finished_at LIMIT $1"#,
        limit,
    )
    .fetch_all(pool)
    .await
}

/// Notes that `jobs_failed` has their copies.
pub async fn settle_reported(pool: &PgPool, ids: &[Uuid]) -> sqlx::Result<()> {
    sqlx::query!("UPDATE jobs SET reported = true WHERE id = ANY($1)", ids)
        .execute(pool)
        .await?;
    Ok(())
}

/// Exponential, and spread by the job's id so that jobs which failed together do not come back together.
fn pause_after(id: Uuid, attempt: i32) -> TimeDelta {
    let doubled = FIRST_PAUSE << (attempt.clamp(1, 20) - 1);
    let longest = doubled.min(LONGEST_PAUSE) * 1000;
    let spread = i64::from(id.as_bytes()[15]) * longest / 2 / 255;
    TimeDelta::milliseconds(longest / 2 + spread)
}

fn entry(attempt: i32, at: DateTime<Utc>, outcome: &str, error: Option<&str>) -> Value {
    // PostgreSQL's text has no NUL.
    let error = error.map(|error| error.replace('\0', "\u{fffd}"));
    let error: Option<String> = error.map(|error| error.chars().take(ERROR_LENGTH).collect());
    json!([{ "attempt": attempt, "at": at, "outcome": outcome, "error": error }])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::id;

    proptest! {
        #[test]
        fn the_pause_grows_within_its_bounds(attempt in 1..1000) {
            let id = id::new();
            let (this, next) = (pause_after(id, attempt), pause_after(id, attempt + 1));
            prop_assert!(this >= TimeDelta::seconds(FIRST_PAUSE) / 2);
            prop_assert!(next >= this);
            prop_assert!(next <= TimeDelta::seconds(LONGEST_PAUSE));
        }
    }
}
