//! The ledger: books with wallets, categories and transactions.
//!
//! A folder a subject. Everything belongs to somebody's book, and every question names its owner, so that nobody sees or
//! touches what is another's.

mod books;
mod budgets;
mod categories;
mod checks;
pub mod events;
mod forecast;
mod parts;
mod personal_data;
mod rates;
mod recurring;
mod transactions;
mod typed;
mod wallets;

pub use books::{Book, Books};
pub use checks::ReconcileEntries;
pub use parts::{Ledger, configure, document};
pub use personal_data::LedgerData;
pub use recurring::{MakeOccurrences, MakeRecurring};
