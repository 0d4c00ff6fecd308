//! Renaming a tag, wherever it is.

use crate::flow::ctx::Tx;
use crate::infra::postgres;
use crate::kernel::id::Id;
use crate::kernel::name::Label;
use crate::ledger::books::Owner;
use crate::ledger::tags::repo;
use crate::ledger::tags::tag::Tag;

/// Why it is called as before.
#[derive(Debug, thiserror::Error)]
pub enum RenameTagError<E> {
    /// There is no such tag.
    #[error("there is no such tag")]
    Gone,
    /// It was made of another version.
    #[error("it was made of another version")]
    Version(E),
    /// Another tag is called so.
    #[error("another tag is called so")]
    NameTaken,
    /// The database did not answer.
    #[error(transparent)]
    Database(sqlx::Error),
}

impl<E> From<sqlx::Error> for RenameTagError<E> {
    fn from(error: sqlx::Error) -> Self {
        match postgres::violated(&error) {
            Some("tags_name") => Self::NameTaken,
            _ => Self::Database(error),
        }
    }
}

/// Renames a tag, whose version passes `check`, of a book that is locked.
pub async fn rename_tag<E>(
    tx: &mut Tx,
    owner: Id<Owner>,
    id: Id<Tag>,
    name: Label,
    check: impl FnOnce(i64) -> Result<(), E>,
) -> Result<Tag, RenameTagError<E>> {
    let before = repo::find(tx.conn(), owner, id)
        .await?
        .ok_or(RenameTagError::Gone)?;
    check(before.version).map_err(RenameTagError::Version)?;
    let after = Tag {
        name: name.as_str().to_owned(),
        version: before.version + 1,
        ..before
    };
    repo::update(tx, &after).await?;
    Ok(after)
}
