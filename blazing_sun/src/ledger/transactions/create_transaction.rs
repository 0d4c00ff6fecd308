//! Writing a transaction down.

use crate::flow::ctx::Tx;
use crate::flow::outbox::{self, Refused};
use crate::kernel::id::{self, Id};
use crate::ledger::books::Owner;
use crate::ledger::transactions::draft::Draft;
use crate::ledger::transactions::repo::Stamp;
use crate::ledger::transactions::transaction::Transaction;
use crate::ledger::transactions::written::{NotWritten, write};

/// Why it was not written down.
#[derive(Debug, thiserror::Error)]
pub enum CreateTransactionError {
    /// Something about it is wrong.
    #[error(transparent)]
    NotWritten(#[from] NotWritten),
    /// Its event could not be written down.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// Writes a transaction down: two statements, whatever is in it.
pub async fn create_transaction(
    tx: &mut Tx,
    owner: Id<Owner>,
    draft: &Draft,
) -> Result<Transaction, CreateTransactionError> {
    let stamp = Stamp {
        id: id::new(),
        version: 1,
        created_at: tx.now(),
    };
    let transaction = write(tx, owner, stamp, draft).await?;
    outbox::emit(tx, &transaction.created()).await?;
    Ok(transaction)
}
