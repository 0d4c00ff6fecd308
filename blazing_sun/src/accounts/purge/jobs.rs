//! The job `purge_accounts`: what accounts need not remember any longer.

use async_trait::async_trait;
use chrono::TimeDelta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::accounts::data::{DataTools, erase};
use crate::accounts::purge::repo;
use crate::flow::job::{Job, JobError, Run};
use crate::flow::outbox;

/// How long an account may wait to be activated.
const PENDING: TimeDelta = TimeDelta::days(30);
/// The most accounts that one run removes, since they leave in one transaction; another run goes on.
const MAX_REMOVED: i64 = 100;

/// Deletes what has expired.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct PurgeAccounts {}

#[async_trait]
impl Job for PurgeAccounts {
    const NAME: &'static str = "purge_accounts";
    const SUMMARY: &'static str = "Deletes sessions, links and tokens that have expired, and accounts and invitations that were never taken up.";
    const PRIORITY: i16 = 0;
    const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(600);

    type Tools = DataTools;

    async fn run(&self, tools: &DataTools, run: &mut Run) -> Result<(), JobError> {
        let ctx = run.ctx().clone();
        let now = ctx.now();
        repo::delete_expired(ctx.pool(), now, now - tools.sessions.settings().idle).await?;
        let tx = run.tx().await?;
        // They never signed in, so no session of theirs is cached.
        let forgotten = repo::lock_pending(tx, now - PENDING, MAX_REMOVED).await?;
        let may_be_more = i64::try_from(forgotten.len()) == Ok(MAX_REMOVED);
        for (account, version) in forgotten {
            erase(tx, &tools.held, account, version).await?;
        }
        if may_be_more {
            outbox::enqueue(tx, &Self {}).await?;
        }
        Ok(())
    }
}
