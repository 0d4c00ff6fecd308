//! Passwords: what is accepted, how they are kept, how they are changed.

pub mod api;
mod hasher;
mod password;

pub use hasher::{HashError, HashSettings, Hasher, PasswordHash, Verdict};
pub use password::Password;
