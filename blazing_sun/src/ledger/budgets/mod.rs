//! Budgets: what is meant to be spent or earned in a month, and what was.

pub mod api;
mod budget;
mod change_budget;
mod converted;
mod create_budget;
mod delete_budget;
mod month;
pub mod repo;
mod report;
pub mod report_api;
