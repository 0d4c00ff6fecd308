//! Forgetting a transaction that is in the trash: it never comes back.

use crate::flow::ctx::Tx;
use crate::kernel::id::Id;
use crate::ledger::books::Owner;
use crate::ledger::transactions::Transaction;
use crate::ledger::trash::repo;

/// Why it is still there.
#[derive(Debug, thiserror::Error)]
pub enum ForgetTransactionError<E> {
    /// There is no such transaction in the trash.
    #[error("it is not in the trash")]
    Gone,
    /// It was deleted, taken out and deleted again meanwhile.
    #[error("it was made of another version")]
    Version(E),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Forgets a transaction in somebody's trash, whose version passes `check`.
pub async fn forget_transaction<E>(
    tx: &mut Tx,
    owner: Id<Owner>,
    id: Id<Transaction>,
    check: impl FnOnce(i64) -> Result<(), E>,
) -> Result<(), ForgetTransactionError<E>> {
    let version = repo::lock(tx, owner, id)
        .await?
        .ok_or(ForgetTransactionError::Gone)?;
    check(version).map_err(ForgetTransactionError::Version)?;
    repo::delete(tx, id).await?;
    Ok(())
}
