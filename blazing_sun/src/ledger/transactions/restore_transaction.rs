//! Taking a transaction out of the trash: it comes back as it was, under the id that it had.

use crate::flow::ctx::Tx;
use crate::flow::outbox::{self, Refused};
use crate::kernel::id::Id;
use crate::ledger::books::Owner;
use crate::ledger::transactions::draft::{Draft, Unreadable};
use crate::ledger::transactions::repo::{self, Stamp};
use crate::ledger::transactions::transaction::Transaction;
use crate::ledger::transactions::written::{NotWritten, write};

/// Why it does not come back.
#[derive(Debug, thiserror::Error)]
pub enum RestoreTransactionError {
    /// There is no such transaction in the trash.
    #[error("it is not in the trash")]
    Gone,
    /// Its wallet or its category is gone, or its wallet cannot take it.
    #[error(transparent)]
    NotWritten(#[from] NotWritten),
    /// What the trash holds is not of a form that this build knows.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// Its event could not be written down.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Takes a transaction out of the trash.
pub async fn restore_transaction(
    tx: &mut Tx,
    owner: Id<Owner>,
    id: Id<Transaction>,
) -> Result<Transaction, RestoreTransactionError> {
    let kept = repo::take_out(tx, owner, id)
        .await?
        .ok_or(RestoreTransactionError::Gone)?;
    let stamp = Stamp {
        id: kept.id,
        version: kept.version + 1,
        created_at: kept.created_at,
    };
    let transaction = write(tx, owner, stamp, &Draft::again(&kept)?).await?;
    outbox::emit(tx, &transaction.created()).await?;
    Ok(transaction)
}
