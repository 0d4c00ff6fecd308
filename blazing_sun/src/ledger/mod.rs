//! The ledger: books with wallets, categories, payees, tags, rules and transactions.
//!
//! A folder a subject. Everything belongs to somebody's book, and every question names its owner, so that nobody sees or
//! touches what is another's.

mod books;
mod bulk;
mod by_name;
mod categories;
pub mod events;
mod parts;
mod payees;
mod personal_data;
mod rules;
mod tags;
mod reports;
mod transactions;
mod trash;
mod typed;
mod wallets;

pub use books::{Book, Books};
pub use parts::{Ledger, configure, document};
pub use personal_data::LedgerData;
pub use trash::PurgeTrash;
pub use reports::{MonthlyReport, Reports, SendMonthlyReports};
