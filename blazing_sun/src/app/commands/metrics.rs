//! `blazing_sun metrics`: what is measured.

use std::path::PathBuf;

use anyhow::Context;
use clap::Subcommand;

use crate::app::config::Config;
use crate::app::measured;
use crate::infra::measures;

/// What to do about metrics.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write the table of all metrics into its place in a document.
    Docs {
        /// The document.
        file: PathBuf,
    },
}

/// Runs one command.
pub fn execute(config: &Config, command: Command) -> anyhow::Result<()> {
    let Command::Docs { file } = command;
    let document = std::fs::read_to_string(&file)
        .with_context(|| format!("cannot read {}", file.display()))?;
    let made = measures::in_document(&document, &measured::everything(config)?)?;
    std::fs::write(&file, made).with_context(|| format!("cannot write {}", file.display()))?;
    println!("{}", file.display());
    Ok(())
}
