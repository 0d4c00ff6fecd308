//! What lies in a world's database.

use blazing_sun::kernel::clock::Clock;
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

use super::{TestApp, World};

/// The account of an address, as its owner wrote it.
pub async fn id_of(world: &World, email: &str) -> Uuid {
    sqlx::query_scalar("SELECT id FROM users WHERE email = $1")
        .bind(email)
        .fetch_one(&world.pool())
        .await
        .expect("an account")
}

/// The tables that have `mark` anywhere in a row, whatever the column's type is.
pub async fn tables_with(pool: &PgPool, mark: &str) -> Vec<String> {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT table_name::text FROM information_schema.columns
         WHERE table_schema = 'public' ORDER BY 1",
    )
    .fetch_all(pool)
    .await
    .expect("the tables");
    assert!(tables.len() > 20, "{tables:?}");
    let mut found = Vec::new();
    for table in tables {
        let there: bool = sqlx::query_scalar(AssertSqlSafe(format!(
            "SELECT EXISTS (SELECT FROM \"{table}\" AS it WHERE position(lower($1) IN lower(to_jsonb(it)::text)) > 0)"
        )))
        .bind(mark)
        .fetch_one(pool)
        .await
        .expect("an answer");
        if there {
            found.push(table);
        }
    }
    found
}

/// Changes something that nothing over HTTP changes; returns how many rows.
pub async fn run(world: &World, statement: &'static str) -> u64 {
    sqlx::query(statement)
        .execute(&world.pool())
        .await
        .expect("a statement")
        .rows_affected()
}

/// Has a job done without anybody asking for it, as a schedule or a second delivery would.
pub async fn enqueue(world: &World, app: &TestApp, name: &str, payload: Value) {
    sqlx::query(
        "INSERT INTO jobs (id, name, payload, priority, state, max_attempts, run_at, correlation_id, created_at)
         VALUES (gen_random_uuid(), $1, $2, 0, 'ready', 1, $3, 'test', $3)",
    )
    .bind(name)
    .bind(payload)
    .bind(app.clock.now())
    .execute(&world.pool())
    .await
    .expect("a job");
}
