//! The tables `recurring` and `recurring_occurrences`; one function a question.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::types::Json;
use sqlx::{Executor, FromRow, PgExecutor, PgPool};
use uuid::Uuid;

use crate::flow::ctx::Tx;
use crate::kernel::id::Id;
use crate::kernel::time_zone::TimeZone;
use crate::ledger::books::{Book, Owner};
use crate::ledger::recurring::series::Recurring;
use crate::ledger::recurring::template::Template;
use crate::ledger::transactions::{Draft, FoundCategory, FoundWallet, Written};

#[derive(FromRow)]
struct Row {
    id: Uuid,
    book_id: Uuid,
    template: Json<Template>,
    rule: String,
    starts_on: NaiveDate,
    ends_on: Option<NaiveDate>,
    next_due: Option<NaiveDate>,
    paused_at: Option<DateTime<Utc>>,
    trouble: Option<String>,
    version: i64,
    created_at: DateTime<Utc>,
    owner_id: Uuid,
    time_zone: String,
}

/// One that is locked, and what has to be known to make it.
pub struct Locked {
    /// It.
    pub recurring: Recurring,
    /// Whose book it is in.
    pub owner: Id<Owner>,
    /// What decides about today there.
    pub time_zone: TimeZone,
}

impl TryFrom<Row> for Locked {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> sqlx::Result<Self> {
        Ok(Self {
            owner: row.owner_id.into(),
            time_zone: row.time_zone.parse().map_err(unreadable)?,
            recurring: Recurring {
                id: row.id.into(),
                book_id: row.book_id,
                template: row.template.0,
                rule: row.rule.parse().map_err(unreadable)?,
                starts_on: row.starts_on.try_into().map_err(unreadable)?,
                ends_on: row
                    .ends_on
                    .map(TryInto::try_into)
                    .transpose()
                    .map_err(unreadable)?,
                next_due: row.next_due,
                paused_at: row.paused_at,
                trouble: row
                    .trouble
                    .as_deref()
                    .map(str::parse)
                    .transpose()
                    .map_err(unreadable)?,
                version: row.version,
                created_at: row.created_at,
            },
        })
    }
}

/// All of somebody's, the next one first. (There is a bound to their number.)
pub async fn list(from: impl PgExecutor<'_>, owner: Id<Owner>) -> sqlx::Result<Vec<Recurring>> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT r.id, r.book_id, r.template AS "template: Json<Template>", r.rule, r.starts_on, r.ends_on, r.next_due,
                  r.paused_at, r.trouble, r.version, r.created_at, b.owner_id, b.time_zone
           FROM recurring r JOIN books b ON b.id = r.book_id WHERE b.owner_id = $1
           ORDER BY r.next_due, r.id"#,
        owner.uuid(),
    )
    .fetch_all(from)
    .await?;
    rows.into_iter()
        .map(|row| Ok(Locked::try_from(row)?.recurring))
        .collect()
}

/// One of somebody's.
pub async fn find(
    pool: &PgPool,
    owner: Id<Owner>,
    id: Id<Recurring>,
) -> sqlx::Result<Option<Recurring>> {
    let found = sqlx::query_as!(
        Row,
        r#"SELECT r.id, r.book_id, r.template AS "template: Json<Template>", r.rule, r.starts_on, r.ends_on, r.next_due,
                  r.paused_at, r.trouble, r.version, r.created_at, b.owner_id, b.time_zone
           FROM recurring r JOIN books b ON b.id = r.book_id WHERE b.owner_id = $1 AND r.id = $2"#,
        owner.uuid(),
        id.uuid(),
    )
    .fetch_optional(pool)
    .await?;
    found
        .map(|row| Ok(Locked::try_from(row)?.recurring))
        .transpose()
}

