//! `blazing_sun schedule`: what happens by the clock.

use anyhow::Context;
use chrono::{DateTime, Utc};
use clap::Subcommand;

use crate::app::wiring::Wiring;
use crate::flow::schedule;

/// What to do about schedules.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the schedules with their last and next times (UTC).
    List,
    /// Set the job of a schedule off now.
    Run {
        /// The schedule's name.
        name: String,
    },
}

/// Runs one command.
pub async fn execute(wiring: &Wiring, command: Command) -> anyhow::Result<()> {
    match command {
        Command::List => {
            for listed in schedule::list(wiring.ctx.pool(), &wiring.schedules).await? {
                println!(
                    "{:<24}  {:<16}  last {}  next {}",
                    listed.name,
                    listed.pattern,
                    time(listed.last_at),
                    time(listed.next_at)
                );
            }
        }
        Command::Run { name } => {
            let schedule = wiring
                .schedules
                .iter()
                .find(|schedule| schedule.name() == name)
                .with_context(|| {
                    format!("there is no schedule {name:?}; `schedule list` shows them")
                })?;
            let job = schedule::fire_now(&wiring.ctx, schedule).await?;
            println!("job {job}");
        }
    }
    Ok(())
}

fn time(at: Option<DateTime<Utc>>) -> String {
    at.map_or_else(
        || "-".to_owned(),
        |at| at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
    )
}
