//! Deleting a payee that nothing names.

use crate::flow::ctx::Tx;
use crate::infra::postgres;
use crate::kernel::id::Id;
use crate::ledger::books::Owner;
use crate::ledger::payees::payee::Payee;
use crate::ledger::payees::repo;

/// Why it is still there.
#[derive(Debug, thiserror::Error)]
pub enum DeletePayeeError<E> {
    /// There is no such payee.
    #[error("there is no such payee")]
    Gone,
    /// It was made of another version.
    #[error("it was made of another version")]
    Version(E),
    /// A transaction or a rule names it.
    #[error("something names it")]
    InUse,
    /// The database did not answer.
    #[error(transparent)]
    Database(sqlx::Error),
}

impl<E> From<sqlx::Error> for DeletePayeeError<E> {
    fn from(error: sqlx::Error) -> Self {
        match postgres::violated(&error) {
            Some(_) => Self::InUse,
            None => Self::Database(error),
        }
    }
}

/// Deletes a payee, whose version passes `check`, of a book that is locked.
pub async fn delete_payee<E>(
    tx: &mut Tx,
    owner: Id<Owner>,
    id: Id<Payee>,
    check: impl FnOnce(i64) -> Result<(), E>,
) -> Result<(), DeletePayeeError<E>> {
    let before = repo::find(tx.conn(), owner, id)
        .await?
        .ok_or(DeletePayeeError::Gone)?;
    check(before.version).map_err(DeletePayeeError::Version)?;
    repo::delete(tx, id).await?;
    Ok(())
}
