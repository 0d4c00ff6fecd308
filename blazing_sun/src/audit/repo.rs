//! The table `audit_log`.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use crate::flow::ctx::Tx;
use crate::flow::event::CloudEvent;

/// One line of the audit log.
#[derive(Debug)]
pub struct Entry {
    /// The event.
    pub event_id: Uuid,
    /// Its frozen name.
    pub kind: String,
    /// The aggregate's version after it.
    pub sequence: i64,
    /// The account that acted, if one did.
    pub actor_id: Option<Uuid>,
    /// The request that it followed from.
    pub correlation_id: String,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// What happened.
    pub data: Value,
}

/// Writes an event down.
pub async fn insert(tx: &mut Tx, event: &CloudEvent) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query!(
        "INSERT INTO audit_log (event_id, type, subject, sequence, actor_id, correlation_id, causation_id, occurred_at,
                                recorded_at, data)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        event.id,
        event.kind,
        event.subject,
        event.sequence,
        event.actorid,
        event.correlationid,
        event.causationid,
        event.time,
        now,
        event.data,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What happened to an aggregate, in order.
pub async fn history(pool: &PgPool, subject: Uuid) -> sqlx::Result<Vec<Entry>> {
    sqlx::query_as!(
        Entry,
        r#"SELECT event_id, type AS "kind", sequence, actor_id, correlation_id, occurred_at, data
           FROM audit_log WHERE subject = $1 ORDER BY event_id"#,
        subject,
    )
    .fetch_all(pool)
    .await
}

/// What happened to somebody's account, and what they did, in order.
pub async fn of_person(tx: &mut Tx, account: Uuid) -> sqlx::Result<Vec<Value>> {
    sqlx::query_scalar!(
        r#"SELECT to_jsonb(entry) AS "entry!" FROM (
               SELECT event_id, type, subject, sequence, actor_id, correlation_id, causation_id, occurred_at, data
               FROM audit_log WHERE subject = $1 OR actor_id = $1
           ) AS entry ORDER BY entry.event_id"#,
        account,
    )
    .fetch_all(tx.conn())
    .await
}
