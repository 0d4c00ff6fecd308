//! The job that marks as reconciled what a passed check covers.

use async_trait::async_trait;
use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::flow::job::{Job, JobError, Run};
use crate::flow::outbox;
use crate::ledger::checks::repo;
use crate::ledger::transactions::{self, Status, Transaction};

/// How many transactions are marked in one transaction of the database.
const STEP: i64 = 100;

/// Marks what is cleared in a wallet up to the day of a check.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReconcileEntries {
    /// The check.
    pub check_id: Uuid,
    /// What lies before this day was marked already.
    pub from: Option<NaiveDate>,
}

#[async_trait]
impl Job for ReconcileEntries {
    const NAME: &'static str = "reconcile_entries";
    const SUMMARY: &'static str =
        "Marks as reconciled what is cleared in a wallet up to the day of a check that passed.";
    const PRIORITY: i16 = 5;

    type Tools = ();

    async fn run(&self, _tools: &(), run: &mut Run) -> Result<(), JobError> {
        let tx = run.tx().await?;
        // Deleted meanwhile, with its wallet or by its owner.
        let Some((check, owner)) = repo::of_job(tx, self.check_id).await? else {
            return Ok(());
        };
        let wallet = check.wallet_id;
        let cleared = repo::lock_cleared(tx, wallet, self.from, check.date, STEP).await?;
        let ids: Vec<Uuid> = cleared.iter().map(|cleared| cleared.id).collect();
        let all = transactions::repo::find_all(tx, owner, &ids).await?;
        repo::reconcile(tx, wallet, &ids).await?;
        for before in all {
            let after = reconciled(&before, wallet);
            outbox::emit(tx, &after.updated(&before)).await?;
        }
        if ids.len() >= usize::try_from(STEP).unwrap_or_default() {
            let next = Self {
                check_id: self.check_id,
                from: cleared.iter().map(|cleared| cleared.date).max(),
            };
            outbox::enqueue(tx, &next).await?;
        }
        Ok(())
    }
}

/// What a transaction is when what is cleared of it in a wallet is reconciled.
fn reconciled(before: &Transaction, wallet: Uuid) -> Transaction {
    let mut after = before.clone();
    after.version += 1;
    for entry in &mut after.entries {
        if entry.wallet_id == wallet && entry.status == Status::Cleared {
            entry.status = Status::Reconciled;
        }
    }
    after
}
