//! API tokens: what a person gives to a program, so that it acts for them within the scopes they chose.

pub mod api;
mod api_token;
mod change;
mod create_token;
pub mod pages;
mod recognise;
mod repo;
mod revoke_token;

pub use api_token::ApiToken;
pub use recognise::recognise;
