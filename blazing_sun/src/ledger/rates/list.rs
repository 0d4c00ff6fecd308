//! Rates as they are listed: those that were written down, and those that transfers imply.

use chrono::NaiveDate;
use uuid::Uuid;

use crate::ledger::rates::exchange::Said;

/// A rate in a list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The rate, or the transfer that implies it.
    pub id: Uuid,
    /// The day.
    pub date: NaiveDate,
    /// What was converted.
    pub from: String,
    /// What to.
    pub to: String,
    /// What was said of it.
    pub said: Said,
}
