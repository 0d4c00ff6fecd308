//! Accounts: who people are, how they show it, and what belongs to them.
//!
//! A folder a subject; what several of them need lies beside them.

mod account;
mod doorkeeper;
pub mod events;
mod link;
mod mails;
mod parts;
mod passwords;
mod registration;
mod repo;
mod sessions;

pub use account::{Account, Status};
pub use link::{LinkKey, Links};
pub use mails::{Activation, AlreadyRegistered};
pub use parts::{Accounts, Settings, configure, document};
pub use passwords::{HashSettings, Hasher};
pub use sessions::SessionSettings;
