//! Transactions that come again: made on each day on which they are due, once.

pub mod api;
mod body;
mod change_recurring;
mod create_recurring;
mod delete_recurring;
mod jobs;
mod make_due;
pub mod occurrences_api;
mod pause_recurring;
pub mod repo;
mod rule;
mod rule_text;
mod series;
mod skip_date;
mod template;

pub use create_recurring::{CreateRecurringError, NewRecurring, create_recurring};
pub use jobs::{MakeOccurrences, MakeRecurring};
pub use series::Recurring;
