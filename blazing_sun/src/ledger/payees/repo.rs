//! The tables `payees` and `payee_names`; one function a question.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgExecutor, PgPool, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::flow::ctx::Tx;
use crate::kernel::id::{self, Id};
use crate::kernel::name::Label;
use crate::ledger::books::{Book, Owner};
use crate::ledger::by_name::{Cursor, Part};
use crate::ledger::payees::payee::{Habit, Payee};
use crate::ledger::transactions::repo::spelling;
use crate::ledger::transactions::{Named, pattern};

/// Payees `p` of somebody's book.
const WHOLE: &str = "
    SELECT p.id, p.name, lower(p.name) AS key, p.version, p.created_at,
           ARRAY(SELECT n.key FROM payee_names n WHERE n.book_id = p.book_id AND n.payee_id = p.id) AS names
    FROM payees p WHERE p.book_id = (SELECT id FROM books WHERE owner_id = ";

#[derive(FromRow)]
struct Row {
    id: Uuid,
    name: String,
    key: String,
    version: i64,
    created_at: DateTime<Utc>,
    names: Vec<String>,
}

impl From<Row> for Payee {
    fn from(row: Row) -> Self {
        let own = spelling(&row.name);
        let mut aliases = row.names;
        aliases.retain(|name| *name != own);
        aliases.sort_unstable();
        Self {
            id: row.id.into(),
            name: row.name,
            aliases,
            version: row.version,
            created_at: row.created_at,
        }
    }
}

fn whole(owner: Id<Owner>) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new(WHOLE);
    query.push_bind(owner.uuid()).push(")");
    query
}

/// A page of somebody's payees by their names, each with its place in the list; only those of which a spelling has `part`.
pub async fn list(
    pool: &PgPool,
    owner: Id<Owner>,
    part: Option<&Part>,
    after: Option<Cursor>,
    limit: i64,
) -> sqlx::Result<Vec<(Payee, Cursor)>> {
    let mut query = whole(owner);
    if let Some(part) = part {
        query
            .push(" AND p.id IN (SELECT n.payee_id FROM payee_names n WHERE n.book_id = (SELECT id FROM books WHERE owner_id = ")
            .push_bind(owner.uuid())
            .push(") AND n.key LIKE ")
            .push_bind(pattern(&spelling(part.as_str())))
            .push(")");
    }
    if let Some(after) = after {
        query
            .push(" AND (lower(p.name), p.id) > (")
            .push_bind(after.key)
            .push(", ")
            .push_bind(after.id)
            .push(")");
    }
    query
        .push(" ORDER BY lower(p.name), p.id LIMIT ")
        .push_bind(limit);
    let rows: Vec<Row> = query.build_query_as().fetch_all(pool).await?;
    let placed = rows.into_iter().map(|mut row| {
        let key = std::mem::take(&mut row.key);
        let cursor = Cursor { key, id: row.id };
        (Payee::from(row), cursor)
    });
    Ok(placed.collect())
}

/// A payee of somebody's.
pub async fn find(
    from: impl PgExecutor<'_>,
    owner: Id<Owner>,
    id: Id<Payee>,
) -> sqlx::Result<Option<Payee>> {
    let mut query = whole(owner);
    query.push(" AND p.id = ").push_bind(id.uuid());
    let found: Option<Row> = query.build_query_as().fetch_optional(from).await?;
    Ok(found.map(Payee::from))
}

/// The payee of somebody's that a spelling leads to.
pub async fn spelt(pool: &PgPool, owner: Id<Owner>, name: &str) -> sqlx::Result<Option<Named>> {
    sqlx::query_as!(
        Named,
        "SELECT p.id, p.name FROM payee_names n JOIN books ON books.id = n.book_id JOIN payees p ON p.id = n.payee_id
         WHERE owner_id = $1 AND key = $2",
        owner.uuid(),
        spelling(name),
    )
    .fetch_optional(pool)
    .await
}

/// What was said of the newest transaction with a payee.
pub async fn habit(pool: &PgPool, owner: Id<Owner>, id: Id<Payee>) -> sqlx::Result<Habit> {
    let found = sqlx::query_as!(
        Habit,
        "SELECT (SELECT r.id FROM lines l JOIN categories c ON c.id = l.category_id JOIN categories r ON r.id = c.counts_as
                 WHERE l.transaction_id = t.id AND r.archived_at IS NULL ORDER BY l.no LIMIT 1) AS category_id,
                (SELECT w.id FROM entries e JOIN wallets w ON w.id = e.wallet_id
                 WHERE e.transaction_id = t.id AND w.archived_at IS NULL ORDER BY e.no LIMIT 1) AS wallet_id
         FROM transactions t
         WHERE t.book_id = (SELECT id FROM books WHERE owner_id = $1) AND t.payee_id = $2
         ORDER BY t.date DESC, t.id DESC LIMIT 1",
        owner.uuid(),
        id.uuid(),
    )
    .fetch_optional(pool)
    .await?;
    Ok(found.unwrap_or_default())
}

