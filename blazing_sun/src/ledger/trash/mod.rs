//! The trash: deleted transactions, for 30 days. How they come back, `transactions` knows.

pub mod api;
mod forget_transaction;
mod jobs;
mod repo;

pub use jobs::PurgeTrash;

use chrono::TimeDelta;

/// For how long a deleted transaction can be taken out again.
pub const KEPT_FOR: TimeDelta = TimeDelta::days(30);
