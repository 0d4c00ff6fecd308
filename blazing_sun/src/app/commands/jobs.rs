//! `blazing_sun jobs`: what waits, what failed, and what to do about it.

use anyhow::{Context, bail};
use clap::Subcommand;
use uuid::Uuid;

use crate::app::wiring::Wiring;
use crate::flow::jobs::{self, Listed};

/// What to do about jobs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Count jobs by name and state.
    Stats,
    /// List jobs, the newest first.
    List {
        /// Only in this state: ready, sent, running, done or failed.
        #[arg(long, value_parser = ["ready", "sent", "running", "done", "failed"])]
        state: Option<String>,
        /// Only of this name.
        #[arg(long)]
        name: Option<String>,
        /// How many at most.
        #[arg(long, default_value_t = 100)]
        limit: i64,
    },
    /// Show one with its payload and what became of each attempt.
    Show {
        /// Its id.
        id: Uuid,
    },
    /// Have a failed job tried again, with as many attempts as before.
    Retry {
        /// Its id.
        #[arg(required_unless_present = "all")]
        id: Option<Uuid>,
        /// All failed jobs.
        #[arg(long, conflicts_with = "id")]
        all: bool,
    },
    /// Give a waiting job up.
    Discard {
        /// Its id.
        id: Uuid,
    },
}

/// Runs one command.
pub async fn execute(wiring: &Wiring, command: Command) -> anyhow::Result<()> {
    let (pool, now) = (wiring.ctx.pool(), wiring.ctx.now());
    match command {
        Command::Stats => {
            for state in jobs::stats(pool).await? {
                println!(
                    "{:<24}  {:<8}  {:>8}  the oldest due {}",
                    state.name,
                    state.state,
                    state.count,
                    state.oldest.format("%Y-%m-%dT%H:%M:%SZ")
                );
            }
        }
        Command::List { state, name, limit } => {
            for job in jobs::list(pool, state.as_deref(), name.as_deref(), limit).await? {
                println!("{}", line(&job));
            }
        }
        Command::Show { id } => {
            let job = jobs::show(pool, id)
                .await?
                .with_context(|| format!("there is no job {id}"))?;
            println!("{}", serde_json::to_string_pretty(&job)?);
        }
        Command::Retry { id, .. } => {
            let retried = jobs::retry(pool, id, now).await?;
            if let Some(id) = id.filter(|_| retried == 0) {
                bail!("{id} is not a failed job");
            }
            println!("{retried} will be tried again");
        }
        Command::Discard { id } => {
            if !jobs::discard(pool, id, now).await? {
                bail!("{id} is not a job that waits");
            }
            println!("discarded {id}");
        }
    }
    Ok(())
}

fn line(job: &Listed) -> String {
    let error = job
        .history
        .as_array()
        .and_then(|history| history.last())
        .and_then(|last| last["error"].as_str())
        .unwrap_or_default();
    format!(
        "{}  {:<20}  {:<8}  attempt {}/{}  due {}  {error}",
        job.id,
        job.name,
        job.state,
        job.attempt,
        job.max_attempts,
        job.run_at.format("%Y-%m-%dT%H:%M:%SZ"),
    )
}
