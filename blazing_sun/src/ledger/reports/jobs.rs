//! The job that has the reports of months written that have ended.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::flow::job::{Job, JobError, Run};
use crate::flow::outbox;
use crate::ledger::books;
use crate::ledger::reports::mails::MonthlyReport;
use crate::ledger::reports::plan::Plan;
use crate::mail::SendEmail;

/// How many books one job looks at.
const BATCH: usize = 200;

/// Looks for books whose month has ended, and has the report of it sent: once a book and month, since what was noted of a book
/// commits together with the mail's job.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct SendMonthlyReports {}

#[async_trait]
impl Job for SendMonthlyReports {
    const NAME: &'static str = "monthly_report";
    const SUMMARY: &'static str =
        "Has reports sent to the owners of books whose month has just ended.";
    const PRIORITY: i16 = 1;

    type Tools = ();

    async fn run(&self, _: &(), run: &mut Run) -> Result<(), JobError> {
        let now = run.ctx().now();
        let tx = run.tx().await?;
        let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
        let due = books::repo::lock_due(tx, now, limit).await?;
        let goes_on = due.len() == BATCH;
        for (book, reported) in due {
            let plan = Plan::of(&book, reported, now);
            books::repo::set_reported(tx, book.id, plan.reported, plan.due_at).await?;
            if let Some((from, to)) = plan.report.filter(|_| book.monthly_report) {
                let mail = MonthlyReport {
                    book_id: book.id.uuid(),
                    from,
                    to,
                };
                let mail = SendEmail::of(&mail)
                    .map_err(|error| JobError::Discard(format!("monthly_report: {error}")))?;
                outbox::enqueue(tx, &mail).await?;
            }
        }
        if goes_on {
            outbox::enqueue(tx, &Self {}).await?;
        }
        Ok(())
    }
}
