//! Reports: day-grained totals that a reaction makes from the ledger, and what is read from them.

pub mod api;
mod cash_flow;
mod cells;
mod month;
mod net_worth;
mod reactions;
mod read;
mod repo;
mod total;
mod views;

pub use reactions::Reports;
