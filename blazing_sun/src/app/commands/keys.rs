//! `blazing_sun keys`: what access tokens are signed with.

use chrono::{DateTime, Utc};
use clap::Subcommand;

use crate::accounts::{KeyState, Keyring};
use crate::app::wiring::Wiring;

/// What to do about signing keys.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the keys, the oldest first.
    List,
    /// Make another key, which signs in an hour; tokens that are signed already stay good.
    Rotate,
}

/// Runs one command.
pub async fn execute(wiring: &Wiring, command: Command) -> anyhow::Result<()> {
    let keyring = &wiring.accounts.keyring;
    if let Command::Rotate = command {
        keyring.rotate().await?;
    }
    print(keyring).await
}

async fn print(keyring: &Keyring) -> anyhow::Result<()> {
    for (key, state) in keyring.list().await? {
        println!(
            "{}  {:<8}  made {}  signs from {}  expires {}",
            key.kid,
            word(state),
            time(key.times.created_at),
            time(key.times.signs_from),
            key.times.expires_at.map_or_else(|| "-".to_owned(), time),
        );
    }
    Ok(())
}

fn word(state: KeyState) -> &'static str {
    match state {
        KeyState::Coming => "coming",
        KeyState::Signing => "signing",
        KeyState::Retired => "retired",
        KeyState::Expired => "expired",
    }
}

fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}
