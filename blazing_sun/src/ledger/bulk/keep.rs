//! Keeping what became of transactions, each as a change of its own.

use crate::flow::ctx::Tx;
use crate::flow::outbox::{self, Refused};
use crate::ledger::bulk::repo;
use crate::ledger::transactions::Transaction;

/// Keeps what was changed, of transactions of one book that are locked: what each was, and what it is now. Only what an
/// [`crate::ledger::transactions::Edit`] changes may be another.
pub async fn keep(tx: &mut Tx, changed: &[(Transaction, Transaction)]) -> Result<(), Refused> {
    if changed.is_empty() {
        return Ok(());
    }
    repo::update(tx, changed).await?;
    for (before, after) in changed {
        outbox::emit(tx, &after.updated(before)).await?;
    }
    Ok(())
}
