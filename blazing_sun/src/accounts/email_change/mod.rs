//! Changing the address: it happens when both addresses have agreed.

pub mod api;
mod cancel;
mod confirm;
mod mails;
pub mod pages;
mod repo;
mod request;

pub use mails::{EmailChangeNew, EmailChangeOld};
