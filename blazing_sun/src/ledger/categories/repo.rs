//! The table `categories`; one function a question.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgExecutor};
use uuid::Uuid;

use crate::flow::ctx::Tx;
use crate::kernel::id::Id;
use crate::ledger::books::{Book, Owner};
use crate::ledger::categories::category::Category;

#[derive(FromRow)]
struct Row {
    id: Uuid,
    parent_id: Option<Uuid>,
    name: String,
    kind: String,
    color: String,
    icon: String,
    merged_into: Option<Uuid>,
    counts_as: Uuid,
    archived_at: Option<DateTime<Utc>>,
    version: i64,
    created_at: DateTime<Utc>,
}

impl TryFrom<Row> for Category {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.id.into(),
            parent_id: row.parent_id.map(Id::from),
            name: row.name,
            kind: row
                .kind
                .parse()
                .map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
            color: row.color,
            icon: row.icon,
            merged_into: row.merged_into.map(Id::from),
            counts_as: row.counts_as.into(),
            archived_at: row.archived_at,
            version: row.version,
            created_at: row.created_at,
        })
    }
}

/// Somebody's categories by their names, each whole before its parts. (There is a bound to their number.)
pub async fn list(from: impl PgExecutor<'_>, owner: Id<Owner>) -> sqlx::Result<Vec<Category>> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT c.id, c.parent_id, c.name, c.kind, c.color, c.icon, c.merged_into, c.counts_as, c.archived_at, c.version,
                c.created_at
         FROM categories c JOIN books ON books.id = c.book_id LEFT JOIN categories p ON p.id = c.parent_id
         WHERE owner_id = $1
         ORDER BY c.kind, lower(coalesce(p.name, c.name)), coalesce(p.id, c.id), p.id IS NOT NULL, lower(c.name)",
        owner.uuid(),
    )
    .fetch_all(from)
    .await?;
    rows.into_iter().map(Category::try_from).collect()
}

/// A category of somebody's.
pub async fn find(
    from: impl PgExecutor<'_>,
    owner: Id<Owner>,
    id: Id<Category>,
) -> sqlx::Result<Option<Category>> {
    let found = sqlx::query_as!(
        Row,
        "SELECT c.id, parent_id, name, kind, color, icon, merged_into, counts_as, archived_at, c.version, c.created_at
         FROM categories c JOIN books ON books.id = book_id WHERE owner_id = $1 AND c.id = $2",
        owner.uuid(),
        id.uuid(),
    )
    .fetch_optional(from)
    .await?;
    found.map(Category::try_from).transpose()
}

/// A category of a book that is locked, so that its tree stays as it is.
pub async fn of_book(
    tx: &mut Tx,
    book: Id<Book>,
    id: Id<Category>,
) -> sqlx::Result<Option<Category>> {
    let found = sqlx::query_as!(
        Row,
        "SELECT id, parent_id, name, kind, color, icon, merged_into, counts_as, archived_at, version, created_at
         FROM categories WHERE book_id = $1 AND id = $2",
        book.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    found.map(Category::try_from).transpose()
}

/// How many categories a book has.
pub async fn count(tx: &mut Tx, book: Id<Book>) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM categories WHERE book_id = $1"#,
        book.uuid(),
    )
    .fetch_one(tx.conn())
    .await
}

/// Whether a category has parts.
pub async fn has_parts(tx: &mut Tx, book: Id<Book>, id: Id<Category>) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM categories WHERE book_id = $1 AND parent_id = $2) AS "has_parts!""#,
        book.uuid(),
        id.uuid(),
    )
    .fetch_one(tx.conn())
    .await
}

/// Adds categories, each behind the one that it is part of.
pub async fn insert(tx: &mut Tx, book: Id<Book>, categories: &[Category]) -> sqlx::Result<()> {
    let ids: Vec<Uuid> = categories.iter().map(|new| new.id.uuid()).collect();
    let parents: Vec<Option<Uuid>> = categories
        .iter()
        .map(|new| new.parent_id.map(Id::uuid))
        .collect();
    let text = |of: fn(&Category) -> &str| -> Vec<String> {
        categories.iter().map(|new| of(new).to_owned()).collect()
    };
    let now = tx.now();
    sqlx::query!(
        "INSERT INTO categories (id, book_id, parent_id, name, kind, color, icon, counts_as, created_at)
         SELECT id, $1, parent_id, name, kind, color, icon, id, $8
         FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[])
              AS new (id, parent_id, name, kind, color, icon)",
        book.uuid(),
        &ids,
        &parents as &[Option<Uuid>],
        &text(|new| &new.name),
        &text(|new| new.kind.name()),
        &text(|new| &new.color),
        &text(|new| &new.icon),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Keeps what was changed.
pub async fn update(tx: &mut Tx, category: &Category) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE categories
         SET parent_id = $2, name = $3, color = $4, icon = $5, merged_into = $6, archived_at = $7, version = $8
         WHERE id = $1",
        category.id.uuid(),
        category.parent_id.map(Id::uuid),
        category.name,
        category.color,
        category.icon,
        category.merged_into.map(Id::uuid),
        category.archived_at,
        category.version,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Finds out anew where the merging of each category leads, in a book that is locked.
pub async fn resolve(tx: &mut Tx, book: Id<Book>) -> sqlx::Result<()> {
    sqlx::query!(
        "WITH RECURSIVE led (id, to_id, next) AS (
             SELECT id, id, merged_into FROM categories WHERE book_id = $1
             UNION ALL
             SELECT led.id, c.id, c.merged_into FROM led JOIN categories c ON c.id = led.next
         )
         UPDATE categories SET counts_as = led.to_id FROM led
         WHERE book_id = $1 AND led.id = categories.id AND led.next IS NULL AND counts_as <> led.to_id",
        book.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Deletes a category; an error of a foreign key says that something is in it.
pub async fn delete(tx: &mut Tx, id: Id<Category>) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM categories WHERE id = $1", id.uuid())
        .execute(tx.conn())
        .await?;
    Ok(())
}
