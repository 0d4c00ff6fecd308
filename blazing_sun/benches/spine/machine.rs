//! What was measured on, and what else went on there.

use std::fs;
use std::time::Duration;

use anyhow::Context;
use sqlx::Connection;
use tokio::time::{Instant, sleep};

use crate::Args;
use crate::report::Report;
use crate::world::World;

/// Commits to find out what one takes.
const COMMITS: u32 = 500;

/// The machine, and how busy it was with something else.
pub async fn describe(report: &mut Report, args: &Args) -> anyhow::Result<()> {
    let processors = std::thread::available_parallelism()?;
    let model = line("/proc/cpuinfo", "model name")?;
    let memory = line("/proc/meminfo", "MemTotal")?;
    report.fact(format!(
        "machine: {processors} processors ({model}), memory {memory}"
    ));
    let build = if cfg!(debug_assertions) {
        "a debug build, whose figures mean nothing"
    } else {
        "release"
    };
    report.fact(format!(
        "build: {build}{}",
        if args.quick {
            "; --quick, whose figures mean nothing"
        } else {
            ""
        }
    ));
    let before = times()?;
    sleep(Duration::from_secs(2)).await;
    let after = times()?;
    let (busy, all) = (after.0 - before.0, after.1 - before.1);
    let load = fs::read_to_string("/proc/loadavg")?;
    report.fact(format!(
        "before the run: {:.0} % of the processors' time taken by others, load average {}",
        busy / all * 100.0,
        load.split(' ').take(3).collect::<Vec<_>>().join(" "),
    ));
    Ok(())
}

/// The services, and what one commit takes.
pub async fn describe_services(world: &World, report: &mut Report) -> anyhow::Result<()> {
    let mut connection = world.connect().await?;
    let settings: Vec<(String, String)> = sqlx::query_as(
        "SELECT name, current_setting(name) FROM pg_settings
         WHERE name IN ('server_version', 'shared_buffers', 'fsync', 'synchronous_commit', 'ssl') ORDER BY name",
    )
    .fetch_all(&mut connection)
    .await?;
    let settings: Vec<String> = settings
        .into_iter()
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    let overview: serde_json::Value =
        serde_json::from_str(&world.manage("GET", "overview", "").await?)?;
    let (_, kafka) = rdkafka::util::get_rdkafka_version();
    report.fact(format!(
        "services: PostgreSQL ({}), RabbitMQ {}, librdkafka {kafka}; pool of {}, {} jobs at a time",
        settings.join(", "),
        overview["rabbitmq_version"].as_str().unwrap_or("?"),
        world.config.services.postgres.pool_size,
        world.config.flow.concurrency,
    ));
    sqlx::query("CREATE TABLE bench_commits (n bigint)")
        .execute(&mut connection)
        .await?;
    let started = Instant::now();
    for n in 0..COMMITS {
        sqlx::query("INSERT INTO bench_commits VALUES ($1)")
            .bind(i64::from(n))
            .execute(&mut connection)
            .await?;
    }
    let each = started.elapsed() / COMMITS;
    report.fact(format!(
        "one commit of one row: {:.2} ms",
        each.as_secs_f64() * 1000.0
    ));
    connection.close().await?;
    Ok(())
}

/// A line's value in a file of `/proc`.
fn line(path: &str, name: &str) -> anyhow::Result<String> {
    let text = fs::read_to_string(path)?;
    let line = text.lines().find(|line| line.starts_with(name));
    let value = line
        .and_then(|line| line.split_once(':'))
        .with_context(|| format!("no {name} in {path}"))?;
    Ok(value.1.trim().to_owned())
}

/// The processors' busy time and all their time, in ticks.
fn times() -> anyhow::Result<(f64, f64)> {
    let text = fs::read_to_string("/proc/stat")?;
    let ticks: Vec<f64> = text
        .lines()
        .next()
        .context("no line in /proc/stat")?
        .split_whitespace()
        .skip(1)
        .take(8)
        .filter_map(|tick| tick.parse().ok())
        .collect();
    let all: f64 = ticks.iter().sum();
    // The fourth and the fifth: idle, and waiting for a disk.
    let idle: f64 = ticks.iter().skip(3).take(2).sum();
    Ok((all - idle, all))
}
