//! A book of ten years of heavy use among many others.

use sqlx::{PgConnection, PgPool};

/// How much there is to be.
#[derive(Clone, Copy, Debug)]
pub struct LargeBook {
    /// Transactions in the large book.
    pub transactions: u32,
    /// Books of others, with 20 transactions each.
    pub others: u32,
}

impl LargeBook {
    /// Fills somebody's book, which is there.
    pub async fn fill(self, pool: &PgPool, owner: &str) {
        let mut connection = pool.acquire().await.expect("PostgreSQL").detach();
        for (name, value) in [
            ("owner", owner.to_owned()),
            ("transactions", self.transactions.to_string()),
            ("others", self.others.to_string()),
        ] {
            sqlx::query("SELECT set_config('large.' || $1, $2, false)")
                .bind(name)
                .bind(value)
                .execute(&mut connection)
                .await
                .expect("a setting");
        }
        run(&mut connection, include_str!("large_book.sql")).await;
        // What an old table has had; outside of a transaction.
        run(
            &mut connection,
            "VACUUM transactions, entries, lines, transaction_tags",
        )
        .await;
    }
}

async fn run(connection: &mut PgConnection, script: &'static str) {
    sqlx::raw_sql(script)
        .execute(connection)
        .await
        .expect("a script that goes through");
}
