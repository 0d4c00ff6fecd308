//! The audit log: every event, once, with who and what set it off.

mod reactions;
mod repo;

pub use reactions::Audit;
pub use repo::{Entry, history};
