//! Budgets: what is meant to be spent or earned in a month. What was is a report.

pub mod api;
mod budget;
mod change_budget;
mod create_budget;
mod delete_budget;
mod plans;
pub mod repo;

pub use create_budget::{CreateBudgetError, NewBudget, create_budget};
pub use plans::{Line, Plans};
