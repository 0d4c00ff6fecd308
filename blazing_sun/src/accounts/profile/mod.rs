//! The profile: what somebody tells of themselves, and how they want things shown.

pub mod api;
mod change;
pub mod pages;
mod repo;
