//! The audit log: every event, once, with who and what set it off.

mod personal_data;
mod reactions;
mod repo;

pub use personal_data::AuditData;
pub use reactions::Audit;
pub use repo::{Entry, history};
