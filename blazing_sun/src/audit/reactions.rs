//! The consumer `audit`.

use async_trait::async_trait;

use crate::audit::repo;
use crate::flow::ctx::Tx;
use crate::flow::event::{CloudEvent, Topic};
use crate::flow::reaction::{Reaction, Wanted};

/// Writes every event of its topics to the audit log.
pub struct Audit {
    topics: &'static [Topic],
}

impl Audit {
    /// The audit of these topics.
    #[must_use]
    pub fn new(topics: &'static [Topic]) -> Self {
        Self { topics }
    }
}

#[async_trait]
impl Reaction for Audit {
    fn consumer(&self) -> &'static str {
        "audit"
    }

    fn summary(&self) -> &'static str {
        "Writes every event to the audit log."
    }

    fn topics(&self) -> &'static [Topic] {
        self.topics
    }

    fn wanted(&self) -> Wanted {
        Wanted::Everything
    }

    async fn react(&self, tx: &mut Tx, event: &CloudEvent) -> anyhow::Result<()> {
        repo::insert(tx, event).await?;
        Ok(())
    }
}
