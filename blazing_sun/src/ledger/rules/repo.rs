//! The tables of rules; one function a question.

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use sqlx::{FromRow, PgExecutor, PgPool, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::flow::ctx::Tx;
use crate::kernel::id::Id;
use crate::ledger::books::{Book, Owner};
use crate::ledger::rules::rule::{Rule, Sorted};
use crate::ledger::transactions::{
    self, Cursor, MAX_TAGS, Named, Reconciled, Transaction, push_words,
};

/// Rules `r` of books `b`, whole.
const WHOLE: &str = "
    SELECT r.id, r.position, r.contains, r.version, r.created_at,
           (SELECT jsonb_build_object('id', p.id, 'name', p.name) FROM payees p WHERE p.id = r.payee_id) AS payee,
           (SELECT jsonb_build_object('id', c.id, 'counts_as', c.counts_as) FROM categories c WHERE c.id = r.category_id) AS category,
           (SELECT coalesce(jsonb_agg(jsonb_build_object('id', g.id, 'name', g.name) ORDER BY lower(g.name)), '[]')
            FROM rule_tags x JOIN tags g ON g.id = x.tag_id WHERE x.rule_id = r.id) AS tags
    FROM rules r JOIN books b ON b.id = r.book_id
    WHERE b.owner_id = ";

#[derive(FromRow)]
struct Row {
    id: Uuid,
    position: i32,
    contains: String,
    version: i64,
    created_at: DateTime<Utc>,
    payee: Option<Json<Named>>,
    category: Option<Json<Sorted>>,
    tags: Json<Vec<Named>>,
}

impl From<Row> for Rule {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.into(),
            position: row.position,
            contains: row.contains,
            payee: row.payee.map(|Json(payee)| payee),
            category: row.category.map(|Json(category)| category),
            tags: row.tags.0,
            version: row.version,
            created_at: row.created_at,
        }
    }
}

fn whole(owner: Id<Owner>) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new(WHOLE);
    query.push_bind(owner.uuid());
    query
}

/// Somebody's rules in their order. (There is a bound to their number.)
pub async fn list(pool: &PgPool, owner: Id<Owner>) -> sqlx::Result<Vec<Rule>> {
    let mut query = whole(owner);
    query.push(" ORDER BY r.position");
    let rows: Vec<Row> = query.build_query_as().fetch_all(pool).await?;
    Ok(rows.into_iter().map(Rule::from).collect())
}

/// Somebody's rules whose text is in this one, in their order.
pub async fn about(pool: &PgPool, owner: Id<Owner>, text: &str) -> sqlx::Result<Vec<Rule>> {
    let mut query = whole(owner);
    query
        .push(" AND strpos(lower(")
        .push_bind(text.to_owned())
        .push("), lower(r.contains)) > 0 ORDER BY r.position");
    let rows: Vec<Row> = query.build_query_as().fetch_all(pool).await?;
    Ok(rows.into_iter().map(Rule::from).collect())
}

/// A rule of somebody's.
pub async fn find(
    from: impl PgExecutor<'_>,
    owner: Id<Owner>,
    id: Id<Rule>,
) -> sqlx::Result<Option<Rule>> {
    let mut query = whole(owner);
    query.push(" AND r.id = ").push_bind(id.uuid());
    let found: Option<Row> = query.build_query_as().fetch_optional(from).await?;
    Ok(found.map(Rule::from))
}

/// How many rules a book has.
pub async fn count(tx: &mut Tx, book: Id<Book>) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM rules WHERE book_id = $1"#,
        book.uuid(),
    )
    .fetch_one(tx.conn())
    .await
}

/// Adds a rule behind all others of a book that is locked.
pub async fn insert(tx: &mut Tx, book: Id<Book>, id: Id<Rule>) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query!(
        "INSERT INTO rules (id, book_id, position, contains, version, created_at)
         SELECT $1, $2, count(*) + 1, '', 0, $3 FROM rules WHERE book_id = $2",
        id.uuid(),
        book.uuid(),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What a rule says.
pub struct Saying<'a> {
    /// What a note or a payee's name has to have in it.
    pub contains: &'a str,
    /// The payee.
    pub payee_id: Option<Uuid>,
    /// The category.
    pub category_id: Option<Uuid>,
    /// The tags.
    pub tag_ids: &'a [Uuid],
}

