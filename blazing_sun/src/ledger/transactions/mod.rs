//! Transactions: what happened to money on a day.

pub mod api;
mod body;
mod change_transaction;
mod create_transaction;
mod delete_transaction;
mod draft;
mod edit;
mod filter;
mod filter_form;
mod form;
pub mod pages;
pub mod repo;
mod restore_transaction;
mod shelf;
mod transaction;
mod written;

pub use body::TransactionBody;
pub use change_transaction::Reconciled;
pub use create_transaction::{CreateTransactionError, create_transaction};
pub use delete_transaction::{DeleteTransactionError, delete_transaction};
pub use draft::{Draft, DraftEntry, DraftLine, MAX_TAGS, Movement, NotAMovement};
pub use edit::{Edit, NotEditable};
pub use filter::{Cursor, Words, pattern, push_words};
pub use repo::{FoundCategory, FoundWallet, Written};
pub use transaction::{Kind, Named, Status, Transaction};
pub use written::{NotWritten, check};
