//! Merging a category into another, and separating them again. What was written down for the one stays with it; on reading,
//! the other counts.

use crate::flow::ctx::Tx;
use crate::flow::outbox::{self, Refused};
use crate::infra::postgres;
use crate::kernel::id::Id;
use crate::ledger::books::Book;
use crate::ledger::categories::category::Category;
use crate::ledger::categories::repo;
use crate::ledger::events::CategoryUpdated;

/// Why nothing was merged or separated.
#[derive(Debug, thiserror::Error)]
pub enum MergeCategoryError<E> {
    /// There is no such category.
    #[error("there is no such category")]
    Gone,
    /// It was made of another version.
    #[error("it was made of another version")]
    Version(E),
    /// There is no such category to merge into.
    #[error("there is no such category to merge into")]
    NoTarget,
    /// That would lead back to itself.
    #[error("that would lead back to itself")]
    Circle,
    /// Money goes the other way there.
    #[error("the other category is of the other kind")]
    OtherKind,
    /// Its parts would be left behind.
    #[error("it has parts")]
    HasParts,
    /// It was merged before.
    #[error("it was merged before")]
    Merged,
    /// It was not merged.
    #[error("it was not merged")]
    NotMerged,
    /// Meanwhile another category is called so.
    #[error("another category is called so")]
    NameTaken,
    /// Its event could not be written down.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The database did not answer.
    #[error(transparent)]
    Database(sqlx::Error),
}

impl<E> From<sqlx::Error> for MergeCategoryError<E> {
    fn from(error: sqlx::Error) -> Self {
        match postgres::violated(&error) {
            Some("categories_name") => Self::NameTaken,
            _ => Self::Database(error),
        }
    }
}

/// Merges a category, whose version passes `check`, into another of the same book, which is locked.
pub async fn merge_category<E>(
    tx: &mut Tx,
    book: Id<Book>,
    id: Id<Category>,
    into: Id<Category>,
    check: impl FnOnce(i64) -> Result<(), E>,
) -> Result<Category, MergeCategoryError<E>> {
    let before = repo::of_book(tx, book, id)
        .await?
        .ok_or(MergeCategoryError::Gone)?;
    check(before.version).map_err(MergeCategoryError::Version)?;
    let target = repo::of_book(tx, book, into)
        .await?
        .ok_or(MergeCategoryError::NoTarget)?;
    if before.merged_into.is_some() {
        return Err(MergeCategoryError::Merged);
    }
    if target.counts_as == id {
        return Err(MergeCategoryError::Circle);
    }
    if target.kind != before.kind {
        return Err(MergeCategoryError::OtherKind);
    }
    if repo::has_parts(tx, book, id).await? {
        return Err(MergeCategoryError::HasParts);
    }
    keep(tx, book, before, Some(into)).await
}

/// Separates a category, whose version passes `check`, from the one that it was merged into.
pub async fn separate_category<E>(
    tx: &mut Tx,
    book: Id<Book>,
    id: Id<Category>,
    check: impl FnOnce(i64) -> Result<(), E>,
) -> Result<Category, MergeCategoryError<E>> {
    let before = repo::of_book(tx, book, id)
        .await?
        .ok_or(MergeCategoryError::Gone)?;
    check(before.version).map_err(MergeCategoryError::Version)?;
    if before.merged_into.is_none() {
        return Err(MergeCategoryError::NotMerged);
    }
    keep(tx, book, before, None).await
}

async fn keep<E>(
    tx: &mut Tx,
    book: Id<Book>,
    before: Category,
    merged_into: Option<Id<Category>>,
) -> Result<Category, MergeCategoryError<E>> {
    let after = Category {
        merged_into,
        version: before.version + 1,
        ..before.clone()
    };
    repo::update(tx, &after).await?;
    repo::resolve(tx, book).await?;
    outbox::emit(tx, &CategoryUpdated::of(book, &before, &after)).await?;
    Ok(repo::of_book(tx, book, after.id).await?.unwrap_or(after))
}
