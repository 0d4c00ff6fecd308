//! What the feed asks PostgreSQL: the audit log, whose a book is, and which generation of keys in Redis is good.

use std::collections::HashMap;

use sqlx::PgPool;
use uuid::Uuid;

use crate::feed::item::{Happened, SHOWN};

/// How many things a feed has at most.
pub const KEPT: i64 = 1000;

/// Somebody who has a feed.
#[derive(Clone, Copy, Debug)]
pub struct Owner {
    /// Their account.
    pub account: Uuid,
    /// Their book, if they have one.
    pub book: Option<Uuid>,
}

/// The owner of an account, if it is there.
pub async fn owner(pool: &PgPool, account: Uuid) -> sqlx::Result<Option<Owner>> {
    sqlx::query_as!(
        Owner,
        r#"SELECT users.id AS account, books.id AS "book?" FROM users LEFT JOIN books ON books.owner_id = users.id
           WHERE users.id = $1"#,
        account,
    )
    .fetch_optional(pool)
    .await
}

/// Whose some books are. One that is gone has nobody.
pub async fn owners(pool: &PgPool, books: &[Uuid]) -> sqlx::Result<HashMap<Uuid, Uuid>> {
    let found = sqlx::query!("SELECT id, owner_id FROM books WHERE id = ANY($1)", books)
        .fetch_all(pool)
        .await?;
    Ok(found
        .into_iter()
        .map(|row| (row.id, row.owner_id))
        .collect())
}

/// Which part of a feed.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Only what is older than this.
    pub before: Option<Uuid>,
    /// Only this and what is newer.
    pub from: Uuid,
    /// How many at most, the newest of them.
    pub limit: i64,
}

/// A part of somebody's feed, the newest first.
pub async fn part(pool: &PgPool, owner: Owner, part: Part) -> sqlx::Result<Vec<Happened>> {
    let shown: Vec<String> = SHOWN.iter().map(|kind| (*kind).to_owned()).collect();
    // Two indexes, each read from its newest entry: what happened to the account, and in the book.
    sqlx::query_as!(
        Happened,
        r#"WITH newest AS (
               (SELECT event_id FROM audit_log
                WHERE subject = $1 AND type = ANY($3) AND event_id >= $5 ORDER BY event_id DESC LIMIT $7)
               UNION ALL
               (SELECT event_id FROM audit_log
                WHERE data ->> 'book_id' = $2 AND type = ANY($3) AND event_id >= $5 ORDER BY event_id DESC LIMIT $7)
               ORDER BY event_id DESC LIMIT $7
           )
           SELECT event_id AS "id!", type AS "kind", subject, actor_id AS actor, occurred_at AS at, data
           FROM newest JOIN audit_log USING (event_id)
           WHERE $4::uuid IS NULL OR event_id < $4
           ORDER BY event_id DESC LIMIT $6"#,
        owner.account,
        owner.book.map(|book| book.to_string()),
        &shown,
        part.before,
        part.from,
        part.limit,
        KEPT,
    )
    .fetch_all(pool)
    .await
}

/// The generation whose keys are good.
pub async fn generation(pool: &PgPool) -> sqlx::Result<i64> {
    sqlx::query_scalar!("SELECT generation FROM feed_generation")
        .fetch_one(pool)
        .await
}

/// Notes that keys are made in a generation. `false`: it is not the good one any more.
pub async fn use_generation(pool: &PgPool, generation: i64) -> sqlx::Result<bool> {
    sqlx::query!(
        "UPDATE feed_generation SET used = true WHERE generation = $1 AND NOT used",
        generation,
    )
    .execute(pool)
    .await?;
    Ok(self::generation(pool).await? == generation)
}

/// Goes on to the next generation, unless no key was made in this one: what could not be written may be missing in any of
/// its keys.
pub async fn leave_generation(pool: &PgPool) -> sqlx::Result<()> {
    sqlx::query!("UPDATE feed_generation SET generation = generation + 1, used = false WHERE used")
        .execute(pool)
        .await?;
    Ok(())
}
