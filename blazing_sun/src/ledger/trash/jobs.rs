//! The job `purge_trash`: what was deleted so long ago that it does not come back.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::flow::job::{Job, JobError, Run};
use crate::ledger::trash::{KEPT_FOR, repo};

/// The most rows that one statement deletes, so that no lock and no transaction is held for long.
const BATCH: i64 = 10_000;

/// Empties everybody's trash of what has been in it for long enough.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct PurgeTrash {}

#[async_trait]
impl Job for PurgeTrash {
    const NAME: &'static str = "purge_trash";
    const SUMMARY: &'static str = "Forgets transactions that were deleted 30 days ago.";
    const PRIORITY: i16 = 0;
    const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(600);

    type Tools = ();

    async fn run(&self, (): &(), run: &mut Run) -> Result<(), JobError> {
        let ctx = run.ctx().clone();
        let before = ctx.now() - KEPT_FOR;
        while repo::purge(ctx.pool(), before, BATCH).await? > 0 {}
        Ok(())
    }
}