/// One of somebody's, or, for a job, anybody's: locked until the transaction ends.
pub async fn lock(
    tx: &mut Tx,
    owner: Option<Id<Owner>>,
    id: Id<Recurring>,
) -> sqlx::Result<Option<Locked>> {
    let found = sqlx::query_as!(
        Row,
        r#"SELECT r.id, r.book_id, r.template AS "template: Json<Template>", r.rule, r.starts_on, r.ends_on, r.next_due,
                  r.paused_at, r.trouble, r.version, r.created_at, b.owner_id, b.time_zone
           FROM recurring r JOIN books b ON b.id = r.book_id
           WHERE r.id = $2 AND ($1::uuid IS NULL OR b.owner_id = $1) FOR NO KEY UPDATE OF r"#,
        owner.map(Id::uuid),
        id.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    found.map(Locked::try_from).transpose()
}

/// Those of which one may be due on a day, behind `after`, by their ids.
pub async fn due(
    pool: &PgPool,
    day: NaiveDate,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "SELECT id FROM recurring WHERE paused_at IS NULL AND next_due <= $1 AND ($2::uuid IS NULL OR id > $2)
         ORDER BY id LIMIT $3",
        day,
        after,
        limit,
    )
    .fetch_all(pool)
    .await
}

/// How many a book has.
pub async fn count(tx: &mut Tx, book: Id<Book>) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM recurring WHERE book_id = $1"#,
        book.uuid(),
    )
    .fetch_one(tx.conn())
    .await
}

