//! Dead rows that a long transaction keeps from being cleaned up, and whether they are read.

use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Executor, PgPool, Postgres, Transaction};

use super::World;

/// A long transaction: what dies from now on stays until its end.
pub async fn pin_snapshot(world: &World) -> Transaction<'static, Postgres> {
    let mut long = world.pool().begin().await.expect("a transaction");
    for statement in [
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "SET LOCAL idle_in_transaction_session_timeout = 0",
        "SELECT FROM outbox LIMIT 1",
    ] {
        long.execute(statement).await.expect("a snapshot");
    }
    long
}

/// One connection, whose statistics can be had at once. What is read is counted for indexes only, so it has to use them.
pub async fn watched_pool(world: &World, plan_cache_mode: &str) -> PgPool {
    let settings = [
        ("plan_cache_mode", plan_cache_mode),
        ("enable_seqscan", "off"),
        ("enable_bitmapscan", "off"),
    ];
    let options = (*world.pool().connect_options()).clone();
    PgPoolOptions::new()
        .max_connections(1)
        .connect_with(options.options(settings))
        .await
        .expect("PostgreSQL")
}

/// Entries that were read in some indexes, by a condition on `pg_stat_user_indexes`. Ask a watched pool.
pub async fn entries_read(pool: &PgPool, indexes: &'static str) -> i64 {
    pool.execute("SELECT pg_stat_force_next_flush()")
        .await
        .expect("PostgreSQL");
    let sum = "SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes WHERE";
    sqlx::query_scalar(AssertSqlSafe(format!("{sum} {indexes}")))
        .fetch_one(pool)
        .await
        .expect("PostgreSQL")
}
