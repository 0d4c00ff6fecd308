//! Making a category.

use crate::flow::ctx::Tx;
use crate::flow::outbox::{self, Refused};
use crate::infra::postgres;
use crate::kernel::id::Id;
use crate::kernel::name::Label;
use crate::ledger::books::Book;
use crate::ledger::categories::category::{Category, CategoryKind, Color, Icon};
use crate::ledger::categories::repo;
use crate::ledger::events::CategoryCreated;

/// How many categories a book may have.
pub const MAX_CATEGORIES: i64 = 500;

/// What is wanted.
pub struct NewCategory {
    /// What it is part of.
    pub parent_id: Option<Id<Category>>,
    /// What it is called.
    pub name: Label,
    /// Which way money goes.
    pub kind: CategoryKind,
    /// Its colour.
    pub color: Color,
    /// Its icon.
    pub icon: Icon,
}

/// Why a place among the categories is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPlace {
    /// There is no such category to be part of.
    #[error("is not one of your categories")]
    Unknown,
    /// That one is part of another itself.
    #[error("is part of another category itself: there are two levels")]
    TooDeep,
    /// Money goes the other way there.
    #[error("is of the other kind")]
    OtherKind,
    /// It was merged into another.
    #[error("was merged into another category")]
    Merged,
    /// It has parts itself.
    #[error("cannot hold a category that has parts: there are two levels")]
    HasParts,
}

/// Why no category was made.
#[derive(Debug, thiserror::Error)]
pub enum CreateCategoryError {
    /// It cannot be part of that.
    #[error(transparent)]
    NoPlace(#[from] NoPlace),
    /// Another one is called so there.
    #[error("another category is called so")]
    NameTaken,
    /// There are enough.
    #[error("a book has {MAX_CATEGORIES} categories at most")]
    TooMany,
    /// Its event could not be written down.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The database did not answer.
    #[error(transparent)]
    Database(sqlx::Error),
}

impl From<sqlx::Error> for CreateCategoryError {
    fn from(error: sqlx::Error) -> Self {
        match postgres::violated(&error) {
            Some("categories_name") => Self::NameTaken,
            _ => Self::Database(error),
        }
    }
}

/// Makes a category in a book that is locked.
pub async fn create_category(
    tx: &mut Tx,
    book: Id<Book>,
    new: NewCategory,
) -> Result<Category, CreateCategoryError> {
    if repo::count(tx, book).await? >= MAX_CATEGORIES {
        return Err(CreateCategoryError::TooMany);
    }
    if let Some(parent) = new.parent_id {
        let parent = repo::of_book(tx, book, parent).await?;
        check_parent(parent.as_ref(), new.kind)?;
    }
    let id = Id::new();
    let category = Category {
        id,
        parent_id: new.parent_id,
        name: new.name.as_str().to_owned(),
        kind: new.kind,
        color: new.color.as_str().to_owned(),
        icon: new.icon.as_str().to_owned(),
        merged_into: None,
        counts_as: id,
        archived_at: None,
        version: 1,
        created_at: tx.now(),
    };
    repo::insert(tx, book, std::slice::from_ref(&category)).await?;
    outbox::emit(tx, &CategoryCreated::of(book, &category)).await?;
    Ok(category)
}

/// Whether a category of a kind can be part of this one.
pub fn check_parent(parent: Option<&Category>, kind: CategoryKind) -> Result<(), NoPlace> {
    let parent = parent.ok_or(NoPlace::Unknown)?;
    if parent.parent_id.is_some() {
        return Err(NoPlace::TooDeep);
    }
    if parent.kind != kind {
        return Err(NoPlace::OtherKind);
    }
    if parent.merged_into.is_some() {
        return Err(NoPlace::Merged);
    }
    Ok(())
}
