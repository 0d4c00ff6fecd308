//! The commands, and the exit codes they end with.

use std::fmt::Display;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};

use crate::app::application::Application;
use crate::app::config::{Config, Problem, Sources};
use crate::app::{doctor, healthcheck, logging, signals};
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
    /// Wait for PostgreSQL, apply the migrations and serve.
    Run,
    /// Apply the migrations and say which.
    Migrate,
    /// Show the configuration, ask every service, and say what to do.
    Doctor,
    /// Ask the application on this host whether it is ready.
    Health,
}

/// Runs one command.
pub async fn execute(cli: Cli) -> ExitCode {
    match cli.command {
        Command::Run => with_config(run).await,
        Command::Migrate => with_config(migrate).await,
        Command::Doctor => doctor().await,
        Command::Health => health().await,
    }
}

async fn run(config: Config) -> anyhow::Result<()> {
    logging::start(&config.logs);
    let ending = signals::ending()?;
    tokio::pin!(ending);
    let application = tokio::select! {
        started = Application::start(config, Arc::new(SystemClock)) => started?,
        () = &mut ending => return Ok(()),
    };
    application.run_until(ending).await
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
