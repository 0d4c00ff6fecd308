//! What people can do with their data: take it along, and have it erased with their account.

pub mod api;
mod collect;
mod deletion;
mod erase;
mod export;
mod held;
mod jobs;
mod mails;
pub mod pages;
mod repo;

pub use erase::{erase, erase_now};
pub use held::AccountData;
pub use jobs::{DataTools, EraseAccount, EraseAccounts, ExportAccount, PurgeExports};
pub use mails::{DeletionScheduled, ExportReady};
