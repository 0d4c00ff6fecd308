//! The job `purge_expired`: what the spine need not remember any longer.

use async_trait::async_trait;
use chrono::TimeDelta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::Executor;

use crate::flow::idempotency;
use crate::flow::job::{Job, JobError, Run};

/// The most rows that one statement deletes, so that no lock and no transaction is held for long.
const BATCH: i64 = 10_000;

/// How long things are remembered.
#[derive(Clone, Debug)]
pub struct Retention {
    /// Published events.
    pub event_log: TimeDelta,
    /// Records in Kafka; the broker deletes them, the inbox has to outlive them.
    pub topics: TimeDelta,
    /// Done jobs, and resolved dead letters. Failed jobs stay until somebody has looked at them.
    pub done: TimeDelta,
}

impl Retention {
    /// A day more than an event can come again.
    fn inbox(&self) -> TimeDelta {
        self.event_log.max(self.topics) + TimeDelta::days(1)
    }
}

/// Deletes what has expired.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct PurgeExpired {}

#[async_trait]
impl Job for PurgeExpired {
    const NAME: &'static str = "purge_expired";
    const SUMMARY: &'static str = "Deletes what has expired: published events, inbox rows, done jobs, resolved dead letters, answers to idempotency keys.";
    const PRIORITY: i16 = 0;
    const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(600);

    type Tools = Retention;

    async fn run(&self, retention: &Retention, run: &mut Run) -> Result<(), JobError> {
        let ctx = run.ctx().clone();
        let (pool, now) = (ctx.pool(), ctx.now());
        loop {
            let deleted = sqlx::query!(
                "DELETE FROM inbox WHERE ctid = ANY(ARRAY(SELECT ctid FROM inbox WHERE processed_at < $1 LIMIT $2))",
                now - retention.inbox(),
                BATCH,
            )
            .execute(pool)
            .await?;
            if deleted.rows_affected() == 0 {
                break;
            }
        }
        loop {
            let deleted = sqlx::query!(
                "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE state = 'done' AND finished_at < $1 LIMIT $2)",
                now - retention.done,
                BATCH,
            )
            .execute(pool)
            .await?;
            if deleted.rows_affected() == 0 {
                break;
            }
        }
        sqlx::query!(
            "DELETE FROM dead_letters WHERE resolved_at < $1",
            now - retention.done
        )
        .execute(pool)
        .await?;
        idempotency::purge(pool, now).await?;
        // Whoever reads the log for long, as a dump does, holds this up, and it would hold up the relay, which writes there:
        // better another attempt. Last, so that all else is done by then.
        let mut tx = pool.begin().await?;
        tx.execute("SET LOCAL lock_timeout = '1s'").await?;
        sqlx::query_scalar!(
            "SELECT event_log_drop_before(($1::timestamptz AT TIME ZONE 'UTC')::date)",
            now - retention.event_log,
        )
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }
}
