//! The tables of transactions; one function a question. Children are never written alone: a transaction is written whole.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use sqlx::types::Json;
use sqlx::{FromRow, PgExecutor, PgPool, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::flow::ctx::Tx;
use crate::kernel::id::{self, Id};
use crate::kernel::name::Label;
use crate::ledger::books::Owner;
use crate::ledger::transactions::draft::Draft;
use crate::ledger::transactions::filter::{Cursor, Filter, push_book};
use crate::ledger::transactions::transaction::{Entry, Line, Named, Transaction};

/// What a transaction `t` is as a whole.
const WHOLE: &str = "
    SELECT t.id, t.book_id, t.date, t.kind, t.note, t.version, t.created_at, t.updated_at,
           (SELECT jsonb_build_object('id', p.id, 'name', p.name) FROM payees p WHERE p.id = t.payee_id) AS payee,
           (SELECT coalesce(jsonb_agg(jsonb_build_object('id', g.id, 'name', g.name) ORDER BY lower(g.name)), '[]')
            FROM transaction_tags x JOIN tags g ON g.id = x.tag_id WHERE x.transaction_id = t.id) AS tags,
           (SELECT jsonb_agg(jsonb_build_object('wallet_id', e.wallet_id, 'currency', e.currency, 'exponent', w.exponent,
                                                'amount', e.amount, 'status', e.status) ORDER BY e.no)
            FROM entries e JOIN wallets w ON w.id = e.wallet_id WHERE e.transaction_id = t.id) AS entries,
           (SELECT coalesce(jsonb_agg(jsonb_build_object('category_id', l.category_id, 'counts_as', c.counts_as,
                                                         'currency', l.currency, 'amount', l.amount) ORDER BY l.no), '[]')
            FROM lines l LEFT JOIN categories c ON c.id = l.category_id WHERE l.transaction_id = t.id) AS lines";

#[derive(FromRow)]
struct Row {
    id: Uuid,
    book_id: Uuid,
    date: NaiveDate,
    kind: String,
    note: String,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    payee: Option<Json<Named>>,
    tags: Json<Vec<Named>>,
    entries: Json<Vec<Entry>>,
    lines: Json<Vec<Line>>,
}

impl TryFrom<Row> for Transaction {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.id,
            book_id: row.book_id,
            date: row.date,
            kind: row
                .kind
                .parse()
                .map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
            payee: row.payee.map(|Json(payee)| payee),
            note: row.note,
            tags: row.tags.0,
            entries: row.entries.0,
            lines: row.lines.0,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// Transactions `t` of somebody's book, whole.
fn whole(owner: Id<Owner>) -> QueryBuilder<Postgres> {
    among(owner, &Filter::default())
}

/// Transactions `t` of somebody's book, whole, where a filter finds them. (The book by a question of its own and not by a join, so
/// that a page of a long list is read off the index by day instead of being sorted.)
fn among(owner: Id<Owner>, filter: &Filter) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new(WHOLE);
    filter.push_source(&mut query, owner);
    query.push(" WHERE t.book_id = ");
    push_book(&mut query, owner);
    filter.push(&mut query, owner);
    query
}

/// A transaction of somebody's.
pub async fn find(
    pool: &PgPool,
    owner: Id<Owner>,
    id: Id<Transaction>,
) -> sqlx::Result<Option<Transaction>> {
    let mut query = whole(owner);
    query.push(" AND t.id = ").push_bind(id.uuid());
    let found: Option<Row> = query.build_query_as().fetch_optional(pool).await?;
    found.map(Transaction::try_from).transpose()
}

/// The same, locked until the transaction ends.
pub async fn lock(
    tx: &mut Tx,
    owner: Id<Owner>,
    id: Id<Transaction>,
) -> sqlx::Result<Option<Transaction>> {
    Ok(lock_all(tx, owner, &[id.uuid()]).await?.pop())
}

/// Some transactions of somebody's, by their ids, locked until the transaction ends. Those that are not found are left out.
pub async fn lock_all(
    tx: &mut Tx,
    owner: Id<Owner>,
    ids: &[Uuid],
) -> sqlx::Result<Vec<Transaction>> {
    lock_rows(tx, owner, ids).await?;
    let mut query = whole(owner);
    query
        .push(" AND t.id = ANY(")
        .push_bind(ids.to_vec())
        .push(") ORDER BY t.id");
    let rows: Vec<Row> = query.build_query_as().fetch_all(tx.conn()).await?;
    rows.into_iter().map(Transaction::try_from).collect()
}

/// Locks transactions, always in the order of their ids. What belongs to them is to be read afterwards: a statement that waits
/// for a row sees the row as it is then, and everything else as it was before.
pub async fn lock_rows(tx: &mut Tx, owner: Id<Owner>, ids: &[Uuid]) -> sqlx::Result<()> {
    sqlx::query!(
        "SELECT t.id FROM transactions t JOIN books b ON b.id = t.book_id
         WHERE b.owner_id = $1 AND t.id = ANY($2) ORDER BY t.id FOR NO KEY UPDATE OF t",
        owner.uuid(),
        ids,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(())
}

/// Transactions of somebody's, by their ids.
pub async fn find_all(
    tx: &mut Tx,
    owner: Id<Owner>,
    ids: &[Uuid],
) -> sqlx::Result<Vec<Transaction>> {
    let mut query = whole(owner);
    query.push(" AND t.id = ANY(").push_bind(ids);
    query.push(") ORDER BY t.id");
    let rows: Vec<Row> = query.build_query_as().fetch_all(tx.conn()).await?;
    rows.into_iter().map(Transaction::try_from).collect()
}

/// A page of somebody's transactions, the latest day first.
pub async fn list(
    pool: &PgPool,
    owner: Id<Owner>,
    filter: &Filter,
    after: Option<Cursor>,
    limit: i64,
) -> sqlx::Result<Vec<Transaction>> {
    page(pool, among(owner, filter), after, limit).await
}

/// A page of those of somebody's transactions `t` that are left after narrowing them down.
pub async fn narrowed(
    from: impl PgExecutor<'_>,
    owner: Id<Owner>,
    narrow: impl FnOnce(&mut QueryBuilder<Postgres>),
    after: Option<Cursor>,
    limit: i64,
) -> sqlx::Result<Vec<Transaction>> {
    let mut query = whole(owner);
    narrow(&mut query);
    page(from, query, after, limit).await
}

async fn page(
    from: impl PgExecutor<'_>,
    mut query: QueryBuilder<Postgres>,
    after: Option<Cursor>,
    limit: i64,
) -> sqlx::Result<Vec<Transaction>> {
    if let Some(after) = after {
        query.push(" AND (s.date, s.id) < (").push_bind(after.date);
        query.push(", ").push_bind(after.id).push(")");
    }
    query
        .push(" ORDER BY s.date DESC, s.id DESC LIMIT ")
        .push_bind(limit);
    let rows: Vec<Row> = query.build_query_as().fetch_all(from).await?;
    rows.into_iter().map(Transaction::try_from).collect()
}

/// What became of a draft in the database.
pub struct Written {
    /// The book.
    pub book_id: Uuid,
    /// The payee, by the name that it goes by.
    pub payee: Option<Named>,
    /// The tags, by the names that they go by.
    pub tags: Vec<Named>,
    /// The wallets that were found, by their places among the entries, from 1.
    pub wallets: Vec<FoundWallet>,
    /// The categories that were found, by their places among the lines, from 1.
    pub categories: Vec<FoundCategory>,
}

/// A wallet that was found.
#[derive(Debug, Deserialize)]
pub struct FoundWallet {
    /// The place of the entry.
    pub no: usize,
    /// What is in it.
    pub currency: String,
    /// The digits of its minor unit.
    pub exponent: i16,
    /// Whether it was put away.
    pub archived: bool,
}

/// A category that was found.
#[derive(Debug, Deserialize)]
pub struct FoundCategory {
    /// The place of the line.
    pub no: usize,
    /// What counts for it.
    pub counts_as: Uuid,
}

/// What a transaction is written as.
#[derive(Clone, Copy)]
pub struct Stamp {
    /// Its id.
    pub id: Uuid,
    /// Its version.
    pub version: i64,
    /// When it was first written down.
    pub created_at: DateTime<Utc>,
}

/// Writes a transaction with all that belongs to it, in one statement: a new one, or what takes the place of one that is locked
/// and was cleared. Payees and tags of new names are made. `None`: its owner has no book. Whatever was not found has to be
/// refused by rolling back.
pub async fn write(
    tx: &mut Tx,
    owner: Id<Owner>,
    stamp: Stamp,
    draft: &Draft,
) -> sqlx::Result<Option<Written>> {
    let now = tx.now();
    let entries = draft.movement.entries();
    let wallets: Vec<Uuid> = entries.iter().map(|entry| entry.wallet_id.uuid()).collect();
    let amounts: Vec<i64> = entries.iter().map(|entry| entry.amount.minor()).collect();
    let statuses: Vec<String> = entries
        .iter()
        .map(|entry| entry.status.name().to_owned())
        .collect();
    let lines = draft.movement.lines();
    let categories: Vec<Option<Uuid>> = lines
        .iter()
        .map(|line| line.category_id.map(Id::uuid))
        .collect();
    let parts: Vec<i64> = lines.iter().map(|line| line.amount.minor()).collect();
    let payee = draft.payee.as_ref().map(Label::as_str);
    let (tag_ids, tags) = new_tags(draft);
    let found = sqlx::query_file!(
        "src/ledger/transactions/write.sql",
        owner.uuid(),
        stamp.id,
        draft.date.date(),
        draft.kind.name(),
        draft.note.as_str(),
        stamp.version,
        stamp.created_at,
        now,
        payee,
        payee.map(spelling),
        id::new(),
        &wallets,
        &amounts,
        &statuses,
        &categories as &[Option<Uuid>],
        &parts,
        &tag_ids,
        &tags,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.map(|row| Written {
        book_id: row.book_id,
        payee: row.payee.map(|Json(payee)| payee),
        tags: row.tags.0,
        wallets: row.wallets.0,
        categories: row.categories.0,
    }))
}

/// Makes a payee and tags of those names of a draft that are new. Two who make one name at once wait for each other, so it has
/// to be done before anything is locked that the other one may want.
pub async fn make_names(tx: &mut Tx, owner: Id<Owner>, draft: &Draft) -> sqlx::Result<()> {
    let now = tx.now();
    let payee = draft.payee.as_ref().map(Label::as_str);
    let (tag_ids, tags) = new_tags(draft);
    if payee.is_none() && tags.is_empty() {
        return Ok(());
    }
    // The payee first, as whoever writes a transaction down makes it.
    sqlx::query!(
        r#"WITH book AS (
               SELECT id FROM books WHERE owner_id = $1
           ), new_name AS (
               INSERT INTO payee_names (book_id, key, payee_id) SELECT id, $3::text, $4::uuid FROM book WHERE $3 IS NOT NULL
               ON CONFLICT (book_id, key) DO NOTHING RETURNING payee_id
           ), new_payee AS (
               INSERT INTO payees (id, book_id, name, created_at) SELECT payee_id, book.id, $2::text, $7 FROM new_name, book
           ), new_tags AS (
               INSERT INTO tags (id, book_id, name, created_at)
               SELECT asked.id, book.id, asked.name, $7 FROM unnest($5::uuid[], $6::text[]) AS asked (id, name), book
               ORDER BY lower(asked.name)
               ON CONFLICT (book_id, lower(name)) DO NOTHING RETURNING id
           )
           SELECT (SELECT count(*) FROM new_name) AS "payees!", (SELECT count(*) FROM new_tags) AS "tags!""#,
        owner.uuid(),
        payee,
        payee.map(spelling),
        id::new(),
        &tag_ids,
        &tags,
        now,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(())
}

/// The names of a draft's tags, each once, and an id for each that is new.
fn new_tags(draft: &Draft) -> (Vec<Uuid>, Vec<String>) {
    let mut seen = BTreeSet::new();
    let names = draft.tags.iter().map(|tag| tag.as_str().to_owned());
    names
        .filter(|name| seen.insert(name.to_lowercase()))
        .map(|name| (id::new(), name))
        .unzip()
}

/// What all spellings of a payee's name have in common that differ only in case and spaces.
#[must_use]
pub fn spelling(name: &str) -> String {
    let words: Vec<String> = name.split_whitespace().map(str::to_lowercase).collect();
    words.join(" ")
}

/// Removes what belongs to a transaction that is locked, so that it can be written anew.
pub async fn clear(tx: &mut Tx, id: Uuid) -> sqlx::Result<()> {
    sqlx::query!(
        "WITH gone_entries AS (DELETE FROM entries WHERE transaction_id = $1),
              gone_lines AS (DELETE FROM lines WHERE transaction_id = $1)
         DELETE FROM transaction_tags WHERE transaction_id = $1",
        id,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Puts a transaction that is locked into the trash.
pub async fn throw_away(tx: &mut Tx, transaction: &Transaction) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query!(
        "WITH gone AS (DELETE FROM transactions WHERE id = $1)
         INSERT INTO trash (transaction_id, book_id, version, contents, deleted_at) VALUES ($1, $2, $3, $4, $5)",
        transaction.id,
        transaction.book_id,
        transaction.version,
        Json(transaction) as _,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes a transaction of somebody's out of the trash.
pub async fn take_out(
    tx: &mut Tx,
    owner: Id<Owner>,
    id: Id<Transaction>,
) -> sqlx::Result<Option<Transaction>> {
    let found = sqlx::query_scalar!(
        r#"DELETE FROM trash USING books
           WHERE transaction_id = $2 AND books.id = book_id AND owner_id = $1
           RETURNING contents AS "contents: Json<Transaction>""#,
        owner.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.map(|Json(transaction)| transaction))
}
