//! The jobs that make exports, purge them, and erase accounts.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::accounts::account::Account;
use crate::accounts::data::collect::{CollectError, collect};
use crate::accounts::data::erase::erase_account;
use crate::accounts::data::export::SHELF;
use crate::accounts::data::mails::ExportReady;
use crate::accounts::data::repo;
use crate::accounts::sessions::{self, Sessions};
use crate::flow::job::{Job, JobError, Run};
use crate::flow::outbox;
use crate::flow::personal_data::Held;
use crate::infra::blobs::Blobs;
use crate::kernel::id::Id;
use crate::mail::SendEmail;

/// What these jobs need.
#[derive(Clone)]
pub struct DataTools {
    /// Everything that is held about people.
    pub held: Held,
    /// Where the files of exports lie.
    pub blobs: Blobs,
    /// Who is signed in.
    pub sessions: Sessions,
}

/// Makes an export.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ExportAccount {
    /// The export.
    pub export_id: Uuid,
}

#[async_trait]
impl Job for ExportAccount {
    const NAME: &'static str = "export_account";
    const SUMMARY: &'static str =
        "Collects all that is held about somebody in a file for them, and tells them by mail.";
    const PRIORITY: i16 = 2;
    const TIMEOUT: Duration = Duration::from_secs(300);

    type Tools = DataTools;

    async fn run(&self, tools: &DataTools, run: &mut Run) -> Result<(), JobError> {
        let id = self.export_id;
        let waiting = repo::waiting(run.ctx().pool(), id).await?;
        if let Some(account) = waiting {
            let content = collect(run.ctx(), &tools.held, account.uuid()).await?;
            let size = tools.blobs.put(&SHELF, id, content).await?;
            let size = i64::try_from(size).unwrap_or(i64::MAX);
            let tx = run.tx().await?;
            if repo::set_ready(tx, id, size).await? {
                let mail = ExportReady {
                    user_id: account,
                    export_id: id,
                };
                let mail = SendEmail::of(&mail)
                    .map_err(|error| JobError::Discard(format!("export_ready: {error}")))?;
                outbox::enqueue(tx, &mail).await?;
                return Ok(());
            }
        }
        // Ready before, or gone with its account or for another one, perhaps in the last moment: then no file may stay.
        if !repo::exists(run.ctx().pool(), id).await? {
            tools.blobs.delete(&SHELF, id).await?;
        }
        Ok(())
    }
}

impl From<CollectError> for JobError {
    fn from(error: CollectError) -> Self {
        match error {
            CollectError::Database(error) => error.into(),
            CollectError::Form(error) => Self::Retry(error.to_string()),
        }
    }
}

/// Deletes exports that nobody can download any more.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct PurgeExports {}

#[async_trait]
impl Job for PurgeExports {
    const NAME: &'static str = "purge_exports";
    const SUMMARY: &'static str =
        "Deletes exports that have expired, and files that belong to none.";
    const PRIORITY: i16 = 0;
    const TIMEOUT: Duration = Duration::from_secs(600);

    type Tools = DataTools;

    async fn run(&self, tools: &DataTools, run: &mut Run) -> Result<(), JobError> {
        let ctx = run.ctx().clone();
        let blobs = &tools.blobs;
        // The file first: a row without a file is purged again, a file without a row would have to be found.
        for id in repo::expired(ctx.pool(), ctx.now()).await? {
            blobs.delete(&SHELF, id).await?;
            repo::delete(ctx.pool(), id).await?;
        }
        // Found it is all the same: a job that dies can leave one. Rows come before their files, so the files are listed
        // first.
        let found = blobs.list(&SHELF).await?;
        let known: BTreeSet<Uuid> = repo::known(ctx.pool(), &found).await?.into_iter().collect();
        for id in found.into_iter().filter(|id| !known.contains(id)) {
            blobs.delete(&SHELF, id).await?;
        }
        Ok(())
    }
}

/// Finds the accounts that are due to be erased.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct EraseAccounts {}

#[async_trait]
impl Job for EraseAccounts {
    const NAME: &'static str = "erase_accounts";
    const SUMMARY: &'static str =
        "Sets off the erasure of every account whose time of grace is over.";
    const PRIORITY: i16 = 1;

    type Tools = ();

    async fn run(&self, _tools: &(), run: &mut Run) -> Result<(), JobError> {
        let ctx = run.ctx().clone();
        let due = repo::due(ctx.pool(), ctx.now()).await?;
        let tx = run.tx().await?;
        for user_id in due {
            outbox::enqueue(tx, &EraseAccount { user_id }).await?;
        }
        Ok(())
    }
}

/// Erases an account, unless its owner has changed their mind.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct EraseAccount {
    /// The account.
    pub user_id: Id<Account>,
}

#[async_trait]
impl Job for EraseAccount {
    const NAME: &'static str = "erase_account";
    const SUMMARY: &'static str =
        "Erases an account and all that is held about its owner, if it is still due.";
    const PRIORITY: i16 = 1;

    type Tools = DataTools;

    async fn run(&self, tools: &DataTools, run: &mut Run) -> Result<(), JobError> {
        // The sessions go with the account, and nobody knows their keys then. To a session that stays this does no harm.
        let keys = sessions::keys(run.ctx().pool(), self.user_id).await?;
        tools.sessions.forget(&keys).await;
        let gone = erase_account(run.tx().await?, &tools.held, self.user_id).await?;
        if !gone {
            tracing::info!(user.id = %self.user_id, "the account is not due to be erased");
        }
        Ok(())
    }
}
