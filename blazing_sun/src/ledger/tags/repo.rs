//! The table `tags`; one function a question.

use std::collections::BTreeSet;

use sqlx::{PgExecutor, PgPool};
use uuid::Uuid;

use crate::flow::ctx::Tx;
use crate::kernel::id::{self, Id};
use crate::kernel::name::Label;
use crate::ledger::books::{Book, Owner};
use crate::ledger::by_name::Cursor;
use crate::ledger::tags::tag::Tag;
use crate::ledger::transactions::Named;

/// A page of somebody's tags by their names, each with its place in the list.
pub async fn list(
    pool: &PgPool,
    owner: Id<Owner>,
    after: Option<Cursor>,
    limit: i64,
) -> sqlx::Result<Vec<(Tag, Cursor)>> {
    // No name comes before the empty one.
    let after = after.unwrap_or_else(|| Cursor {
        key: String::new(),
        id: Uuid::nil(),
    });
    let rows = sqlx::query!(
        r#"SELECT id, name, lower(name) AS "key!", version, created_at FROM tags
           WHERE book_id = (SELECT id FROM books WHERE owner_id = $1)
             AND lower(name) >= $2 AND (lower(name), id) > ($2, $3)
           ORDER BY lower(name), id LIMIT $4"#,
        owner.uuid(),
        after.key,
        after.id,
        limit,
    )
    .fetch_all(pool)
    .await?;
    let placed = rows.into_iter().map(|row| {
        let cursor = Cursor {
            key: row.key,
            id: row.id,
        };
        let tag = Tag {
            id: row.id.into(),
            name: row.name,
            version: row.version,
            created_at: row.created_at,
        };
        (tag, cursor)
    });
    Ok(placed.collect())
}

/// A tag of somebody's.
pub async fn find(
    from: impl PgExecutor<'_>,
    owner: Id<Owner>,
    id: Id<Tag>,
) -> sqlx::Result<Option<Tag>> {
    let found = sqlx::query!(
        "SELECT tags.id, name, tags.version, tags.created_at FROM tags JOIN books ON books.id = book_id
         WHERE owner_id = $1 AND tags.id = $2",
        owner.uuid(),
        id.uuid(),
    )
    .fetch_optional(from)
    .await?;
    Ok(found.map(|row| Tag {
        id: row.id.into(),
        name: row.name,
        version: row.version,
        created_at: row.created_at,
    }))
}

/// The tags of some names, each once; those that are not there are made.
pub async fn named(tx: &mut Tx, book: Id<Book>, names: &[Label]) -> sqlx::Result<Vec<Named>> {
    let now = tx.now();
    let mut seen = BTreeSet::new();
    let names: Vec<String> = names
        .iter()
        .map(|name| name.as_str().to_owned())
        .filter(|name| seen.insert(name.to_lowercase()))
        .collect();
    let ids: Vec<Uuid> = names.iter().map(|_| id::new()).collect();
    sqlx::query_as!(
        Named,
        r#"WITH asked AS (
               SELECT id, name FROM unnest($2::uuid[], $3::text[]) AS asked (id, name)
           ), known AS (
               SELECT tags.id, tags.name FROM tags JOIN asked ON lower(tags.name) = lower(asked.name) WHERE tags.book_id = $1
           ), new AS (
               INSERT INTO tags (id, book_id, name, created_at)
               SELECT id, $1, name, $4 FROM asked
               WHERE NOT EXISTS (SELECT FROM known WHERE lower(known.name) = lower(asked.name))
               ORDER BY lower(name)
               ON CONFLICT (book_id, lower(name)) DO UPDATE SET name = tags.name RETURNING id, name
           )
           SELECT id AS "id!", name AS "name!" FROM known UNION ALL SELECT id, name FROM new"#,
        book.uuid(),
        &ids,
        &names,
        now,
    )
    .fetch_all(tx.conn())
    .await
}

/// The tags of some names that are there, each with the place of its name among them, from 1.
pub async fn known(
    tx: &mut Tx,
    book: Id<Book>,
    names: &[Label],
) -> sqlx::Result<Vec<(usize, Uuid)>> {
    let names: Vec<String> = names.iter().map(|name| name.as_str().to_owned()).collect();
    let rows = sqlx::query!(
        r#"SELECT asked.no AS "no!", tags.id FROM unnest($2::text[]) WITH ORDINALITY AS asked (name, no)
                  JOIN tags ON lower(tags.name) = lower(asked.name) WHERE tags.book_id = $1"#,
        book.uuid(),
        &names,
    )
    .fetch_all(tx.conn())
    .await?;
    let found = rows.into_iter();
    Ok(found
        .filter_map(|row| Some((usize::try_from(row.no).ok()?, row.id)))
        .collect())
}

/// Keeps what a tag is called now.
pub async fn update(tx: &mut Tx, tag: &Tag) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE tags SET name = $2, version = $3 WHERE id = $1",
        tag.id.uuid(),
        tag.name,
        tag.version,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes a tag off everything that has it. (Before it is deleted: who changes a transaction at the same time holds what the
/// foreign key would want, and wants what it would hold.)
pub async fn take_off(tx: &mut Tx, id: Id<Tag>) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM transaction_tags WHERE tag_id = $1", id.uuid())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Deletes a tag.
pub async fn delete(tx: &mut Tx, id: Id<Tag>) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM tags WHERE id = $1", id.uuid())
        .execute(tx.conn())
        .await?;
    Ok(())
}
