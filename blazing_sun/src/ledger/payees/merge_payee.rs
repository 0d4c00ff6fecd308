//! Merging a payee into another: its names lead there from now on, and its transactions are with the other one.
//!
//! Transactions keep their versions: what they say of themselves is a payee's name, and that leads to the same payee as before.

use crate::flow::ctx::Tx;
use crate::infra::postgres;
use crate::kernel::id::Id;
use crate::ledger::books::{Book, Owner};
use crate::ledger::payees::payee::{MAX_ALIASES, Payee};
use crate::ledger::payees::repo;

/// Why nothing was merged.
#[derive(Debug, thiserror::Error)]
pub enum MergePayeeError<E> {
    /// There is no such payee.
    #[error("there is no such payee")]
    Gone,
    /// It was made of another version.
    #[error("it was made of another version")]
    Version(E),
    /// There is no such payee to merge into.
    #[error("there is no such payee to merge into")]
    NoTarget,
    /// It is the same one.
    #[error("it is the same payee")]
    Itself,
    /// So many spellings nobody has.
    #[error("a payee has {MAX_ALIASES} other spellings at most")]
    TooMany,
    /// A transaction with it was written down meanwhile.
    #[error("a transaction with it was written down meanwhile")]
    Used,
    /// The database did not answer.
    #[error(transparent)]
    Database(sqlx::Error),
}

impl<E> From<sqlx::Error> for MergePayeeError<E> {
    fn from(error: sqlx::Error) -> Self {
        match postgres::violated(&error) {
            Some(_) => Self::Used,
            None => Self::Database(error),
        }
    }
}

/// Merges a payee, whose version passes `check`, into another of the same book, which is locked. Returns the other one.
pub async fn merge_payee<E>(
    tx: &mut Tx,
    owner: Id<Owner>,
    book: Id<Book>,
    id: Id<Payee>,
    into: Id<Payee>,
    check: impl FnOnce(i64) -> Result<(), E>,
) -> Result<Payee, MergePayeeError<E>> {
    let before = repo::find(tx.conn(), owner, id)
        .await?
        .ok_or(MergePayeeError::Gone)?;
    check(before.version).map_err(MergePayeeError::Version)?;
    if id == into {
        return Err(MergePayeeError::Itself);
    }
    let target = repo::find(tx.conn(), owner, into)
        .await?
        .ok_or(MergePayeeError::NoTarget)?;
    if before.aliases.len() + 1 + target.aliases.len() > MAX_ALIASES {
        return Err(MergePayeeError::TooMany);
    }
    repo::move_transactions(tx, book, id, into).await?;
    repo::move_rules(tx, book, id, into).await?;
    repo::move_names(tx, book, id, into).await?;
    repo::delete(tx, id).await?;
    let target = Payee {
        version: target.version + 1,
        ..target
    };
    repo::update(tx, &target).await?;
    Ok(repo::find(tx.conn(), owner, into).await?.unwrap_or(target))
}
