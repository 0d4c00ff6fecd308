//! A relay that leads and is stepped by hand.

use blazing_sun::flow::lease::Term;
use blazing_sun::flow::relay::{Relay, Step};

use super::soon;

/// A relay with its term.
pub struct Relaying {
    relay: Relay,
    term: Term,
}

impl Relaying {
    /// Takes the lease, which must be free.
    pub async fn lead(relay: Relay) -> Self {
        let term = relay
            .take_lease()
            .await
            .expect("PostgreSQL")
            .expect("nobody else who leads");
        Self { relay, term }
    }

    /// One step of each pump: what became of the events, and of the jobs.
    pub async fn once(&mut self) -> (Step, Step) {
        self.try_once().await.expect("a step of the relay")
    }

    /// The same, if it may fail.
    pub async fn try_once(&mut self) -> anyhow::Result<(Step, Step)> {
        soon("a step of the relay", self.relay.once(self.term)).await
    }

    /// Steps until there is nothing left to carry.
    pub async fn carry_all(&mut self) {
        while self.once().await != (Step::Carried(0), Step::Carried(0)) {}
    }
}
