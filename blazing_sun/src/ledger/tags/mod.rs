//! Tags: what transactions have in common across categories.

pub mod api;
mod delete_tag;
mod rename_tag;
pub mod repo;
mod tag;
