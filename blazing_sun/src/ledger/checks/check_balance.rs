//! Comparing a wallet with what the bank says.

use crate::flow::ctx::Tx;
use crate::flow::outbox::{self, Refused};
use crate::kernel::day::Day;
use crate::kernel::id::{self, Id};
use crate::ledger::books::Owner;
use crate::ledger::checks::check::{Check, MOST, Said};
use crate::ledger::checks::jobs::ReconcileEntries;
use crate::ledger::checks::repo;
use crate::ledger::wallets::{self, Wallet};

/// What the bank says, and what to do if it is so.
#[derive(Clone, Copy, Debug)]
pub struct NewCheck {
    /// At the end of this day
    pub date: Day,
    /// it was this.
    pub said: Said,
    /// Whether what is cleared up to that day is reconciled then.
    pub reconcile: bool,
}

/// Why nothing was compared.
#[derive(Debug, thiserror::Error)]
pub enum CheckBalanceError {
    /// There is no such wallet.
    #[error("there is no such wallet")]
    Gone,
    /// On that day it held more than can be counted.
    #[error("a balance is out of bounds")]
    OutOfBounds,
    /// Its job could not be written down.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Compares a wallet with what the bank says, and keeps what came of it. Nothing moves in the wallet meanwhile.
pub async fn check_balance(
    tx: &mut Tx,
    owner: Id<Owner>,
    wallet: Id<Wallet>,
    new: NewCheck,
) -> Result<Check, CheckBalanceError> {
    let wallet = wallets::repo::lock(tx, owner, wallet)
        .await?
        .ok_or(CheckBalanceError::Gone)?;
    let found = balance_on(tx, &wallet, new.date).await?;
    let check = Check {
        id: id::new(),
        wallet_id: wallet.id.uuid(),
        date: new.date.date(),
        said: new.said.minor(),
        found: found.ok_or(CheckBalanceError::OutOfBounds)?,
        created_at: tx.now(),
    };
    repo::insert(tx, &check).await?;
    if check.is_passed() && new.reconcile {
        let job = ReconcileEntries {
            check_id: check.id,
            from: None,
        };
        outbox::enqueue(tx, &job).await?;
    }
    Ok(check)
}

/// What a wallet, which is locked, held at the end of a day; none, if that is more than a wallet may hold.
pub async fn balance_on(tx: &mut Tx, wallet: &Wallet, day: Day) -> sqlx::Result<Option<i64>> {
    let later = repo::moved_after(tx, wallet.id, day.date()).await?;
    let found = i64::try_from(i128::from(wallet.balance) - later).ok();
    Ok(found.filter(|found| (-MOST..=MOST).contains(found)))
}
