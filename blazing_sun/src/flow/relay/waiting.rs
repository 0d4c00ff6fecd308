//! What waits to be carried, told as metrics. Beside the pumps: one of them holds still while its broker is away, and just
//! then somebody has to see how much waits.

use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::{Instant, sleep};

use crate::flow::ctx::Ctx;

/// How often it is told. Long backlogs are slow to count: that may take a twentieth of the time at most.
const EVERY: Duration = Duration::from_secs(5);

/// Tells it until it is dropped.
pub(super) async fn keep_telling(ctx: &Ctx) {
    loop {
        let started = Instant::now();
        if let Err(error) = tell(ctx).await {
            tracing::warn!(error = %error, "what waits cannot be counted");
        }
        sleep(EVERY.max(started.elapsed() * 20)).await;
    }
}

/// Tells it once.
pub async fn tell(ctx: &Ctx) -> sqlx::Result<()> {
    let metrics = ctx.metrics();
    let events = sqlx::query!(
        r#"SELECT count(*) AS "waiting!", min(emitted_at) AS oldest
           FROM (SELECT emitted_at FROM outbox ORDER BY seq LIMIT 100000) counted"#
    )
    .fetch_one(ctx.pool())
    .await?;
    let age = events
        .oldest
        .map_or(TimeDelta::zero(), |oldest| ctx.now() - oldest);
    metrics.outbox_events.set(&[], events.waiting);
    metrics.outbox_oldest_age.set(&[], age.num_seconds().max(0));

    let states = sqlx::query!(
        r#"SELECT 'sent' AS "state!", count(*) AS "count!" FROM jobs WHERE state = 'sent'
               UNION ALL SELECT 'running', count(*) FROM jobs WHERE state = 'running'
               UNION ALL SELECT 'failed', count(*) FROM jobs WHERE state = 'failed'
               UNION ALL SELECT 'ready', count(*) FROM (SELECT FROM jobs WHERE state = 'ready' LIMIT 100000) counted"#
    )
    .fetch_all(ctx.pool())
    .await?;
    for state in states {
        metrics.jobs.set(&[&state.state], state.count);
    }
    Ok(())
}