/// The payee that a name leads to; if it leads to none, a new one.
pub async fn named(tx: &mut Tx, book: Id<Book>, name: &Label) -> sqlx::Result<Named> {
    let now = tx.now();
    // On conflict somebody else has just made it: theirs counts.
    sqlx::query_as!(
        Named,
        r#"WITH known AS (
               SELECT payees.id, payees.name FROM payee_names JOIN payees ON payees.id = payee_names.payee_id
               WHERE payee_names.book_id = $1 AND key = $2
           ), new_name AS (
               INSERT INTO payee_names (book_id, key, payee_id) SELECT $1, $2, $3 WHERE NOT EXISTS (SELECT FROM known)
               ON CONFLICT (book_id, key) DO UPDATE SET key = excluded.key RETURNING payee_id
           ), new_payee AS (
               INSERT INTO payees (id, book_id, name, created_at)
               SELECT payee_id, $1, $4, $5 FROM new_name WHERE payee_id = $3
           )
           SELECT id AS "id!", name AS "name!" FROM known UNION ALL SELECT payee_id, $4::text FROM new_name"#,
        book.uuid(),
        spelling(name.as_str()),
        id::new(),
        name.as_str(),
        now,
    )
    .fetch_one(tx.conn())
    .await
}

/// Has exactly these spellings lead to a payee, its own name among them. Returns those that lead to others; then all has to be
/// rolled back.
pub async fn keep_names(
    tx: &mut Tx,
    book: Id<Book>,
    id: Id<Payee>,
    names: &BTreeSet<String>,
) -> sqlx::Result<Vec<String>> {
    let names: Vec<String> = names.iter().cloned().collect();
    sqlx::query!(
        "WITH gone AS (DELETE FROM payee_names WHERE book_id = $1 AND payee_id = $2 AND key <> ALL($3))
         INSERT INTO payee_names (book_id, key, payee_id) SELECT $1, key, $2 FROM unnest($3::text[]) AS new (key) ORDER BY key
         ON CONFLICT (book_id, key) DO NOTHING",
        book.uuid(),
        id.uuid(),
        &names,
    )
    .execute(tx.conn())
    .await?;
    sqlx::query_scalar!(
        "SELECT key FROM payee_names WHERE book_id = $1 AND key = ANY($3) AND payee_id <> $2",
        book.uuid(),
        id.uuid(),
        &names,
    )
    .fetch_all(tx.conn())
    .await
}

/// Keeps what a payee is called now.
pub async fn update(tx: &mut Tx, payee: &Payee) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE payees SET name = $2, version = $3 WHERE id = $1",
        payee.id.uuid(),
        payee.name,
        payee.version,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Moves the transactions of a payee to another one.
pub async fn move_transactions(
    tx: &mut Tx,
    book: Id<Book>,
    from: Id<Payee>,
    to: Id<Payee>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE transactions SET payee_id = $3 WHERE book_id = $1 AND payee_id = $2",
        book.uuid(),
        from.uuid(),
        to.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Has rules that name a payee name another one.
pub async fn move_rules(
    tx: &mut Tx,
    book: Id<Book>,
    from: Id<Payee>,
    to: Id<Payee>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE rules SET payee_id = $3, version = version + 1 WHERE book_id = $1 AND payee_id = $2",
        book.uuid(),
        from.uuid(),
        to.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Has all spellings of a payee lead to another one.
pub async fn move_names(
    tx: &mut Tx,
    book: Id<Book>,
    from: Id<Payee>,
    to: Id<Payee>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE payee_names SET payee_id = $3 WHERE book_id = $1 AND payee_id = $2",
        book.uuid(),
        from.uuid(),
        to.uuid(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Deletes a payee and its spellings; an error of a foreign key says that something names it.
pub async fn delete(tx: &mut Tx, id: Id<Payee>) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM payees WHERE id = $1", id.uuid())
        .execute(tx.conn())
        .await?;
    Ok(())
}
