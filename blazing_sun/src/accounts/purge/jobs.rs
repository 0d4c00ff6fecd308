//! The job `purge_accounts`: what accounts need not remember any longer.

use async_trait::async_trait;
use chrono::TimeDelta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::accounts::events::UserDeleted;
use crate::accounts::purge::repo;
use crate::accounts::sessions::SessionSettings;
use crate::flow::job::{Job, JobError, Run};
use crate::flow::outbox;

/// How long an account may wait to be activated.
const PENDING: TimeDelta = TimeDelta::days(30);
/// The most accounts that one run removes, since they leave in one transaction; another run goes on.
const MAX_REMOVED: i64 = 500;

/// Deletes what has expired.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct PurgeAccounts {}

#[async_trait]
impl Job for PurgeAccounts {
    const NAME: &'static str = "purge_accounts";
    const SUMMARY: &'static str = "Deletes sessions, links and tokens that have expired, and accounts and invitations that were never taken up.";
    const PRIORITY: i16 = 0;
    const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(600);

    type Tools = SessionSettings;

    async fn run(&self, settings: &SessionSettings, run: &mut Run) -> Result<(), JobError> {
        let ctx = run.ctx().clone();
        let now = ctx.now();
        repo::delete_expired(ctx.pool(), now, now - settings.idle).await?;
        let tx = run.tx().await?;
        let removed = repo::remove_pending(tx, now - PENDING, MAX_REMOVED).await?;
        let may_be_more = i64::try_from(removed.len()) == Ok(MAX_REMOVED);
        for (user_id, version) in removed {
            outbox::emit(tx, &UserDeleted { user_id, version }).await?;
        }
        if may_be_more {
            outbox::enqueue(tx, &Self {}).await?;
        }
        Ok(())
    }
}
