//! Changing what a rule says, or its place among the others.

use crate::flow::ctx::Tx;
use crate::kernel::id::Id;
use crate::ledger::books::{Book, Owner};
use crate::ledger::rules::create_rule::say;
use crate::ledger::rules::repo;
use crate::ledger::rules::rule::{NewRule, Rule};

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeRuleError<E> {
    /// There is no such rule.
    #[error("there is no such rule")]
    Gone,
    /// It was made of another version.
    #[error("it was made of another version")]
    Version(E),
    /// There is no such category.
    #[error("there is no such category")]
    UnknownCategory,
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Changes a rule, whose version passes `check`, of a book that is locked. It moves to `position`, if one is given; beyond the
/// last place is the last one.
pub async fn change_rule<E>(
    tx: &mut Tx,
    owner: Id<Owner>,
    book: Id<Book>,
    id: Id<Rule>,
    new: &NewRule,
    position: Option<i32>,
    check: impl FnOnce(i64) -> Result<(), E>,
) -> Result<Rule, ChangeRuleError<E>> {
    let before = repo::find(tx.conn(), owner, id)
        .await?
        .ok_or(ChangeRuleError::Gone)?;
    check(before.version).map_err(ChangeRuleError::Version)?;
    if let Some(position) = position {
        let last = i32::try_from(repo::count(tx, book).await?).unwrap_or(i32::MAX);
        repo::move_to(tx, book, id, before.position, position.min(last)).await?;
    }
    if !say(tx, book, id, new).await? {
        return Err(ChangeRuleError::UnknownCategory);
    }
    let changed = repo::find(tx.conn(), owner, id).await?;
    changed.ok_or(ChangeRuleError::Gone)
}
