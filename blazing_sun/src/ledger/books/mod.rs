//! Books: whose money it is, and what its days and totals go by.

pub mod api;
mod book;
mod change_book;
mod open_book;
pub mod repo;

pub use book::{Book, Owner};
pub use open_book::Books;
