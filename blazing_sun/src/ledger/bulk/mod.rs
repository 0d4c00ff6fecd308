//! Many transactions at once: what is said of them is changed, or they are deleted; all of them, or none.

pub mod api;
mod body;
mod change_many;
mod delete_many;
mod keep;
mod repo;

pub use keep::keep;

/// How many transactions are changed at once at most.
pub const MAX_MANY: usize = 200;
