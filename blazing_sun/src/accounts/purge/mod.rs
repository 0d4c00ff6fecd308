//! Forgetting: what accounts need not remember any longer.

mod jobs;
mod repo;

pub use jobs::PurgeAccounts;
