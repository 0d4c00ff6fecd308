//! How fast the spine is: each figure beside a bare loop that does the same commits, in one run and in turn.
//!
//! `stack/bench/run` runs it against the services of the stack; `stack/bench/README.md` says how to read it.

mod alike;
mod backlog;
mod consume;
mod create;
mod delay;
mod explain;
mod fill;
mod http;
mod jobs;
mod large;
mod machine;
mod people;
mod relay;
mod report;
mod rounds;
mod sign_up;
mod telemetry;
mod world;

use std::sync::Arc;

use anyhow::Context;
use clap::{Parser, ValueEnum};

use crate::report::Report;
use crate::rounds::Sizes;
use crate::world::World;

/// Measures the spine against the services that the application's configuration names.
#[derive(Debug, Parser)]
struct Args {
    /// Seconds instead of minutes: shows that the bench works; its figures mean nothing.
    #[arg(long)]
    quick: bool,
    /// Measure only these, separated by commas.
    #[arg(long, value_delimiter = ',', value_enum)]
    only: Vec<Part>,
    /// Rounds of each pair.
    #[arg(long)]
    rounds: Option<usize>,
    /// Rows of backlog in the outbox and in the jobs.
    #[arg(long)]
    backlog: Option<i64>,
    /// Print the whole plans too.
    #[arg(long)]
    plans: bool,
    /// The port of RabbitMQ's management interface, where a virtual host is made for the run.
    #[arg(long, default_value_t = 15672)]
    management_port: u16,
    /// How to run pgbench, with its options for where PostgreSQL is, to compare with; the database's name is added.
    #[arg(long)]
    pgbench: Option<String>,
    /// What cargo adds.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The outbox to Kafka.
    Relay,
    /// Kafka to the audit log.
    Consume,
    /// The table to RabbitMQ to the worker.
    Jobs,
    /// From an event's commit to its effect.
    Delay,
    /// Requests that open accounts, and the application's memory.
    SignUp,
    /// Whether known and unknown addresses take the same time.
    Alike,
    /// Requests that write a transaction down.
    Create,
    /// Questions about a book of a million transactions.
    Large,
    /// What logs, traces and metrics cost.
    Telemetry,
    /// All that again with a backlog, and with a pinned snapshot.
    Backlog,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let sizes = Sizes::of(&args);
    let mut report = Report::default();
    machine::describe(&mut report, &args).await?;
    let mut worlds = Vec::new();
    let measured = tokio::select! {
        measured = measure(&args, &sizes, &mut worlds, &mut report) => measured,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            Err(anyhow::anyhow!("interrupted"))
        }
    };
    for world in worlds {
        world.remove().await.context("something was left behind")?;
    }
    measured?;
    report.print();
    Ok(())
}

async fn measure(
    args: &Args,
    sizes: &Sizes,
    worlds: &mut Vec<Arc<World>>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let wanted = |part| args.only.is_empty() || args.only.contains(&part);
    let world = World::new(worlds, args.management_port).await?;
    machine::describe_services(&world, report).await?;
    if wanted(Part::Relay) {
        relay::measure(&world, sizes, report)
            .await
            .context("relay")?;
    }
    if wanted(Part::Consume) {
        consume::measure(&world, sizes, report)
            .await
            .context("consume")?;
    }
    if wanted(Part::Jobs) {
        jobs::measure(&world, sizes, report).await.context("jobs")?;
    }
    if wanted(Part::Delay) {
        delay::measure(&world, sizes, report)
            .await
            .context("delay")?;
    }
    if wanted(Part::SignUp) {
        sign_up::measure(&world, sizes, report)
            .await
            .context("sign-up")?;
    }
    if wanted(Part::Alike) {
        alike::measure(&world, sizes, report)
            .await
            .context("alike")?;
    }
    if wanted(Part::Create) {
        create::measure(&world, sizes, args.pgbench.as_deref(), report)
            .await
            .context("create")?;
    }
    if wanted(Part::Large) {
        large::measure(&world, sizes, report)
            .await
            .context("large")?;
    }
    if wanted(Part::Telemetry) {
        telemetry::measure(&world, sizes, report)
            .await
            .context("telemetry")?;
    }
    if wanted(Part::Backlog) {
        backlog::measure(args, &world, worlds, sizes, report)
            .await
            .context("backlog")?;
    }
    Ok(())
}
