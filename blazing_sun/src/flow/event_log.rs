//! What was published: written by the relay, read by replays, rebuilds and, without Kafka, by every consumer.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection, PgPool};
use uuid::Uuid;

use crate::flow::lease::Term;

/// How many days ahead there is a partition.
const DAYS_AHEAD: i32 = 2;

/// A published event.
#[derive(Clone, Debug, FromRow)]
pub struct Published {
    /// Its place in the log; places become visible in their order.
    pub position: i64,
    /// The event's id.
    pub id: Uuid,
    /// Its topic.
    pub topic: String,
    /// The aggregate.
    pub key: Uuid,
    /// The frozen name.
    #[sqlx(rename = "type")]
    pub kind: String,
    /// The CloudEvent.
    pub body: String,
    /// When it was published.
    pub published_at: DateTime<Utc>,
}

/// Makes the partitions of today and the next days.
pub async fn prepare(pool: &PgPool) -> sqlx::Result<()> {
    let mut tx = pool.begin().await?;
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtext('event_log_add_day'))")
        .execute(&mut *tx)
        .await?;
    sqlx::query!(
        "SELECT event_log_add_day((now() AT TIME ZONE 'UTC')::date + ahead) FROM generate_series(0, $1) ahead",
        DAYS_AHEAD,
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await
}

/// Moves published events from the outbox into the log. `false`: another relay leads, and nothing was moved.
pub async fn settle(pool: &PgPool, term: Term, published: &[i64]) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"WITH held AS (
               SELECT FROM leases WHERE name = $2 AND epoch = $3 FOR SHARE
           ), settled AS (
               DELETE FROM outbox WHERE seq = ANY($1) AND EXISTS (SELECT FROM held)
               RETURNING seq, id, topic, key, type, body, emitted_at
           ), logged AS (
               INSERT INTO event_log (id, topic, key, type, body, emitted_at)
               SELECT id, topic, key, type, body, emitted_at FROM settled ORDER BY seq
           )
           SELECT EXISTS (SELECT FROM held) AS "held!""#,
        published,
        term.name(),
        term.epoch(),
    )
    .fetch_one(pool)
    .await
}

/// The events of some topics after a position, in order.
pub async fn after(
    connection: &mut PgConnection,
    position: i64,
    topics: &[String],
    limit: i64,
) -> sqlx::Result<Vec<Published>> {
    sqlx::query_as!(
        Published,
        r#"SELECT position, id, topic, key, type AS "kind", body, published_at FROM event_log
           WHERE position > $1 AND topic = ANY($2) ORDER BY position LIMIT $3"#,
        position,
        topics,
        limit,
    )
    .fetch_all(connection)
    .await
}

/// The position before the last `count` events of some topics.
pub async fn before_last(pool: &PgPool, topics: &[String], count: i64) -> sqlx::Result<i64> {
    let position = sqlx::query_scalar!(
        "SELECT position FROM event_log WHERE topic = ANY($1) ORDER BY position DESC OFFSET $2 LIMIT 1",
        topics,
        count,
    )
    .fetch_optional(pool)
    .await?;
    Ok(position.unwrap_or_default())
}
