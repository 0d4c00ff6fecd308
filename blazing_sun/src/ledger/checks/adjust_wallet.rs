//! Writing down that a wallet holds what was said: the difference is an adjustment, which counts in what one has, never as
//! income or expense.

use crate::flow::ctx::Tx;
use crate::kernel::day::Day;
use crate::kernel::id::Id;
use crate::kernel::money::{Amount, NotAnAmount};
use crate::kernel::note::Note;
use crate::ledger::books::Owner;
use crate::ledger::checks::check::Said;
use crate::ledger::checks::check_balance::balance_on;
use crate::ledger::transactions::{
    CreateTransactionError, Draft, Kind, Transaction, create_transaction,
};
use crate::ledger::wallets::{self, Wallet};

/// What the wallet shall hold.
#[derive(Clone, Debug)]
pub struct NewAdjustment {
    /// At the end of this day
    pub date: Day,
    /// this much.
    pub said: Said,
    /// What is noted.
    pub note: Note,
}

/// Why nothing was written down.
#[derive(Debug, thiserror::Error)]
pub enum AdjustWalletError {
    /// There is no such wallet.
    #[error("there is no such wallet")]
    Gone,
    /// It holds that much.
    #[error("it holds what was said")]
    Same,
    /// The difference is more than one movement has.
    #[error("is too far from what is in the wallet")]
    TooFar,
    /// It could not be written down.
    #[error(transparent)]
    Create(#[from] CreateTransactionError),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Has a wallet hold on a day what was said, and returns the transaction that says so.
pub async fn adjust_wallet(
    tx: &mut Tx,
    owner: Id<Owner>,
    wallet: Id<Wallet>,
    new: NewAdjustment,
) -> Result<Transaction, AdjustWalletError> {
    let wallet = wallets::repo::lock(tx, owner, wallet)
        .await?
        .ok_or(AdjustWalletError::Gone)?;
    let found = balance_on(tx, &wallet, new.date).await?;
    let difference = new.said.minor() - found.ok_or(AdjustWalletError::TooFar)?;
    let amount = Amount::try_from(difference).map_err(|fault| match fault {
        NotAnAmount::Zero => AdjustWalletError::Same,
        NotAnAmount::OutOfBounds => AdjustWalletError::TooFar,
    })?;
    let draft = Draft {
        note: new.note,
        ..Draft::single(Kind::Adjustment, wallet.id, amount, new.date)
    };
    Ok(create_transaction(tx, owner, &draft).await?)
}
