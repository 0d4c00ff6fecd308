//! Requests that open accounts, against the application as a process of its own, and the memory it takes.
//!
//! Hashing the password is meant to be slow, so it is measured at the configured cost beside hashing alone, and at the
//! least cost beside a bare loop with the same statements.

use std::fs;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Params, Version};
use blazing_sun::accounts::HashSettings;
use blazing_sun::kernel::id;
use serde_json::Value;
use sqlx::PgPool;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::http::Client;
use crate::report::{Report, Series};
use crate::rounds::{Sizes, WARM, repeat};
use crate::telemetry::Telling;
use crate::world::World;

/// Connections that ask, each again as soon as it is answered.
const CLIENTS: usize = 16;
/// The rounds, at most.
const ROUNDS: usize = 3;
/// The least that argon2 takes.
pub const CHEAP: HashSettings = HashSettings {
    memory_kib: 8,
    iterations: 1,
    concurrency: 4,
    queue: 64,
};
/// How long the application may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Measures each kind in turn.
pub async fn measure(world: &World, sizes: &Sizes, report: &mut Report) -> anyhow::Result<()> {
    eprintln!("sign-up");
    let cost = &world.config.accounts.passwords;
    let configured = format!("{} KiB x {}", cost.memory_kib, cost.iterations);
    let mut whole = Series::new(format!("sign-up, argon2 at {configured}"), "requests/s");
    let mut hashes = Series::new(format!("argon2 alone at {configured}"), "hashes/s");
    let mut cheap = Series::new("sign-up, argon2 at 8 KiB x 1", "requests/s");
    let mut http = Series::new("the same, only http", "requests/s");
    let mut bare = Series::new("bare sign-up statements", "transactions/s");
    let mut idle = Series::new("resident, after the start", "MiB");
    let mut peak = Series::new(format!("resident at most, {configured}"), "MiB");
    let telling = Telling::log();
    let mut cheap_peak = Series::new("resident at most, 8 KiB x 1", "MiB");
    for _ in 0..sizes.rounds.min(ROUNDS) {
        let run = ask(world, cost, None, &telling, sizes.seconds).await?;
        whole.push(run.rate);
        idle.push(run.idle);
        peak.push(run.peak);
        hashes.push(hash(cost.clone(), sizes.seconds).await?);
        let run = ask(world, &CHEAP, None, &telling, sizes.seconds).await?;
        cheap.push(run.rate);
        cheap_peak.push(run.peak);
        let run = ask(world, &CHEAP, Some("http"), &telling, sizes.seconds).await?;
        http.push(run.rate);
        bare.push(write(world, sizes.seconds).await?);
    }
    report.compare(&whole, &[&hashes]);
    report.figure(&hashes);
    report.compare(&cheap, &[&bare]);
    report.compare(&http, &[&bare]);
    report.figure(&bare);
    report.figure(&idle);
    report.figure(&peak);
    report.figure(&cheap_peak);
    Ok(())
}

/// What one run of the application showed.
pub struct Asked {
    /// Requests a second.
    pub rate: f64,
    idle: f64,
    peak: f64,
}

