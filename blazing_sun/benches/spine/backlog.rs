//! The same with a million rows that wait, and once more with a million dead rows that a pinned snapshot keeps.
//!
//! Three worlds side by side: an empty one, one with the backlog, and one with the backlog behind the dead rows, where a
//! session that took its snapshot before they died stays open. First with events, then with jobs.

use std::sync::Arc;

use anyhow::ensure;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::report::{Report, Series};
use crate::rounds::Sizes;
use crate::world::World;
use crate::{Args, explain, fill, jobs, relay};

/// Of a hundred jobs of the backlog, how many are due; the others are due tomorrow, done, or failed.
const DUE: i64 = 40;
/// The versions that a job leaves behind until it is done: ready, sent, running.
const VERSIONS: i64 = 3;

/// Measures the relay in each world in turn, explains the statements in each, then measures the jobs.
pub async fn measure(
    args: &Args,
    empty: &World,
    worlds: &mut Vec<Arc<World>>,
    sizes: &Sizes,
    report: &mut Report,
) -> anyhow::Result<()> {
    eprintln!("backlog");
    let rows = sizes.backlog;
    let carried = sizes.rounds as i64 * relay::rows(sizes.many_events);
    let worked = sizes.rounds as i64 * jobs::rows(sizes.many_jobs);
    ensure!(
        rows >= carried && rows * DUE / 100 >= worked,
        "{} rounds carry {carried} events and do {worked} jobs: a backlog of {rows}, {DUE} % of its jobs due, is too short",
        sizes.rounds
    );
    let waiting = World::new(worlds, args.management_port).await?;
    let pinned = World::new(worlds, args.management_port).await?;
    let worlds = [empty, &*waiting, &*pinned];
    let series = |what: &str, unit| {
        ["", ", backlog", ", backlog behind a pinned snapshot"]
            .map(|with| Series::new(format!("{what}{with}"), unit))
    };

    // One after the other: a relay carries both, and either would take from the other's time.
    fill_events(&waiting, rows).await?;
    let pin = fill_events_pinned(&pinned, rows).await?;
    let mut events = series("relay", "events/s");
    for _ in 0..sizes.rounds {
        relay::refill(empty, sizes.many_events).await?;
        for (world, series) in worlds.into_iter().zip(&mut events) {
            series.push(relay::drain(world, sizes.many_events).await?);
        }
    }

    jobs::refill(empty, sizes.many_jobs).await?;
    fill_jobs(&waiting, rows).await?;
    fill_jobs(&pinned, rows).await?;
    fill_jobs_done(&pinned, rows).await?;
    eprintln!("plans");
    let mut plans = Vec::new();
    for (name, world) in ["nothing else", "the backlog", "the pinned snapshot"]
        .into_iter()
        .zip(worlds)
    {
        if args.plans {
            report.note(format!("Plans with {name}:"));
        }
        let mut connection = world.connect().await?;
        plans.push(explain::all(&mut connection, args.plans.then_some(&mut *report)).await?);
        connection.close().await?;
    }
    report.note(table(&plans));

    for world in worlds {
        clear_events(world).await?;
    }
    let mut done = series("jobs", "jobs/s");
    for _ in 0..sizes.rounds {
        jobs::refill(empty, sizes.many_jobs).await?;
        for (world, series) in worlds.into_iter().zip(&mut done) {
            series.push(jobs::work(world, sizes.many_jobs).await?);
        }
    }
    for [alone, waiting, pinned] in [&events, &done] {
        report.compare(waiting, &[alone]);
        report.compare(pinned, &[alone]);
    }
    pin.close().await?;
    Ok(())
}

/// Events that wait.
async fn fill_events(world: &World, rows: i64) -> anyhow::Result<()> {
    eprintln!("  {rows} events that wait");
    let mut connection = world.connect().await?;
    fill::events(&mut connection, rows).await?;
    vacuum(&mut connection, "outbox").await?;
    connection.close().await?;
    Ok(())
}