/// Adds one.
pub async fn insert(tx: &mut Tx, recurring: &Recurring) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO recurring (id, book_id, template, rule, starts_on, ends_on, next_due, version, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        recurring.id.uuid(),
        recurring.book_id,
        Json(&recurring.template) as _,
        recurring.rule.to_string(),
        recurring.starts_on.date(),
        recurring.ends_on.map(NaiveDate::from),
        recurring.next_due,
        recurring.version,
        recurring.created_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Keeps what was changed.
pub async fn update(tx: &mut Tx, recurring: &Recurring) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE recurring SET template = $2, rule = $3, starts_on = $4, ends_on = $5, next_due = $6, paused_at = $7,
                trouble = $8, version = $9
         WHERE id = $1",
        recurring.id.uuid(),
        Json(&recurring.template) as _,
        recurring.rule.to_string(),
        recurring.starts_on.date(),
        recurring.ends_on.map(NaiveDate::from),
        recurring.next_due,
        recurring.paused_at,
        recurring.trouble.map(|trouble| trouble.name()),
        recurring.version,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Keeps how far it was made.
pub async fn keep_due(tx: &mut Tx, recurring: &Recurring) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE recurring SET next_due = $2, trouble = $3 WHERE id = $1",
        recurring.id.uuid(),
        recurring.next_due,
        recurring.trouble.map(|trouble| trouble.name()),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Deletes one; what was made of it stays.
pub async fn delete(tx: &mut Tx, id: Id<Recurring>) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM recurring WHERE id = $1", id.uuid())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Which of these days were made or skipped.
pub async fn taken(
    tx: &mut Tx,
    id: Id<Recurring>,
    days: &[NaiveDate],
) -> sqlx::Result<BTreeSet<NaiveDate>> {
    let taken = sqlx::query_scalar!(
        "SELECT due_date FROM recurring_occurrences WHERE recurring_id = $1 AND due_date = ANY($2)",
        id.uuid(),
        days,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(taken.into_iter().collect())
}

/// Notes what became of a day; an error of the key says that something had become of it before.
pub async fn add_occurrence(
    tx: &mut Tx,
    recurring: &Recurring,
    day: NaiveDate,
    transaction: Option<Uuid>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO recurring_occurrences (recurring_id, due_date, book_id, transaction_id) VALUES ($1, $2, $3, $4)",
        recurring.id.uuid(),
        day,
        recurring.book_id,
        transaction,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes back that a day was skipped. `false`: it was not.
pub async fn remove_skip(tx: &mut Tx, id: Id<Recurring>, day: NaiveDate) -> sqlx::Result<bool> {
    let removed = sqlx::query!(
        "DELETE FROM recurring_occurrences WHERE recurring_id = $1 AND due_date = $2 AND transaction_id IS NULL",
        id.uuid(),
        day,
    )
    .execute(tx.conn())
    .await?;
    Ok(removed.rows_affected() > 0)
}

/// What became of a day.
pub struct Occurrence {
    /// The day.
    pub due_date: NaiveDate,
    /// The transaction that was made; none: it was skipped.
    pub transaction_id: Option<Uuid>,
}

/// What became of the days of one of somebody's, the latest first.
pub async fn occurrences(
    pool: &PgPool,
    owner: Id<Owner>,
    id: Id<Recurring>,
    before: Option<NaiveDate>,
    limit: i64,
) -> sqlx::Result<Vec<Occurrence>> {
    sqlx::query_as!(
        Occurrence,
        "SELECT o.due_date, o.transaction_id FROM recurring_occurrences o JOIN books b ON b.id = o.book_id
         WHERE b.owner_id = $1 AND o.recurring_id = $2 AND ($3::date IS NULL OR o.due_date < $3)
         ORDER BY o.due_date DESC LIMIT $4",
        owner.uuid(),
        id.uuid(),
        before,
        limit,
    )
    .fetch_all(pool)
    .await
}

/// What a draft names, as far as it is somebody's.
pub async fn look_up(
    tx: &mut Tx,
    owner: Id<Owner>,
    draft: &Draft,
) -> sqlx::Result<Option<Written>> {
    let entries = draft.movement.entries();
    let wallets: Vec<Uuid> = entries.iter().map(|entry| entry.wallet_id.uuid()).collect();
    let lines = draft.movement.lines();
    let categories: Vec<Option<Uuid>> = lines
        .iter()
        .map(|line| line.category_id.map(Id::uuid))
        .collect();
    let found = sqlx::query!(
        r#"SELECT b.id,
                  (SELECT coalesce(jsonb_agg(jsonb_build_object('no', asked.no, 'currency', w.currency, 'exponent', w.exponent,
                                                                'archived', w.archived_at IS NOT NULL) ORDER BY asked.no), '[]')
                   FROM unnest($2::uuid[]) WITH ORDINALITY AS asked (id, no)
                        JOIN wallets w ON w.id = asked.id AND w.book_id = b.id) AS "wallets!: Json<Vec<FoundWallet>>",
                  (SELECT coalesce(jsonb_agg(jsonb_build_object('no', asked.no, 'counts_as', c.counts_as)), '[]')
                   FROM unnest($3::uuid[]) WITH ORDINALITY AS asked (id, no)
                        JOIN categories c ON c.id = asked.id AND c.book_id = b.id) AS "categories!: Json<Vec<FoundCategory>>"
           FROM books b WHERE owner_id = $1"#,
        owner.uuid(),
        &wallets,
        &categories as &[Option<Uuid>],
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.map(|row| Written {
        book_id: row.id,
        payee: None,
        tags: Vec::new(),
        wallets: row.wallets.0,
        categories: row.categories.0,
    }))
}

/// A place to return to, if what comes now cannot be done.
pub async fn mark(tx: &mut Tx) -> sqlx::Result<()> {
    tx.conn().execute("SAVEPOINT occurrence").await?;
    Ok(())
}

/// It was done.
pub async fn forget_mark(tx: &mut Tx) -> sqlx::Result<()> {
    tx.conn().execute("RELEASE SAVEPOINT occurrence").await?;
    Ok(())
}

/// It was not: nothing of it is left.
pub async fn return_to_mark(tx: &mut Tx) -> sqlx::Result<()> {
    tx.conn()
        .execute("ROLLBACK TO SAVEPOINT occurrence")
        .await?;
    Ok(())
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}
