//! Books: whose money it is, and what its days and totals go by.

pub mod api;
mod book;
mod change_book;
mod month;
mod open_book;
pub mod pages;
pub mod repo;

pub use book::{Book, MonthStart, Owner};
pub use month::Month;
pub use open_book::{Books, open_book};
