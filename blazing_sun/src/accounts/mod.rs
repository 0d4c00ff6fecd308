//! Accounts: signing up and activating.

mod account;
mod activate;
pub mod api;
pub mod events;
mod link;
mod mails;
pub mod pages;
mod password;
mod repo;
mod sign_up;

pub use account::{Account, Status};
pub use link::{LinkKey, Links};
pub use mails::{Activation, AlreadyRegistered};
pub use password::{HashSettings, Hasher};
