//! Payees: whom money goes to or comes from, by all the names that lead to them.

pub mod api;
mod change_payee;
mod delete_payee;
mod merge_payee;
mod payee;
pub mod repo;
