//! Deleting a rate.

use crate::flow::ctx::Tx;
use crate::kernel::id::Id;
use crate::ledger::books::Owner;
use crate::ledger::rates::rate::Rate;
use crate::ledger::rates::repo;

/// Why it is still there.
#[derive(Debug, thiserror::Error)]
pub enum DeleteRateError<E> {
    /// There is no such rate.
    #[error("there is no such rate")]
    Gone,
    /// It was made of another version.
    #[error("it was made of another version")]
    Version(E),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Deletes a rate whose version passes `check`.
pub async fn delete_rate<E>(
    tx: &mut Tx,
    owner: Id<Owner>,
    id: Id<Rate>,
    check: impl FnOnce(i64) -> Result<(), E>,
) -> Result<(), DeleteRateError<E>> {
    let rate = repo::lock(tx, owner, id)
        .await?
        .ok_or(DeleteRateError::Gone)?;
    check(rate.version).map_err(DeleteRateError::Version)?;
    repo::delete(tx, id).await?;
    Ok(())
}