/// Runs the application and signs up as fast as it answers. Mails are written to a folder.
pub async fn ask(
    world: &World,
    cost: &HashSettings,
    only: Option<&str>,
    telling: &Telling,
    seconds: u64,
) -> anyhow::Result<Asked> {
    clear(world).await?;
    let directory = TempDir::new()?;
    let (mut child, address) = start(world, cost, only, telling, &directory).await?;
    let id = child.id().context("it has ended")?;
    sleep(WARM).await;
    let idle = memory(id, "VmRSS")?;
    let mut clients = Vec::with_capacity(CLIENTS);
    for _ in 0..CLIENTS {
        clients.push(Client::connect(&address).await?);
    }
    let scraper = telling.scraper(&address);
    let rate = repeat(seconds, clients, async |client| {
        let name = id::new().simple();
        let body = format!(r#"{{"email":"{name}@example.com","password":"correct horse"}}"#);
        let status = client.post("/api/v1/auth/sign-up", &body).await?;
        ensure!(status == 202, "status {status}");
        Ok(())
    })
    .await;
    drop(scraper);
    let peak = memory(id, "VmHWM")?;
    end(&mut child, id).await?;
    Ok(Asked {
        rate: rate?,
        idle,
        peak,
    })
}

/// Starts the application as a process of its own; everything may be tried as often as the bench likes.
pub async fn start(
    world: &World,
    cost: &HashSettings,
    only: Option<&str>,
    telling: &Telling,
    directory: &TempDir,
) -> anyhow::Result<(Child, String)> {
    let name = world.name();
    let mut command = Command::new(env!("CARGO_BIN_EXE_blazing_sun"));
    command.arg("run");
    if let Some(only) = only {
        command.args(["--only", only]);
    }
    let mut child = command
        .env("POSTGRES_DB", name)
        .env("RABBITMQ_VHOST", name)
        .env("KAFKA_PREFIX", format!("{name}."))
        .env("REDIS_PREFIX", format!("{name}."))
        .env("THROTTLE_FACTOR", "1000000")
        .env("APP_KEY", "a key of the bench, which nobody keeps")
        .env("BIND_ADDRESS", "127.0.0.1")
        .env("PORT", "0")
        .env("DRAIN_SECONDS", "0")
        .env("LOG_FORMAT", "json")
        .envs(telling.environment.iter().cloned())
        .env("MAIL_MAILER", "log")
        .env("MAIL_FOLDER", directory.path())
        .env("ARGON2_MEMORY_KIB", cost.memory_kib.to_string())
        .env("ARGON2_ITERATIONS", cost.iterations.to_string())
        .env("ARGON2_CONCURRENCY", cost.concurrency.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
    let listening = async {
        while let Some(line) = lines.next_line().await? {
            let line: Value = serde_json::from_str(&line)?;
            if line["message"] == "listening" {
                return line["http.address"]
                    .as_str()
                    .map(str::to_owned)
                    .context("no address");
            }
        }
        bail!("the application has ended")
    };
    let address = timeout(PATIENCE, listening).await??;
    // What it logs from here on is read, so that it does not wait, and thrown away.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok((child, address))
}

/// Ends it gracefully.
pub async fn end(child: &mut Child, id: u32) -> anyhow::Result<()> {
    // The shell's own: not every system has a program of that name.
    let kill = format!("kill -TERM {id}");
    Command::new("sh").args(["-c", &kill]).status().await?;
    let ended = timeout(PATIENCE, child.wait()).await??;
    ensure!(ended.success(), "the application ended with {ended}");
    Ok(())
}

/// The hashes that the application could make if it did nothing else.
async fn hash(cost: HashSettings, seconds: u64) -> anyhow::Result<f64> {
    let params = Params::new(cost.memory_kib, cost.iterations, 1, None)
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    let done = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let until = started + Duration::from_secs(seconds);
    let mut hashing = JoinSet::new();
    for _ in 0..cost.concurrency {
        let (done, argon2) = (
            Arc::clone(&done),
            Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone()),
        );
        hashing.spawn_blocking(move || {
            while Instant::now() < until {
                argon2
                    .hash_password(b"correct horse")
                    .map_err(|error| anyhow::anyhow!("{error}"))?;
                done.fetch_add(1, Ordering::Relaxed);
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = hashing.join_next().await {
        ended??;
    }
    Ok(done.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64())
}

/// The statements of a sign-up from as many clients, on a pool of the same size that tests no connection.
async fn write(world: &World, seconds: u64) -> anyhow::Result<f64> {
    clear(world).await?;
    let pool = world.bare_pool().await?;
    let rate = repeat(seconds, vec![(); CLIENTS], async |()| {
        open_account(&pool).await
    })
    .await;
    pool.close().await;
    rate
}

async fn open_account(pool: &PgPool) -> anyhow::Result<()> {
    let (account, token) = (id::new(), id::new());
    let email = format!("{}@example.com", account.simple());
    let mut tx = pool.begin().await?;
    sqlx::query(
        "INSERT INTO users (id, email, email_key, password_hash, status, version, created_at)
         VALUES ($1, $2, $2, $3, 'pending', 1, now()) ON CONFLICT DO NOTHING",
    )
    .bind(account)
    .bind(&email)
    .bind("$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "INSERT INTO outbox (id, topic, key, type, body, size, emitted_at)
         VALUES ($1, 'user.events', $2, 'user.created.v1', $3, octet_length($3), now())",
    )
    .bind(id::new())
    .bind(account)
    .bind("{}".repeat(200))
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "INSERT INTO user_tokens (id, user_id, purpose, expires_at, created_at)
         VALUES ($1, $2, 'activation', now() + interval '1 day', now())",
    )
    .bind(token)
    .bind(account)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "INSERT INTO jobs (id, name, payload, priority, state, max_attempts, run_at, correlation_id, created_at)
         VALUES ($1, 'send_email', $2, 5, 'ready', 10, now(), $3, now())",
    )
    .bind(id::new())
    .bind(serde_json::json!({ "user_id": account, "token_id": token }))
    .bind(token.to_string())
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(())
}

/// A figure of a process in `/proc`, in MiB.
pub fn memory(process: u32, name: &str) -> anyhow::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status
        .lines()
        .find(|line| line.starts_with(name))
        .context("no such figure")?;
    let kib: f64 = line
        .split_whitespace()
        .nth(1)
        .context("no number")?
        .parse()?;
    Ok(kib / 1024.0)
}

async fn clear(world: &World) -> anyhow::Result<()> {
    let pool = world.config.services.postgres.pool();
    sqlx::raw_sql(
        "TRUNCATE users, user_tokens, outbox, event_log, jobs, inbox, audit_log, dead_letters CASCADE",
    )
    .execute(&pool)
    .await?;
    pool.close().await;
    Ok(())
}
