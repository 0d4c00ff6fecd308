//! The jobs that make what is due.

use async_trait::async_trait;
use chrono::TimeDelta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::flow::job::{Job, JobError, Run};
use crate::flow::outbox;
use crate::ledger::recurring::make_due::{Made, MakeDueError, make_due};
use crate::ledger::recurring::repo;

/// How many are set off in one run.
const PAGE: i64 = 500;
/// It is no later anywhere: on the Line Islands the day begins 14 hours before it does in UTC.
const FIRST_ZONE: TimeDelta = TimeDelta::hours(14);

/// Finds what may be due.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct MakeRecurring {
    /// Those up to this one were found before.
    pub after: Option<Uuid>,
}

#[async_trait]
impl Job for MakeRecurring {
    const NAME: &'static str = "make_recurring";
    const SUMMARY: &'static str =
        "Finds the recurring transactions of which one is due, and has each of them made.";
    const PRIORITY: i16 = 3;

    type Tools = ();

    async fn run(&self, _tools: &(), run: &mut Run) -> Result<(), JobError> {
        let ctx = run.ctx().clone();
        let latest = (ctx.now() + FIRST_ZONE).date_naive();
        let due = repo::due(ctx.pool(), latest, self.after, PAGE).await?;
        let tx = run.tx().await?;
        for recurring_id in &due {
            let recurring_id = *recurring_id;
            outbox::enqueue(tx, &MakeOccurrences { recurring_id }).await?;
        }
        if due.len() >= usize::try_from(PAGE).unwrap_or_default() {
            let after = due.last().copied();
            outbox::enqueue(tx, &Self { after }).await?;
        }
        Ok(())
    }
}

/// Makes what is due of one, some days at a time.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct MakeOccurrences {
    /// Which one.
    pub recurring_id: Uuid,
}

#[async_trait]
impl Job for MakeOccurrences {
    const NAME: &'static str = "make_occurrences";
    const SUMMARY: &'static str = "Makes what is due of a recurring transaction: each day once.";
    const PRIORITY: i16 = 3;

    type Tools = ();

    async fn run(&self, _tools: &(), run: &mut Run) -> Result<(), JobError> {
        let tx = run.tx().await?;
        let Some(found) = repo::lock(tx, None, self.recurring_id.into()).await? else {
            return Ok(());
        };
        if found.recurring.paused_at.is_some() {
            return Ok(());
        }
        let today = found.time_zone.date(tx.now());
        let mut recurring = found.recurring;
        if make_due(tx, found.owner, &mut recurring, today).await? == Made::More {
            let recurring_id = self.recurring_id;
            outbox::enqueue(tx, &Self { recurring_id }).await?;
        }
        Ok(())
    }
}

impl From<MakeDueError> for JobError {
    fn from(error: MakeDueError) -> Self {
        match error {
            MakeDueError::Unreadable(error) => Self::Discard(error.to_string()),
            MakeDueError::Refused(error) => error.into(),
            MakeDueError::Database(error) => error.into(),
        }
    }
}
