//! Categories: what money is for, at most two levels deep.

pub mod api;
mod category;
mod change_category;
mod create_category;
mod delete_category;
mod merge_category;
pub mod repo;
mod start;

pub use category::{Category, CategoryKind};
pub use start::start;
