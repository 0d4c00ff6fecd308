//! The binary: parses the command line and leaves the rest to `app::commands`.

use std::process::ExitCode;

use blazing_sun::app::commands::{self, Cli};
use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    commands::execute(Cli::parse()).await
}
