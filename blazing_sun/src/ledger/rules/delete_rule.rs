//! Deleting a rule. What it changed stays as it is.

use crate::flow::ctx::Tx;
use crate::kernel::id::Id;
use crate::ledger::books::{Book, Owner};
use crate::ledger::rules::repo;
use crate::ledger::rules::rule::Rule;

/// Why it is still there.
#[derive(Debug, thiserror::Error)]
pub enum DeleteRuleError<E> {
    /// There is no such rule.
    #[error("there is no such rule")]
    Gone,
    /// It was made of another version.
    #[error("it was made of another version")]
    Version(E),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Deletes a rule, whose version passes `check`, of a book that is locked.
pub async fn delete_rule<E>(
    tx: &mut Tx,
    owner: Id<Owner>,
    book: Id<Book>,
    id: Id<Rule>,
    check: impl FnOnce(i64) -> Result<(), E>,
) -> Result<(), DeleteRuleError<E>> {
    let before = repo::find(tx.conn(), owner, id)
        .await?
        .ok_or(DeleteRuleError::Gone)?;
    check(before.version).map_err(DeleteRuleError::Version)?;
    repo::delete(tx, book, &before).await?;
    Ok(())
}
