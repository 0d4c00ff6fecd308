//! Deleting a category that nothing is in.

use crate::flow::ctx::Tx;
use crate::flow::outbox::{self, Refused};
use crate::infra::postgres;
use crate::kernel::id::Id;
use crate::ledger::books::Book;
use crate::ledger::categories::category::Category;
use crate::ledger::categories::repo;
use crate::ledger::events::CategoryDeleted;

/// Why it is still there.
#[derive(Debug, thiserror::Error)]
pub enum DeleteCategoryError<E> {
    /// There is no such category.
    #[error("there is no such category")]
    Gone,
    /// It was made of another version.
    #[error("it was made of another version")]
    Version(E),
    /// Something is in it: money, parts, or what was merged into it.
    #[error("something is in it")]
    InUse,
    /// Its event could not be written down.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The database did not answer.
    #[error(transparent)]
    Database(sqlx::Error),
}

impl<E> From<sqlx::Error> for DeleteCategoryError<E> {
    fn from(error: sqlx::Error) -> Self {
        match postgres::violated(&error) {
            Some(_) => Self::InUse,
            None => Self::Database(error),
        }
    }
}

/// Deletes a category, whose version passes `check`, of a book that is locked.
pub async fn delete_category<E>(
    tx: &mut Tx,
    book: Id<Book>,
    id: Id<Category>,
    check: impl FnOnce(i64) -> Result<(), E>,
) -> Result<(), DeleteCategoryError<E>> {
    let before = repo::of_book(tx, book, id)
        .await?
        .ok_or(DeleteCategoryError::Gone)?;
    check(before.version).map_err(DeleteCategoryError::Version)?;
    repo::delete(tx, id).await?;
    outbox::emit(tx, &CategoryDeleted::of(book, &before)).await?;
    Ok(())
}
