//! `blazing_sun logs`: from which level on modules are logged, in every process that runs.

use clap::Subcommand;

use crate::app::wiring::Wiring;
use crate::flow::ctx::Cause;
use crate::monitor::log_levels::{
    self, Level, LogLevel, Minutes, Module, SetLevelError, reset_level, set_level,
};

/// What to do about logs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Have a module logged from another level on, for a while.
    Level {
        /// Its path in Rust, such as `sqlx::query`; those below it are meant too.
        module: String,
        /// The level.
        #[arg(value_parser = LEVELS)]
        level: String,
        /// For how many minutes, at most a day.
        #[arg(long, default_value_t = log_levels::DEFAULT_MINUTES)]
        minutes: i64,
    },
    /// List the modules that are logged otherwise than configured.
    List,
    /// Have a module, or all of them, logged as configured again.
    Reset {
        /// Its path.
        module: Option<String>,
    },
}

const LEVELS: [&str; 5] = {
    let all = Level::ALL;
    [
        all[0].name(),
        all[1].name(),
        all[2].name(),
        all[3].name(),
        all[4].name(),
    ]
};

/// Runs one command.
pub async fn execute(wiring: &Wiring, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Level {
            module,
            level,
            minutes,
        } => {
            let (module, level) = (parse(&module)?, level.parse()?);
            let minutes = Minutes::new(Some(minutes))
                .map_err(|error| anyhow::anyhow!("--minutes {error}"))?;
            let mut tx = wiring.ctx.begin(Cause::new("operator")).await?;
            let set = set_level(&mut tx, &module, level, minutes).await?;
            tx.commit().await?;
            println!("{}", line(&set));
        }
        Command::List => {
            for set in current(wiring).await? {
                println!("{}", line(&set));
            }
        }
        Command::Reset {
            module: Some(module),
        } => reset(wiring, &parse(&module)?).await?,
        Command::Reset { module: None } => {
            for set in current(wiring).await? {
                match reset(wiring, &parse(&set.module)?).await {
                    // Somebody else was quicker, or its time is over.
                    Ok(()) | Err(SetLevelError::NotSet) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
    Ok(())
}

async fn current(wiring: &Wiring) -> sqlx::Result<Vec<LogLevel>> {
    log_levels::current(wiring.ctx.pool(), wiring.ctx.now()).await
}

async fn reset(wiring: &Wiring, module: &Module) -> Result<(), SetLevelError> {
    let mut tx = wiring.ctx.begin(Cause::new("operator")).await?;
    reset_level(&mut tx, module).await?;
    tx.commit().await?;
    println!("{} is logged as configured", module.as_str());
    Ok(())
}

fn parse(module: &str) -> anyhow::Result<Module> {
    module
        .parse()
        .map_err(|error| anyhow::anyhow!("{module:?} {error}"))
}

fn line(set: &LogLevel) -> String {
    let until = set.until.format("%Y-%m-%dT%H:%M:%SZ");
    format!("{}  {:<5}  until {until}", set.module, set.level)
}
