//! Transactions: what happened to money on a day.

pub mod api;
mod body;
mod change_transaction;
mod create_transaction;
mod delete_transaction;
mod draft;
mod filter;
mod form;
pub mod pages;
pub mod repo;
mod restore_transaction;
mod transaction;
mod written;

pub use create_transaction::{CreateTransactionError, create_transaction};
pub use draft::Draft;
pub use transaction::Kind;
