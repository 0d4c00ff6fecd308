//! Deleting a transaction: it goes to the trash, and counts nowhere from then on.

use uuid::Uuid;

use crate::flow::ctx::Tx;
use crate::flow::outbox::{self, Refused};
use crate::kernel::id::Id;
use crate::ledger::books::Owner;
use crate::ledger::transactions::change_transaction::Reconciled;
use crate::ledger::transactions::repo;
use crate::ledger::transactions::transaction::Transaction;
use crate::ledger::transactions::written::NotWritten;
use crate::ledger::wallets;

/// Why it is still there.
#[derive(Debug, thiserror::Error)]
pub enum DeleteTransactionError<E> {
    /// There is no such transaction.
    #[error("there is no such transaction")]
    Gone,
    /// It was made of another version.
    #[error("it was made of another version")]
    Version(E),
    /// It was compared with what the bank says.
    #[error("it is reconciled")]
    Reconciled,
    /// Its event could not be written down.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// A wallet cannot do without it, or the database did not answer.
    #[error(transparent)]
    NotWritten(#[from] NotWritten),
}

impl<E> From<sqlx::Error> for DeleteTransactionError<E> {
    fn from(error: sqlx::Error) -> Self {
        NotWritten::from(error).into()
    }
}

/// Deletes a transaction whose version passes `check`.
pub async fn delete_transaction<E>(
    tx: &mut Tx,
    owner: Id<Owner>,
    id: Id<Transaction>,
    reconciled: Reconciled,
    check: impl FnOnce(i64) -> Result<(), E>,
) -> Result<(), DeleteTransactionError<E>> {
    let before = repo::lock(tx, owner, id)
        .await?
        .ok_or(DeleteTransactionError::Gone)?;
    check(before.version).map_err(DeleteTransactionError::Version)?;
    if !reconciled.allows(&before) {
        return Err(DeleteTransactionError::Reconciled);
    }
    let touched: Vec<Uuid> = before.entries.iter().map(|entry| entry.wallet_id).collect();
    wallets::repo::lock_all(tx, before.book_id.into(), &touched).await?;
    let gone = Transaction {
        version: before.version + 1,
        ..before
    };
    repo::throw_away(tx, &gone).await?;
    outbox::emit(tx, &gone.deleted()).await?;
    Ok(())
}
