//! The record of starts: which build ran where, from when to when.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::kernel::clock::Clock;
use crate::kernel::id;

/// How many starts of a host are remembered.
const KEPT: i64 = 100;

/// One start of the application.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Its id; ids sort by start.
    pub id: Uuid,
    /// The build.
    pub version: String,
    /// The machine or container.
    pub host: String,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// When it ended gracefully, if it did.
    pub stopped_at: Option<DateTime<Utc>>,
}

impl Instance {
    /// This process.
    #[must_use]
    pub fn here(clock: &dyn Clock) -> Self {
        Self {
            id: id::new(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host: gethostname::gethostname().to_string_lossy().into_owned(),
            started_at: clock.now(),
            stopped_at: None,
        }
    }
}

/// Records a start, forgets the oldest ones of its host, and returns the start before it.
pub async fn record_start(pool: &PgPool, instance: &Instance) -> sqlx::Result<Option<Instance>> {
    let mut tx = pool.begin().await?;
    let previous = sqlx::query_as!(
        Instance,
        "SELECT id, version, host, started_at, stopped_at FROM instances WHERE host = $1 ORDER BY id DESC LIMIT 1",
        instance.host,
    )
    .fetch_optional(&mut *tx)
    .await?;
    sqlx::query!(
        "INSERT INTO instances (id, version, host, started_at) VALUES ($1, $2, $3, $4)",
        instance.id,
        instance.version,
        instance.host,
        instance.started_at,
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "DELETE FROM instances WHERE host = $1 AND id <= (
             SELECT id FROM instances WHERE host = $1 ORDER BY id DESC OFFSET $2 LIMIT 1
         )",
        instance.host,
        KEPT,
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(previous)
}

/// Marks a graceful end.
pub async fn record_stop(pool: &PgPool, id: Uuid, now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE instances SET stopped_at = $2 WHERE id = $1",
        id,
        now
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// The newest starts on any host, newest first.
pub async fn latest(pool: &PgPool, count: i64) -> sqlx::Result<Vec<Instance>> {
    sqlx::query_as!(
        Instance,
        "SELECT id, version, host, started_at, stopped_at FROM instances ORDER BY id DESC LIMIT $1",
        count,
    )
    .fetch_all(pool)
    .await
}
