//! The table of levels.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::flow::ctx::Tx;
use crate::monitor::log_levels::log_level::{Level, LogLevel, Module};

/// The levels that hold now, by the modules' paths.
pub async fn current(pool: &PgPool, now: DateTime<Utc>) -> sqlx::Result<Vec<LogLevel>> {
    let rows = sqlx::query!(
        "SELECT module, level, until FROM log_levels WHERE until > $1 ORDER BY module",
        now
    )
    .fetch_all(pool)
    .await?;
    let levels = rows.into_iter().map(|row| {
        Ok(LogLevel {
            module: row.module,
            level: row
                .level
                .parse()
                .map_err(|error: super::NotALevel| sqlx::Error::Decode(error.into()))?,
            until: row.until,
        })
    });
    levels.collect()
}

/// Forgets those whose time is over, and counts the others.
pub(super) async fn forget_old(tx: &mut Tx) -> sqlx::Result<i64> {
    let now = tx.now();
    sqlx::query!("DELETE FROM log_levels WHERE until <= $1", now)
        .execute(tx.conn())
        .await?;
    sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM log_levels"#)
        .fetch_one(tx.conn())
        .await
}

/// Writes one down, in place of the one before.
pub(super) async fn put(
    tx: &mut Tx,
    module: &Module,
    level: Level,
    until: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO log_levels (module, level, until) VALUES ($1, $2, $3)
         ON CONFLICT (module) DO UPDATE SET level = excluded.level, until = excluded.until",
        module.as_str(),
        level.name(),
        until,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Removes one. `false`: there is none.
pub(super) async fn delete(tx: &mut Tx, module: &Module) -> sqlx::Result<bool> {
    let now = tx.now();
    let deleted = sqlx::query_scalar!(
        "DELETE FROM log_levels WHERE module = $1 RETURNING until",
        module.as_str()
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(deleted.is_some_and(|until| until > now))
}
