//! Passwords: what is accepted, how they are kept, how they are changed.

pub mod api;
mod change;
mod desk;
mod hasher;
mod mails;
pub mod pages;
mod password;
mod repo;
mod reset;

pub use desk::PasswordDesk;
pub use hasher::{HashError, HashSettings, Hasher, PasswordHash, Verdict};
pub use mails::{PasswordChanged, ResetLink};
pub use password::Password;
pub use reset::RESET;
