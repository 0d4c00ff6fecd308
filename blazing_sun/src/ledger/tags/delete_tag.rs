//! Deleting a tag: it is taken off everything that has it. Transactions keep their versions, as when it is renamed.

use crate::flow::ctx::Tx;
use crate::kernel::id::Id;
use crate::ledger::books::Owner;
use crate::ledger::tags::repo;
use crate::ledger::tags::tag::Tag;

/// Why it is still there.
#[derive(Debug, thiserror::Error)]
pub enum DeleteTagError<E> {
    /// There is no such tag.
    #[error("there is no such tag")]
    Gone,
    /// It was made of another version.
    #[error("it was made of another version")]
    Version(E),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Deletes a tag, whose version passes `check`, of a book that is locked.
pub async fn delete_tag<E>(
    tx: &mut Tx,
    owner: Id<Owner>,
    id: Id<Tag>,
    check: impl FnOnce(i64) -> Result<(), E>,
) -> Result<(), DeleteTagError<E>> {
    let before = repo::find(tx.conn(), owner, id)
        .await?
        .ok_or(DeleteTagError::Gone)?;
    check(before.version).map_err(DeleteTagError::Version)?;
    repo::take_off(tx, id).await?;
    repo::delete(tx, id).await?;
    Ok(())
}
