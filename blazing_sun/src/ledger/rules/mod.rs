//! Rules: what a transaction whose text contains something is sorted as.
//!
//! They change nothing by themselves. Whoever writes a transaction down asks what they suggest; what was written down before
//! is changed by applying a rule, after looking at what that would change.

pub mod api;
mod apply_rule;
pub mod applying;
mod body;
mod change_rule;
mod create_rule;
mod delete_rule;
mod prefill;
pub mod repo;
mod rule;
mod suggest;
pub mod suggestions;
