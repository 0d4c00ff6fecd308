//! The table of dead letters.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::flow::consumer::Record;

/// How much of a value is kept, in bytes.
const VALUE_KEPT: usize = 1 << 20;

/// A record that was not taken.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// Its number, in the order of arrival.
    pub seq: i64,
    /// Who could not take it.
    pub consumer: String,
    /// failed, parked, unreadable, replayed or discarded.
    pub state: String,
    /// Its topic.
    pub topic: String,
    /// Its partition; none if it came from `event_log`.
    pub partition: Option<i32>,
    /// Its offset in the partition, or its position in `event_log`.
    pub record_offset: i64,
    /// Its key.
    pub key: Option<String>,
    /// Its event, if it is one.
    pub event_id: Option<Uuid>,
    /// Its value, at most the first MiB.
    pub value: Vec<u8>,
    /// The size of the whole value, in bytes.
    pub size: i64,
    /// What went wrong the last time.
    pub error: String,
    /// How often it was tried.
    pub attempts: i32,
    /// Since when it lies here.
    pub created_at: DateTime<Utc>,
}

/// Keeps a record once. `false`: it lies here already.
pub(super) async fn keep(
    connection: &mut PgConnection,
    consumer: &str,
    state: &str,
    record: &Record,
    event: Option<Uuid>,
    error: &str,
    attempts: i32,
) -> sqlx::Result<bool> {
    let kept = sqlx::query!(
        "INSERT INTO dead_letters (consumer, state, topic, partition, record_offset, key, event_id, value, size, error, attempts)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING",
        consumer,
        state,
        record.topic,
        record.partition,
        record.offset,
        record.key,
        event,
        &record.value[..record.value.len().min(VALUE_KEPT)],
        i64::try_from(record.value.len()).unwrap_or(i64::MAX),
        error,
        attempts,
    )
    .execute(connection)
    .await?;
    Ok(kept.rows_affected() == 1)
}

/// How many wait for an operator, by consumer.
pub async fn count_open(pool: &PgPool) -> sqlx::Result<Vec<(String, i64)>> {
    let counts = sqlx::query!(
        r#"SELECT consumer, count(*) AS "count!" FROM dead_letters WHERE resolved_at IS NULL GROUP BY consumer"#
    )
    .fetch_all(pool)
    .await?;
    Ok(counts
        .into_iter()
        .map(|row| (row.consumer, row.count))
        .collect())
}

/// Which of these keys have a dead letter that waits, by topic.
pub(super) async fn waiting(
    connection: &mut PgConnection,
    consumer: &str,
    keys: &[String],
) -> sqlx::Result<HashSet<(String, Option<String>)>> {
    let waiting = sqlx::query!(
        "SELECT DISTINCT topic, key FROM dead_letters
         WHERE consumer = $1 AND key = ANY($2) AND state IN ('failed', 'parked')",
        consumer,
        keys,
    )
    .fetch_all(connection)
    .await?;
    Ok(waiting
        .into_iter()
        .map(|row| (row.topic, row.key))
        .collect())
}

/// Lets nobody else park, replay or discard for this consumer and aggregate until the transaction ends.
pub(super) async fn lock(
    connection: &mut PgConnection,
    consumer: &str,
    record: &Record,
) -> sqlx::Result<()> {
    lock_key(connection, consumer, &record.topic, record.key.as_deref()).await
}

/// The same, for a dead letter.
pub(super) async fn lock_letter(
    connection: &mut PgConnection,
    letter: &DeadLetter,
) -> sqlx::Result<()> {
    lock_key(
        connection,
        &letter.consumer,
        &letter.topic,
        letter.key.as_deref(),
    )
    .await
}

async fn lock_key(
    connection: &mut PgConnection,
    consumer: &str,
    topic: &str,
    key: Option<&str>,
) -> sqlx::Result<()> {
    let name = format!("dead_letter {consumer} {topic} {}", key.unwrap_or_default());
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
        name
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The first dead letter that waits in the aggregate of `letter`.
pub(super) async fn first_waiting(
    connection: &mut PgConnection,
    letter: &DeadLetter,
) -> sqlx::Result<Option<DeadLetter>> {
    sqlx::query_as!(
        DeadLetter,
        "SELECT seq, consumer, state, topic, partition, record_offset, key, event_id, value, size, error, attempts, created_at
         FROM dead_letters
         WHERE consumer = $1 AND topic = $2 AND key IS NOT DISTINCT FROM $3 AND state IN ('failed', 'parked')
         ORDER BY seq LIMIT 1",
        letter.consumer,
        letter.topic,
        letter.key,
    )
    .fetch_optional(connection)
    .await
}

/// How many wait in the aggregate of `letter`.
pub(super) async fn count_waiting(
    connection: &mut PgConnection,
    letter: &DeadLetter,
) -> sqlx::Result<usize> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM dead_letters
           WHERE consumer = $1 AND topic = $2 AND key IS NOT DISTINCT FROM $3 AND state IN ('failed', 'parked')"#,
        letter.consumer,
        letter.topic,
        letter.key,
    )
    .fetch_one(connection)
    .await?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// Ends a dead letter's waiting. `false`: it had ended before.
pub(super) async fn resolve(
    connection: &mut PgConnection,
    seq: i64,
    state: &str,
) -> sqlx::Result<bool> {
    let resolved = sqlx::query!(
        "UPDATE dead_letters SET state = $2, resolved_at = now() WHERE seq = $1 AND resolved_at IS NULL",
        seq,
        state,
    )
    .execute(connection)
    .await?;
    Ok(resolved.rows_affected() == 1)
}

/// Notes that a replay failed too.
pub(super) async fn note_failure(
    connection: &mut PgConnection,
    seq: i64,
    error: &str,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE dead_letters SET state = 'failed', attempts = attempts + 1, error = $2 WHERE seq = $1",
        seq,
        error,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Dead letters, the oldest first: those that wait for somebody, or all.
pub async fn list(
    pool: &PgPool,
    consumer: Option<&str>,
    all: bool,
    limit: i64,
) -> sqlx::Result<Vec<DeadLetter>> {
    sqlx::query_as!(
        DeadLetter,
        "SELECT seq, consumer, state, topic, partition, record_offset, key, event_id, value, size, error, attempts, created_at
         FROM dead_letters
         WHERE ($1::text IS NULL OR consumer = $1) AND ($2 OR resolved_at IS NULL) ORDER BY seq LIMIT $3",
        consumer,
        all,
        limit,
    )
    .fetch_all(pool)
    .await
}

/// One dead letter.
pub async fn show(pool: &PgPool, seq: i64) -> sqlx::Result<Option<DeadLetter>> {
    sqlx::query_as!(
        DeadLetter,
        "SELECT seq, consumer, state, topic, partition, record_offset, key, event_id, value, size, error, attempts, created_at
         FROM dead_letters WHERE seq = $1",
        seq,
    )
    .fetch_optional(pool)
    .await
}
