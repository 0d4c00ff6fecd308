//! The ledger: books with wallets, categories, payees, tags, rules and transactions.
//!
//! A folder a subject. Everything belongs to somebody's book, and every question names its owner, so that nobody sees or
//! touches what is another's.

mod books;
mod budgets;
mod bulk;
mod by_name;
mod categories;
mod checks;
pub mod demo;
pub mod events;
mod forecast;
mod parts;
mod payees;
mod personal_data;
mod rates;
mod recurring;
mod reports;
mod rules;
mod tags;
mod transactions;
mod trash;
mod typed;
mod wallets;

pub use books::{Book, Books};
pub use checks::ReconcileEntries;
pub use parts::{Ledger, configure, document};
pub use personal_data::LedgerData;
pub use recurring::{MakeOccurrences, MakeRecurring};
pub use reports::{MonthlyReport, Reports, SendMonthlyReports};
pub use trash::PurgeTrash;
