//! Reports: day-grained totals that a reaction makes from the ledger, and what is read from them.

pub mod api;
pub mod budget_api;
mod cash_flow;
mod cells;
mod converted;
mod jobs;
mod mails;
mod month;
mod net_worth;
pub mod pages;
mod plan;
mod reactions;
mod read;
mod repo;
mod shown;
mod total;
mod views;

pub use jobs::SendMonthlyReports;
pub use mails::MonthlyReport;
pub use reactions::Reports;