/// Events that wait behind as many dead rows of published ones, and the session that keeps those.
async fn fill_events_pinned(world: &World, rows: i64) -> anyhow::Result<PgConnection> {
    fill_events(world, rows).await?;
    fill_events(world, rows).await?;
    eprintln!("  {rows} of them dead behind a pinned snapshot");
    let mut pin = world.connect().await?;
    sqlx::raw_sql(
        "SET idle_in_transaction_session_timeout = 0;
         BEGIN ISOLATION LEVEL REPEATABLE READ;
         SELECT FROM outbox LIMIT 1",
    )
    .execute(&mut pin)
    .await?;
    let mut connection = world.connect().await?;
    sqlx::query("DELETE FROM outbox WHERE seq <= $1")
        .bind(rows)
        .execute(&mut connection)
        .await?;
    vacuum(&mut connection, "outbox").await?;
    connection.close().await?;
    Ok(pin)
}

/// No event waits any more. Behind a pinned snapshot they stay as dead rows.
async fn clear_events(world: &World) -> anyhow::Result<()> {
    let mut connection = world.connect().await?;
    sqlx::raw_sql("DELETE FROM outbox")
        .execute(&mut connection)
        .await?;
    vacuum(&mut connection, "outbox").await?;
    connection.close().await?;
    Ok(())
}

/// Jobs: some due, of every priority, the others not any more or not yet.
async fn fill_jobs(world: &World, rows: i64) -> anyhow::Result<()> {
    eprintln!("  {rows} jobs, {DUE} % of which wait");
    let mut connection = world.connect().await?;
    fill::jobs(&mut connection, rows * DUE / 100, "1 day").await?;
    fill::jobs(&mut connection, rows * 20 / 100, "-1 day").await?;
    // What is left becomes done, but for one in eight.
    let left = rows - rows * DUE / 100 - rows * 20 / 100;
    fill::jobs(&mut connection, left, "3 days").await?;
    sqlx::raw_sql(
        "UPDATE jobs SET finished_at = now(), reported = true, attempt = 1,
                state = CASE WHEN get_byte(uuid_send(id), 15) < 32 THEN 'failed' ELSE 'done' END
         WHERE run_at < now() - interval '2 days'",
    )
    .execute(&mut connection)
    .await?;
    vacuum(&mut connection, "jobs").await?;
    connection.close().await?;
    Ok(())
}

/// Jobs that are done, and left this many rows behind, which a pinned snapshot keeps.
async fn fill_jobs_done(world: &World, rows: i64) -> anyhow::Result<()> {
    eprintln!("  {rows} dead rows of jobs behind a pinned snapshot");
    let mut connection = world.connect().await?;
    fill::jobs(&mut connection, rows / VERSIONS, "5 days").await?;
    for change in [
        "UPDATE jobs SET state = 'sent', sent_at = now() WHERE run_at < now() - interval '4 days' AND state = 'ready'",
        "UPDATE jobs SET state = 'running', attempt = 1, lease_until = now() + interval '1 day'
         WHERE run_at < now() - interval '4 days' AND state = 'sent'",
        "UPDATE jobs SET state = 'done', lease_until = NULL, finished_at = now()
         WHERE run_at < now() - interval '4 days' AND state = 'running'",
    ] {
        sqlx::raw_sql(change).execute(&mut connection).await?;
    }
    vacuum(&mut connection, "jobs").await?;
    connection.close().await?;
    Ok(())
}

async fn vacuum(connection: &mut PgConnection, table: &'static str) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(format!("VACUUM ANALYZE {table}")))
        .execute(connection)
        .await?;
    Ok(())
}

/// The statements side by side.
fn table(plans: &[Vec<explain::Plan>]) -> String {
    let mut text = String::from(
        "Milliseconds with a plan for the parameters / with a plan for any (pages touched): alone, with the backlog, with the backlog behind a pinned snapshot.\n\n\
         | statement | alone | backlog | pinned | how, with the backlog |\n|---|---:|---:|---:|---|\n",
    );
    for (place, first) in plans.first().into_iter().flatten().enumerate() {
        let cells: Vec<String> = plans
            .iter()
            .filter_map(|plans| plans.get(place))
            .map(|plan| format!("{:.2} / {:.2} ({})", plan.took[0], plan.took[1], plan.pages))
            .collect();
        let how = plans
            .get(1)
            .and_then(|plans| plans.get(place))
            .map_or("", |plan| &plan.how);
        text.push_str(&format!(
            "| {} | {} | {how} |\n",
            first.name,
            cells.join(" | ")
        ));
    }
    text
}