/// Keeps what a rule says now, as its next version.
pub async fn update(
    tx: &mut Tx,
    book: Id<Book>,
    id: Id<Rule>,
    saying: Saying<'_>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "WITH lost AS (
             DELETE FROM rule_tags WHERE rule_id = $2 AND tag_id <> ALL($6)
         ), got AS (
             INSERT INTO rule_tags (rule_id, tag_id, book_id) SELECT $2, tag_id, $1 FROM unnest($6::uuid[]) AS new (tag_id)
             ON CONFLICT (rule_id, tag_id) DO NOTHING
         )
         UPDATE rules SET contains = $3, payee_id = $4, category_id = $5, version = version + 1 WHERE book_id = $1 AND id = $2",
        book.uuid(),
        id.uuid(),
        saying.contains,
        saying.payee_id,
        saying.category_id,
        saying.tag_ids,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Moves a rule of a book that is locked to another place; those between move up or down.
pub async fn move_to(
    tx: &mut Tx,
    book: Id<Book>,
    id: Id<Rule>,
    from: i32,
    to: i32,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE rules SET position = CASE WHEN id = $2 THEN $4 WHEN $3::integer < $4::integer THEN position - 1 ELSE position + 1 END
         WHERE book_id = $1 AND position BETWEEN least($3::integer, $4::integer) AND greatest($3, $4)",
        book.uuid(),
        id.uuid(),
        from,
        to,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Deletes a rule of a book that is locked; those behind it move up.
pub async fn delete(tx: &mut Tx, book: Id<Book>, rule: &Rule) -> sqlx::Result<()> {
    sqlx::query!(
        "WITH gone AS (DELETE FROM rules WHERE book_id = $1 AND id = $2)
         UPDATE rules SET position = position - 1 WHERE book_id = $1 AND position > $3",
        book.uuid(),
        rule.id.uuid(),
        rule.position,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Transactions of somebody's that a rule would change, the latest day first; only those of these ids, if some are given.
pub async fn affected(
    from: impl PgExecutor<'_>,
    owner: Id<Owner>,
    rule: &Rule,
    reconciled: Reconciled,
    ids: Option<&[Uuid]>,
    after: Option<Cursor>,
    limit: i64,
) -> sqlx::Result<Vec<Transaction>> {
    let narrow = |query: &mut QueryBuilder<Postgres>| {
        if let Some(ids) = ids {
            query
                .push(" AND t.id = ANY(")
                .push_bind(ids.to_vec())
                .push(")");
        }
        query.push(" AND t.kind = 'normal'");
        push_words(query, owner, &rule.contains);
        if reconciled == Reconciled::Keep {
            query.push(
                " AND NOT EXISTS (SELECT FROM entries e WHERE e.transaction_id = t.id AND e.status = 'reconciled')",
            );
        }
        push_difference(query, rule);
    };
    transactions::repo::narrowed(from, owner, narrow, after, limit).await
}

/// It is not yet what [`Rule::sort`] would make of it.
fn push_difference(query: &mut QueryBuilder<Postgres>, rule: &Rule) {
    query.push(" AND (false");
    if let Some(payee) = &rule.payee {
        query
            .push(" OR t.payee_id IS DISTINCT FROM ")
            .push_bind(payee.id);
    }
    if let Some(category) = rule.category {
        query
            .push(" OR (SELECT count(*) = 1 AND bool_and(c.counts_as IS DISTINCT FROM ")
            .push_bind(category.counts_as)
            .push(") FROM lines l LEFT JOIN categories c ON c.id = l.category_id WHERE l.transaction_id = t.id)");
    }
    if !rule.tags.is_empty() {
        let tags: Vec<Uuid> = rule.tags.iter().map(|tag| tag.id).collect();
        let wanted = i64::try_from(tags.len()).unwrap_or(i64::MAX);
        let most = i64::try_from(MAX_TAGS).unwrap_or(i64::MAX);
        // Some are missing, and there is room for them.
        query
            .push(" OR (SELECT count(*) FILTER (WHERE x.tag_id = ANY(")
            .push_bind(tags.clone())
            .push(")) < ")
            .push_bind(wanted)
            .push(" AND count(*) FILTER (WHERE x.tag_id <> ALL(")
            .push_bind(tags)
            .push(")) + ")
            .push_bind(wanted)
            .push(" <= ")
            .push_bind(most)
            .push(" FROM transaction_tags x WHERE x.transaction_id = t.id)");
    }
    query.push(")");
}
