//! The commands, and the exit codes they end with.

mod events;
mod jobs;
mod keys;
mod logs;
mod metrics;
mod schedule;
mod seed;
mod user;
mod verify;

use std::fmt::Display;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand, ValueEnum};

use crate::app::application::Application;
use crate::app::config::{Config, Problem, Sources};
use crate::app::roles::Role;
use crate::app::wiring::Wiring;
use crate::app::{doctor, healthcheck, logging, signals};
use crate::flow::{asyncapi, faults};
use crate::infra::measures::Measures;
use crate::infra::{migrations, postgres};
use crate::kernel::clock::SystemClock;

/// The exit code of a configuration that cannot be used.
const BAD_CONFIGURATION: u8 = 2;

/// Blazing Sun: settings come from config/default.toml, .env, the environment and NAME_FILE.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Wait for PostgreSQL, apply the migrations and do the application's work.
    Run {
        /// Do only these parts, separated by commas.
        #[arg(long, value_delimiter = ',', value_enum)]
        only: Vec<Role>,
    },
    /// Apply the migrations and say which.
    Migrate,
    /// Make a demo account with two years of transactions, in development.
    Seed(seed::Options),
    /// Show the configuration, ask every service, and say what to do.
    Doctor,
    /// Ask the application on this host whether it is ready.
    Health,
    /// Look at accounts, open them, and say what their owners may do.
    User {
        #[command(subcommand)]
        command: user::Command,
    },
    /// Look at events, and deal with those that could not be taken.
    Events {
        #[command(subcommand)]
        command: events::Command,
    },
    /// Look at jobs, and deal with those that failed.
    Jobs {
        #[command(subcommand)]
        command: jobs::Command,
    },
    /// Look at the keys that sign access tokens, and make another.
    Keys {
        #[command(subcommand)]
        command: keys::Command,
    },
    /// Look at the levels from which modules are logged, and change them in every process that runs.
    Logs {
        #[command(subcommand)]
        command: logs::Command,
    },
    /// Look at what happens by the clock.
    Schedule {
        #[command(subcommand)]
        command: schedule::Command,
    },
    /// Look at what is measured.
    Metrics {
        #[command(subcommand)]
        command: metrics::Command,
    },
    /// Print the AsyncAPI document of all events and jobs.
    Asyncapi,
}

/// Runs one command.
pub async fn execute(cli: Cli) -> ExitCode {
    match cli.command {
        Command::Run { only } => with_config(|config| run(config, only)).await,
        Command::Migrate => with_config(migrate).await,
        Command::Seed(options) => {
            with_wiring(async |wiring| seed::execute(wiring, options).await).await
        }
        Command::Doctor => doctor().await,
        Command::Health => health().await,
        Command::User { command } => {
            with_wiring(async |wiring| user::execute(wiring, command).await).await
        }
        Command::Events { command } => {
            with_wiring(async |wiring| events::execute(wiring, command).await).await
        }
        Command::Jobs { command } => {
            with_wiring(async |wiring| jobs::execute(wiring, command).await).await
        }
        Command::Keys { command } => {
            with_wiring(async |wiring| keys::execute(wiring, command).await).await
        }
        Command::Logs { command } => {
            with_wiring(async |wiring| logs::execute(wiring, command).await).await
        }
        Command::Schedule { command } => {
            with_wiring(async |wiring| schedule::execute(wiring, command).await).await
        }
        Command::Metrics { command } => {
            with_config(async |config| metrics::execute(&config, command)).await
        }
        Command::Asyncapi => {
            with_wiring(async |wiring| {
                println!("{:#}", asyncapi::document(&wiring.catalogue));
                Ok(())
            })
            .await
        }
    }
}

async fn run(config: Config, only: Vec<Role>) -> anyhow::Result<()> {
    let measures = Measures::default();
    let logging = logging::start(&config.logs, &config.traces, &measures)?;
    let _commands = faults::commands();
    let roles = if only.is_empty() {
        Role::value_variants()
    } else {
        &only
    };
    let ending = signals::ending()?;
    tokio::pin!(ending);
    let mut application = tokio::select! {
        started = Application::start(config, roles, Arc::new(SystemClock), measures) => started?,
        () = &mut ending => return Ok(()),
    };
    application.follow_log_levels(logging.levels());
    let outcome = application.run_until(ending).await;
    logging.end().await;
    outcome
}

async fn migrate(config: Config) -> anyhow::Result<()> {
    postgres::wait_until_up(&config.services.postgres, config.lifecycle.startup_timeout).await?;
    let pool = config.services.postgres.pool();
    let applied = migrations::apply(&pool).await?;
    for name in &applied {
        println!("applied {name}");
    }
    if applied.is_empty() {
        println!("nothing to apply");
    }
    pool.close().await;
    Ok(())
}

async fn doctor() -> ExitCode {
    match doctor::examine(Config::read(Sources::of_process())).await {
        Ok(diagnosis) => {
            print!("{}", diagnosis.text);
            if diagnosis.healthy {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => failure(format!("{error:#}")),
    }
}

async fn health() -> ExitCode {
    // Never 2, which Docker keeps for itself.
    let port = match Config::read_port(Sources::of_process()) {
        Ok(port) => port,
        Err(problems) => return complain(problems, ExitCode::FAILURE),
    };
    match healthcheck::ask(port).await {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(error) => failure(format!("{error:#}")),
    }
}

/// Runs a command that works on the spine, without starting anything.
async fn with_wiring(command: impl AsyncFnOnce(&Wiring) -> anyhow::Result<()>) -> ExitCode {
    with_config(async |config| {
        let wiring = Wiring::new(&config, Arc::new(SystemClock), &Measures::default())?;
        let outcome = command(&wiring).await;
        wiring.services.close().await;
        outcome
    })
    .await
}

async fn with_config<F: Future<Output = anyhow::Result<()>>>(
    command: impl FnOnce(Config) -> F,
) -> ExitCode {
    match Config::read(Sources::of_process()).config {
        Ok(config) => match command(config).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failure(format!("{error:#}")),
        },
        Err(problems) => complain(problems, ExitCode::from(BAD_CONFIGURATION)),
    }
}

fn complain(problems: Vec<Problem>, code: ExitCode) -> ExitCode {
    for problem in problems {
        eprintln!("blazing_sun: {problem}");
    }
    code
}

fn failure(reason: impl Display) -> ExitCode {
    eprintln!("blazing_sun: {reason}");
    ExitCode::FAILURE
}
