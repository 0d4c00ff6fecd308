//! Exchange rates: what a currency was worth in another on a day, and what everything is worth in one.

pub mod api;
mod change_rate;
mod create_rate;
mod delete_rate;
mod exchange;
mod list;
mod net_worth;
pub mod net_worth_api;
mod rate;
mod ratio;
pub mod repo;

pub use create_rate::{CreateRateError, create_rate};
pub use exchange::{Exchange, Newest, Wanted};
pub use rate::NewRate;
