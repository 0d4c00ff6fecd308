//! Where a fault run (`stack/chaos`) may reach in: points at which a task stands still on command, and mistakes that the
//! process makes on command, so that a test can see them found. Only a build with the feature `chaos` has any of it; in
//! every other build these functions are empty and what stands behind a mistake is compiled away.
//!
//! Commands come in the environment, as the crate `fail` reads them: `FAILPOINTS=relay.events.sent=7*off->1*return`.

/// A mistake that somebody might make, and that a fault run has to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// An event has its effect whether the inbox has it or not.
    SkipInbox,
    /// A job is acknowledged and done before it runs.
    AcknowledgeFirst,
    /// An event is written down apart from the transaction of its change.
    EmitApart,
    /// The relay goes on behind the highest number that it has seen.
    Watermark,
    /// A leader settles, and stays, without looking whether another one leads.
    IgnoreEpoch,
    /// A consumer moves on before the effects of what it has are committed.
    StoreFirst,
}

#[cfg(feature = "chaos")]
mod commanded {
    use std::path::Path;
    use std::time::Duration;

    use tokio::time::{Instant, sleep};

    use super::Mistake;

    /// Where a process that stands still says so, in a file with the point's name; it goes on when the file is gone.
    const FOLDER: &str = "/run/chaos";
    /// The file without which points do not count yet.
    const ARMED: &str = "armed";
    /// How long it stands still at most.
    const HOLD: Duration = Duration::from_secs(60);
    /// How often it looks whether it may go on.
    const LOOK: Duration = Duration::from_millis(10);

    /// Reads the commands; to be kept as long as they count.
    #[must_use]
    pub fn commands() -> fail::FailScenario<'static> {
        let scenario = fail::FailScenario::setup();
        for (name, command) in fail::list() {
            tracing::warn!(
                fault.name = name,
                fault.command = command,
                "a build for fault runs"
            );
        }
        scenario
    }

    /// A point that a task may be told to stand still at, until whoever told it has done something: killed the process, cut a
    /// connection.
    pub async fn point(name: &str) {
        if Path::new(FOLDER).join(ARMED).exists() && told(name).is_some() {
            hold(name).await;
        }
    }

    /// Whether the mistake is to be made.
    #[must_use]
    pub fn makes(mistake: Mistake) -> bool {
        told(match mistake {
            Mistake::SkipInbox => "mistake.skip-inbox",
            Mistake::AcknowledgeFirst => "mistake.acknowledge-first",
            Mistake::EmitApart => "mistake.emit-apart",
            Mistake::Watermark => "mistake.watermark",
            Mistake::IgnoreEpoch => "mistake.ignore-epoch",
            Mistake::StoreFirst => "mistake.store-first",
        })
        .is_some()
    }

    fn told(name: &str) -> Option<String> {
        fail::fail_point!(name, |command| command.or(Some(String::new())));
        None
    }

    async fn hold(name: &str) {
        let file = Path::new(FOLDER).join(name);
        if let Err(error) = std::fs::write(&file, "") {
            tracing::error!(fault.name = name, error = %error, "nobody can be told that a point was reached");
            return;
        }
        let began = Instant::now();
        while file.exists() && began.elapsed() < HOLD {
            sleep(LOOK).await;
        }
    }
}

#[cfg(not(feature = "chaos"))]
mod commanded {
    use super::Mistake;

    /// No commands.
    pub struct Commands;

    /// Nothing can be commanded in this build.
    #[must_use]
    pub const fn commands() -> Commands {
        Commands
    }

    /// Nothing happens in this build.
    pub async fn point(_name: &str) {}

    /// Never in this build.
    #[must_use]
    pub const fn makes(_mistake: Mistake) -> bool {
        false
    }
}

pub use commanded::{commands, makes, point};
