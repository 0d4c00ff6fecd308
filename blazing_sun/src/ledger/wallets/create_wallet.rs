//! Making a wallet.

use crate::flow::ctx::Tx;
use crate::infra::postgres;
use crate::kernel::currency::Currency;
use crate::kernel::day::Day;
use crate::kernel::id::Id;
use crate::kernel::money::Amount;
use crate::kernel::name::Label;
use crate::ledger::books::{Book, Owner};
use crate::ledger::transactions::{CreateTransactionError, Draft, Kind, create_transaction};
use crate::ledger::wallets::repo;
use crate::ledger::wallets::wallet::{Wallet, WalletKind};

/// How many wallets a book may have.
pub const MAX_WALLETS: i64 = 200;

/// What is wanted.
pub struct NewWallet {
    /// What it is called.
    pub name: Label,
    /// What it is.
    pub kind: WalletKind,
    /// What is in it.
    pub currency: Currency,
    /// What was in it when it was written down for the first time, and on which day that was.
    pub opening: Option<(Amount, Day)>,
}

/// Why no wallet was made.
#[derive(Debug, thiserror::Error)]
pub enum CreateWalletError {
    /// Another wallet is called so.
    #[error("another wallet is called so")]
    NameTaken,
    /// There are enough.
    #[error("a book has {MAX_WALLETS} wallets at most")]
    TooMany,
    /// What is in it could not be written down.
    #[error(transparent)]
    Opening(#[from] CreateTransactionError),
    /// The database did not answer.
    #[error(transparent)]
    Database(sqlx::Error),
}

impl From<sqlx::Error> for CreateWalletError {
    fn from(error: sqlx::Error) -> Self {
        match postgres::violated(&error) {
            Some("wallets_name") => Self::NameTaken,
            _ => Self::Database(error),
        }
    }
}

/// Makes a wallet in a book that is locked. What is in it from the beginning is a transaction: it counts in what one has, never
/// as income.
pub async fn create_wallet(
    tx: &mut Tx,
    owner: Id<Owner>,
    book: Id<Book>,
    new: NewWallet,
) -> Result<Wallet, CreateWalletError> {
    if repo::count(tx, book).await? >= MAX_WALLETS {
        return Err(CreateWalletError::TooMany);
    }
    let mut wallet = Wallet {
        id: Id::new(),
        name: new.name.as_str().to_owned(),
        kind: new.kind,
        currency: new.currency.as_str().to_owned(),
        exponent: new.currency.exponent(),
        balance: 0,
        archived_at: None,
        version: 1,
        created_at: tx.now(),
    };
    repo::insert(tx, book, &wallet).await?;
    if let Some((amount, day)) = new.opening {
        let draft = Draft::single(Kind::Opening, wallet.id, amount, day);
        create_transaction(tx, owner, &draft).await?;
        wallet.balance = amount.minor();
    }
    Ok(wallet)
}
