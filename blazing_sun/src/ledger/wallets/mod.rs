//! Wallets: where money is.

pub mod api;
mod change_wallet;
mod create_wallet;
mod delete_wallet;
pub mod pages;
pub mod repo;
mod wallet;

pub use create_wallet::{CreateWalletError, NewWallet, create_wallet};
pub use wallet::{Wallet, WalletKind};
