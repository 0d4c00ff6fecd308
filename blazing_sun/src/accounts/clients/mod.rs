//! Programs that sign in: their access tokens, the keys that sign those, and their refresh tokens.

mod access_token;
pub mod api;
mod grant;
mod jobs;
mod keyring;
mod make_key;
mod refresh;
mod renewals;
mod repo;
mod signing_key;

pub use access_token::{AccessTokens, Tokens};
pub use grant::{Grant, begin};
pub use jobs::{KeyAge, RotateSigningKeys};
pub use keyring::Keyring;
pub use renewals::Renewals;
pub use signing_key::KeyState;
