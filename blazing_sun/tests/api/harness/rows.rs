//! What lies in a world's database.

use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

use super::World;

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
