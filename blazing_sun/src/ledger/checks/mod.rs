//! Balance checks: what the bank says is in a wallet, and what to do about a difference.

mod adjust_wallet;
pub mod api;
mod check;
mod check_balance;
mod jobs;
pub mod repo;

pub use adjust_wallet::{AdjustWalletError, NewAdjustment, adjust_wallet};
pub use check_balance::{CheckBalanceError, NewCheck, check_balance};
pub use jobs::ReconcileEntries;
