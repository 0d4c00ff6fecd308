//! Telling people what happens to their accounts, so that they notice what they did not do themselves.

mod mails;
mod reactions;
mod repo;
mod wrong_codes;

pub use mails::{EmailChanged, NewSignIn, SecondFactorChanged};
pub use reactions::Notify;
pub use wrong_codes::WrongCodes;
