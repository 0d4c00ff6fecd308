//! Changing a category: its name, its looks, its place, and whether it is in use. Its kind stays.

use crate::flow::ctx::Tx;
use crate::flow::outbox::{self, Refused};
use crate::infra::postgres;
use crate::kernel::id::Id;
use crate::kernel::name::Label;
use crate::ledger::books::Book;
use crate::ledger::categories::category::{Category, Color, Icon};
use crate::ledger::categories::create_category::{NoPlace, check_parent};
use crate::ledger::categories::repo;
use crate::ledger::events::CategoryUpdated;

/// What is to change; the rest stays.
pub struct Changes {
    /// What it is part of; `Some(None)`: of nothing.
    pub parent_id: Option<Option<Id<Category>>>,
    /// What it is called.
    pub name: Option<Label>,
    /// Its colour.
    pub color: Option<Color>,
    /// Its icon.
    pub icon: Option<Icon>,
    /// Whether it is put away.
    pub archived: Option<bool>,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeCategoryError<E> {
    /// There is no such category.
    #[error("there is no such category")]
    Gone,
    /// It was made of another version.
    #[error("it was made of another version")]
    Version(E),
    /// It cannot be part of that.
    #[error(transparent)]
    NoPlace(#[from] NoPlace),
    /// Another one is called so there.
    #[error("another category is called so")]
    NameTaken,
    /// Its event could not be written down.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The database did not answer.
    #[error(transparent)]
    Database(sqlx::Error),
}

impl<E> From<sqlx::Error> for ChangeCategoryError<E> {
    fn from(error: sqlx::Error) -> Self {
        match postgres::violated(&error) {
            Some("categories_name") => Self::NameTaken,
            _ => Self::Database(error),
        }
    }
}

/// Changes a category, whose version passes `check`, of a book that is locked, and returns it as it is then.
pub async fn change_category<E>(
    tx: &mut Tx,
    book: Id<Book>,
    id: Id<Category>,
    changes: Changes,
    check: impl FnOnce(i64) -> Result<(), E>,
) -> Result<Category, ChangeCategoryError<E>> {
    let now = tx.now();
    let before = repo::of_book(tx, book, id)
        .await?
        .ok_or(ChangeCategoryError::Gone)?;
    check(before.version).map_err(ChangeCategoryError::Version)?;
    let mut after = before.clone();
    if let Some(parent_id) = changes.parent_id {
        if let Some(parent_id) = parent_id {
            let parent = repo::of_book(tx, book, parent_id).await?;
            check_parent(parent.as_ref(), before.kind)?;
            if parent_id == id || repo::has_parts(tx, book, id).await? {
                return Err(NoPlace::HasParts.into());
            }
        }
        after.parent_id = parent_id;
    }
    if let Some(name) = changes.name {
        name.as_str().clone_into(&mut after.name);
    }
    if let Some(color) = changes.color {
        color.as_str().clone_into(&mut after.color);
    }
    if let Some(icon) = changes.icon {
        icon.as_str().clone_into(&mut after.icon);
    }
    after.archived_at = match changes.archived {
        Some(true) => before.archived_at.or(Some(now)),
        Some(false) => None,
        None => before.archived_at,
    };
    after.version += 1;
    repo::update(tx, &after).await?;
    outbox::emit(tx, &CategoryUpdated::of(book, &before, &after)).await?;
    Ok(after)
}
