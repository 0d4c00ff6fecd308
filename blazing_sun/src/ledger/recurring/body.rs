//! What a recurring transaction looks like in a request.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::ledger::recurring::create_recurring::NewRecurring;
use crate::ledger::transactions::{NotWritten, TransactionBody};
use crate::web::problem::{Fields, Problem};

/// A transaction and when it is due.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecurringBody {
    /// What is made. Its date is the first day on which it may be due, and the rule counts from it.
    transaction: TransactionBody,
    /// When it is due: an RRULE of RFC 5545 with FREQ (DAILY, WEEKLY, MONTHLY or YEARLY), INTERVAL, BYDAY, BYMONTHDAY, COUNT
    /// and UNTIL. Weeks begin on Monday. A day of the month that a month does not have is its last one: BYMONTHDAY=31 is the
    /// last day of every month.
    #[schema(
        min_length = 10,
        max_length = 200,
        example = "FREQ=MONTHLY;BYMONTHDAY=31"
    )]
    rule: String,
    /// The last day on which it may be due.
    #[serde(default)]
    #[schema(format = "date")]
    end: Option<String>,
}

impl RecurringBody {
    /// What is wanted, or all that is wrong with it.
    pub fn parse(&self) -> Result<NewRecurring, Problem> {
        let mut fields = Fields::default();
        let draft = match self.transaction.parse() {
            Ok(draft) => Some(draft),
            Err(problem) => {
                take_over(&mut fields, &problem);
                None
            }
        };
        let rule = fields.take("/rule", self.rule.parse());
        let end = self.end.as_deref().map(str::parse).transpose();
        let end = fields.take("/end", end);
        match (draft, rule, end) {
            (Some(draft), Some(rule), Some(ends_on)) => Ok(NewRecurring {
                draft,
                rule,
                ends_on,
            }),
            _ => Err(fields.into()),
        }
    }

    /// What was wrong with what this body asked for, at the field where it was asked.
    #[must_use]
    pub fn refusal(&self, fault: NotWritten) -> Problem {
        let problem = self.transaction.refusal(fault);
        if problem.errors().is_empty() {
            return problem;
        }
        let mut fields = Fields::default();
        take_over(&mut fields, &problem);
        fields.into()
    }
}

/// What is wrong with a transaction, as seen from what it is part of.
fn take_over(fields: &mut Fields, problem: &Problem) {
    for error in problem.errors() {
        fields.refuse(format!("/transaction{}", error.pointer), &error.detail);
    }
}
