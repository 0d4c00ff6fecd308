//! What is asked of a book with a million transactions among ten thousand others: how long each answer takes, and how many rows
//! PostgreSQL reads for it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use blazing_sun::flow::rebuild;
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::http::Client;
use crate::people::{Person, json};
use crate::report::{Report, Series, percentile};
use crate::rounds::Sizes;
use crate::sign_up::{CHEAP, end, memory, start};
use crate::telemetry::Telling;
use crate::world::World;

/// How the book is filled: as for the tests that look at the plans.
const FILL: &str = include_str!("../../tests/api/harness/large_book.sql");
/// How late PostgreSQL counts what a connection did that has nothing to do: 10 s.
const LATE: Duration = Duration::from_millis(10_500);
/// How often a second each question is asked in a round, of as many as are asked.
const TIMES_A_SECOND: u64 = 10;

/// What is asked: a name, and its address; those in braces are filled in.
const QUESTIONS: [(&str, &str); 12] = [
    ("list", "/api/v1/transactions"),
    (
        "list, far back",
        "/api/v1/transactions?after=2018-03-05.00000000-0000-7000-8000-000000000000",
    ),
    (
        "list of a wallet",
        "/api/v1/transactions?wallet_id={wallet}",
    ),
    (
        "list of a category",
        "/api/v1/transactions?category_id={category}",
    ),
    ("list of a payee", "/api/v1/transactions?payee_id={payee}"),
    ("list of a tag", "/api/v1/transactions?tag_id={tag}"),
    (
        "list of what is pending",
        "/api/v1/transactions?status=pending",
    ),
    (
        "list of an amount",
        "/api/v1/transactions?least=4711&most=4711",
    ),
    ("list by a rare text", "/api/v1/transactions?text=777777"),
    (
        "list by a frequent text",
        "/api/v1/transactions?text=garden",
    ),
    ("month report", "/api/v1/reports/month?month=2026-10"),
    ("cash flow of a year", "/api/v1/reports/cash-flow"),
];

/// Fills the book, rebuilds its reports, and asks.
pub async fn measure(world: &World, sizes: &Sizes, report: &mut Report) -> anyhow::Result<()> {
    eprintln!("large");
    let pool = world.config.services.postgres.pool();
    let directory = TempDir::new()?;
    let (mut child, address) =
        start(world, &CHEAP, Some("http"), &Telling::log(), &directory).await?;
    let process = child.id().context("it has ended")?;
    let mut client = Client::connect(&address).await?;
    let person = Person::new(&mut client, &pool).await?;
    let began = Instant::now();
    fill(world, person.id, sizes).await?;
    report.fact(format!(
        "a book of {} transactions among {} others: filled in {} s",
        sizes.transactions,
        sizes.others,
        began.elapsed().as_secs()
    ));
    let mut connection = world.connect().await?;
    let names = names(&mut connection, person.id).await?;
    sleep(LATE).await;
    let mut before = fetched(&mut connection).await?;
    for (name, address) in QUESTIONS {
        let mut path = address.to_owned();
        for (name, id) in &names {
            path = path.replace(&format!("{{{name}}}"), &id.to_string());
        }
        // What is in memory afterwards is in memory for all.
        json(&mut client, "GET", &path, &person.token, "").await?;
        let times = sizes.seconds * TIMES_A_SECOND;
        let mut took = Vec::new();
        for _ in 0..times {
            let asked = Instant::now();
            json(&mut client, "GET", &path, &person.token, "").await?;
            took.push(asked.elapsed().as_secs_f64() * 1000.0);
        }
        sleep(LATE).await;
        let after = fetched(&mut connection).await?;
        let rows = (after - before) / i64::try_from(times + 1)?;
        before = after;
        let mut median = Series::new(format!("{name}, p50"), "ms");
        median.push(percentile(&mut took, 0.5));
        let mut slow = Series::new(format!("{name}, p99"), "ms");
        slow.push(percentile(&mut took, 0.99));
        let mut read = Series::new(format!("{name}, rows read"), "rows");
        read.push(rows as f64);
        report.figure(&median);
        report.figure(&slow);
        report.figure(&read);
    }
    let mut peak = Series::new("resident at most, large book", "MiB");
    peak.push(memory(process, "VmHWM")?);
    report.figure(&peak);
    connection.close().await?;
    pool.close().await;
    end(&mut child, process).await
}

async fn fill(world: &World, owner: Uuid, sizes: &Sizes) -> anyhow::Result<()> {
    let mut connection = world.connect().await?;
    for (name, value) in [
        ("owner", owner.to_string()),
        ("transactions", sizes.transactions.to_string()),
        ("others", sizes.others.to_string()),
    ] {
        sqlx::query("SELECT set_config('large.' || $1, $2, false)")
            .bind(name)
            .bind(value)
            .execute(&mut connection)
            .await?;
    }
    sqlx::raw_sql(FILL).execute(&mut connection).await?;
    sqlx::raw_sql("VACUUM ANALYZE transactions, entries, lines, transaction_tags")
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    let wiring = world.wiring()?;
    let reactions = wiring.catalogue.reactions();
    let reports = reactions
        .iter()
        .find(|reaction| reaction.consumer() == "reports")
        .context("no consumer of that name")?;
    rebuild::rebuild(&wiring.consumer(Arc::clone(reports))).await
}

async fn names(
    connection: &mut PgConnection,
    owner: Uuid,
) -> sqlx::Result<Vec<(&'static str, Uuid)>> {
    let mut names = Vec::new();
    for (name, question) in [
        (
            "wallet",
            "SELECT w.id FROM wallets w JOIN books b ON b.id = book_id WHERE owner_id = $1 AND w.name = 'Wallet 7'",
        ),
        (
            "category",
            "SELECT c.id FROM categories c JOIN books b ON b.id = book_id WHERE owner_id = $1 AND c.name = 'Category 7'",
        ),
        (
            "payee",
            "SELECT p.id FROM payees p JOIN books b ON b.id = book_id WHERE owner_id = $1 AND p.name = 'Payee 7'",
        ),
        (
            "tag",
            "SELECT t.id FROM tags t JOIN books b ON b.id = book_id WHERE owner_id = $1 AND t.name = 'tag 7'",
        ),
    ] {
        let id = sqlx::query_scalar(question)
            .bind(owner)
            .fetch_one(&mut *connection)
            .await?;
        names.push((name, id));
    }
    Ok(names)
}

/// Rows that were read in this database so far, by way of an index or not.
async fn fetched(connection: &mut PgConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "SELECT (sum(coalesce(seq_tup_read, 0)) + sum(coalesce(idx_tup_fetch, 0)))::bigint FROM pg_stat_user_tables",
    )
    .fetch_one(connection)
    .await
}
