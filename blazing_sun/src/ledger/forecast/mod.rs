//! The forecast: what wallets will hold, by what is written down already and what is to come.

pub mod api;
mod projection;
mod repo;
