//! `/api/v1/transactions`.

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Json, Path, Query, ServiceConfig};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};
use uuid::Uuid;

use crate::flow::ctx::Ctx;
use crate::ledger::transactions::body::TransactionBody;
use crate::ledger::transactions::change_transaction::{ChangeTransactionError, change_transaction};
use crate::ledger::transactions::create_transaction::{CreateTransactionError, create_transaction};
use crate::ledger::transactions::delete_transaction::{DeleteTransactionError, delete_transaction};
use crate::ledger::transactions::filter::{Cursor, Filter};
use crate::ledger::transactions::repo;
use crate::ledger::transactions::restore_transaction::{
    RestoreTransactionError, restore_transaction,
};
use crate::ledger::transactions::transaction::{Entry, Kind, Line, Named, Status, Transaction};
use crate::web::access::{Access, LedgerRead, LedgerWrite};
use crate::web::etag::{self, Expected};
use crate::web::idempotency::Idempotency;
use crate::web::paging;
use crate::web::problem::{Fields, Problem};
use crate::web::routes::{at, post};

const TRANSACTIONS: &str = "/api/v1/transactions";

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(
    get_transactions,
    post_transaction,
    get_transaction,
    put_transaction,
    remove_transaction,
    post_restore
))]
pub struct Api;

/// Registers the routes.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(
            at(TRANSACTIONS)
                .get(get_transactions)
                .post(post_transaction),
        )
        .service(
            at("/api/v1/transactions/{id}")
                .get(get_transaction)
                .put(put_transaction)
                .delete(remove_transaction),
        )
        .service(post("/api/v1/transactions/{id}/restore", post_restore));
}

/// A transaction of yours.
#[derive(Serialize, ToSchema)]
pub struct TransactionView {
    id: Uuid,
    /// The day it counts for.
    date: NaiveDate,
    kind: Kind,
    payee: Option<Named>,
    note: String,
    tags: Vec<Named>,
    /// What moved in wallets.
    entries: Vec<Entry>,
    /// What it was for; none for a transfer, an opening or an adjustment.
    lines: Vec<LineView>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    /// What an `If-Match` has to name to change it.
    version: i64,
}

/// What a part of it was for.
#[derive(Serialize, ToSchema)]
#[schema(as = TransactionLineView)]
struct LineView {
    /// The category that counts, if one was said: after a merge the one that it was merged into.
    category_id: Option<Uuid>,
    currency: String,
    /// In minor units; negative: spent.
    amount: i64,
}

impl From<Line> for LineView {
    fn from(line: Line) -> Self {
        Self {
            category_id: line.counts_as.or(line.category_id),
            currency: line.currency,
            amount: line.amount,
        }
    }
}

impl From<Transaction> for TransactionView {
    fn from(transaction: Transaction) -> Self {
        Self {
            id: transaction.id,
            date: transaction.date,
            kind: transaction.kind,
            payee: transaction.payee,
            note: transaction.note,
            tags: transaction.tags,
            entries: transaction.entries,
            lines: transaction.lines.into_iter().map(LineView::from).collect(),
            created_at: transaction.created_at,
            updated_at: transaction.updated_at,
            version: transaction.version,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// On this day or later.
    #[param(format = "date")]
    from: Option<String>,
    /// On this day or earlier.
    #[param(format = "date")]
    to: Option<String>,
    /// Something moves in this wallet.
    wallet_id: Option<Uuid>,
    /// Something is for this category, or a part of it.
    category_id: Option<Uuid>,
    /// It goes to or comes from this payee.
    payee_id: Option<Uuid>,
    /// It has this tag.
    tag_id: Option<Uuid>,
    /// A movement of it is this sure.
    #[param(value_type = Option<Status>)]
    status: Option<String>,
    /// A movement of it is at least this, in minor units.
    least: Option<i64>,
    /// A movement of it is at most this, in minor units.
    most: Option<i64>,
    /// Its note or the name of its payee has this in it.
    #[param(min_length = 3, max_length = 100)]
    text: Option<String>,
    /// The `next` of the page before.
    #[param(max_length = 60)]
    after: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<i64>,
}

impl ListQuery {
    fn parse(&self) -> Result<(Filter, Option<Cursor>, i64), Problem> {
        let mut fields = Fields::default();
        let mut filter = Filter {
            wallet_id: self.wallet_id,
            category_id: self.category_id,
            payee_id: self.payee_id,
            tag_id: self.tag_id,
            least: self.least,
            most: self.most,
            ..Filter::default()
        };
        let from = self.from.as_deref().map(str::parse).transpose();
        filter.from = fields.take("/from", from).flatten();
        let to = self.to.as_deref().map(str::parse).transpose();
        filter.to = fields.take("/to", to).flatten();
        let status = self.status.as_deref().map(str::parse).transpose();
        filter.status = fields.take("/status", status).flatten();
        let words = self.text.as_deref().map(str::parse).transpose();
        filter.words = fields.take("/text", words).flatten();
        let after = self.after.as_deref().map(str::parse).transpose();
        let after = fields.take("/after", after);
        let limit = fields.take("/limit", paging::limit(self.limit));
        match (after, limit) {
            (Some(after), Some(limit)) if fields.is_empty() => Ok((filter, after, limit)),
            _ => Err(fields.into()),
        }
    }
}

/// A page of transactions.
#[derive(Serialize, ToSchema)]
struct TransactionList {
    /// The latest day first.
    transactions: Vec<TransactionView>,
    /// The `after` of the next page; none on the last one.
    next: Option<String>,
}

/// Lists your transactions.
#[utoipa::path(get, path = "/api/v1/transactions", tag = "transactions", params(ListQuery),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = TransactionList), (status = 422, description = "A parameter is out of bounds.")))]
async fn get_transactions(
    access: Access<LedgerRead>,
    query: Query<ListQuery>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let (filter, after, limit) = query.parse()?;
    let owner = access.account_id.into();
    let mut found = repo::list(ctx.pool(), owner, &filter, after, limit + 1).await?;
    let next = paging::cut(&mut found, limit, Cursor::behind);
    Ok(HttpResponse::Ok().json(TransactionList {
        transactions: found.into_iter().map(TransactionView::from).collect(),
        next: next.map(|next| next.to_string()),
    }))
}

/// Writes a transaction down.
#[utoipa::path(post, path = "/api/v1/transactions", tag = "transactions", request_body = TransactionBody,
    params(Idempotency), security(("session" = []), ("bearer" = [])),
    responses((status = 201, body = TransactionView, headers(("Location" = String), ("ETag" = String))),
              (status = 409, description = "Something that it names was deleted or merged meanwhile.")))]
async fn post_transaction(
    access: Access<LedgerWrite>,
    key: Idempotency,
    body: Json<TransactionBody>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let draft = body.parse()?;
    key.once(&ctx, access.cause(), async |tx| {
        let made = create_transaction(tx, access.account_id.into(), &draft)
            .await
            .map_err(|error| refused(error, &body))?;
        Ok(HttpResponse::Created()
            .insert_header((LOCATION, format!("{TRANSACTIONS}/{}", made.id)))
            .insert_header(etag::of(made.version))
            .json(TransactionView::from(made)))
    })
    .await
}

/// Shows a transaction.
#[utoipa::path(get, path = "/api/v1/transactions/{id}", tag = "transactions", params(("id" = Uuid, Path)),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = TransactionView, headers(("ETag" = String)))))]
async fn get_transaction(
    access: Access<LedgerRead>,
    id: Path<Uuid>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let found = repo::find(ctx.pool(), access.account_id.into(), (*id).into()).await?;
    Ok(shown(found.ok_or_else(Problem::not_found)?))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ChangeQuery {
    /// `true`: it may be touched although it was compared with what the bank says.
    #[serde(default)]
    reconciled: bool,
}

/// Replaces a transaction.
#[utoipa::path(put, path = "/api/v1/transactions/{id}", tag = "transactions", request_body = TransactionBody,
    params(("id" = Uuid, Path), ChangeQuery,
           ("If-Match" = String, Header, description = "The ETag of the transaction that you read.")),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = TransactionView, headers(("ETag" = String))),
              (status = 409, description = "It is reconciled, an opening or an adjustment, or names something that is gone meanwhile."),
              (status = 412, description = "It was changed meanwhile."),
              (status = 428, description = "If-Match is missing.")))]
async fn put_transaction(
    access: Access<LedgerWrite>,
    id: Path<Uuid>,
    query: Query<ChangeQuery>,
    expected: Expected,
    body: Json<TransactionBody>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let draft = body.parse()?;
    let (owner, id) = (access.account_id.into(), (*id).into());
    let mut tx = ctx.begin(access.cause()).await?;
    let check = |version| expected.check(version);
    let changed = change_transaction(&mut tx, owner, id, &draft, query.reconciled.into(), check)
        .await
        .map_err(|error| match error {
            ChangeTransactionError::NotWritten(fault) => body.refusal(fault),
            other => other.into(),
        })?;
    tx.commit().await?;
    Ok(shown(changed))
}

/// Puts a transaction into the trash, from where it can be taken out again for 30 days.
#[utoipa::path(delete, path = "/api/v1/transactions/{id}", tag = "transactions",
    params(("id" = Uuid, Path), ChangeQuery,
           ("If-Match" = String, Header, description = "The ETag of the transaction that you read.")),
    security(("session" = []), ("bearer" = [])),
    responses((status = 204), (status = 409, description = "It is reconciled."),
              (status = 422, description = "The balance of a wallet would be out of bounds."),
              (status = 412, description = "It was changed meanwhile."),
              (status = 428, description = "If-Match is missing.")))]
async fn remove_transaction(
    access: Access<LedgerWrite>,
    id: Path<Uuid>,
    query: Query<ChangeQuery>,
    expected: Expected,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let (owner, id) = (access.account_id.into(), (*id).into());
    let mut tx = ctx.begin(access.cause()).await?;
    let check = |version| expected.check(version);
    delete_transaction(&mut tx, owner, id, query.reconciled.into(), check).await?;
    tx.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Takes a transaction out of the trash, under the id that it had.
#[utoipa::path(post, path = "/api/v1/transactions/{id}/restore", tag = "transactions", params(("id" = Uuid, Path)),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = TransactionView, headers(("ETag" = String))),
              (status = 409, description = "Its wallet or category is gone, or its wallet is archived."),
              (status = 422, description = "Its wallet cannot hold that much.")))]
async fn post_restore(
    access: Access<LedgerWrite>,
    id: Path<Uuid>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let mut tx = ctx.begin(access.cause()).await?;
    let restored = restore_transaction(&mut tx, access.account_id.into(), (*id).into()).await?;
    tx.commit().await?;
    Ok(shown(restored))
}

fn shown(transaction: Transaction) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(etag::of(transaction.version))
        .json(TransactionView::from(transaction))
}

fn refused(error: CreateTransactionError, body: &TransactionBody) -> Problem {
    match error {
        CreateTransactionError::NotWritten(fault) => body.refusal(fault),
        other => other.into(),
    }
}

fn reconciled() -> Problem {
    Problem::conflict(
        "reconciled",
        "It was compared with what the bank says. Say ?reconciled=true to touch it nevertheless.",
    )
}

impl From<CreateTransactionError> for Problem {
    fn from(error: CreateTransactionError) -> Self {
        match error {
            CreateTransactionError::NotWritten(fault) => fault.into(),
            CreateTransactionError::Refused(error) => Self::internal(&error),
        }
    }
}

impl From<ChangeTransactionError<Problem>> for Problem {
    fn from(error: ChangeTransactionError<Problem>) -> Self {
        match error {
            ChangeTransactionError::Gone => Self::not_found(),
            ChangeTransactionError::Version(problem) => problem,
            ChangeTransactionError::Reconciled => reconciled(),
            ChangeTransactionError::NotNormal => Self::conflict(
                "not_normal",
                "It says what a wallet held. Delete it, or write an adjustment of the wallet down.",
            ),
            ChangeTransactionError::NotWritten(fault) => fault.into(),
            ChangeTransactionError::Refused(error) => Self::internal(&error),
        }
    }
}

impl From<DeleteTransactionError<Problem>> for Problem {
    fn from(error: DeleteTransactionError<Problem>) -> Self {
        match error {
            DeleteTransactionError::Gone => Self::not_found(),
            DeleteTransactionError::Version(problem) => problem,
            DeleteTransactionError::Reconciled => reconciled(),
            DeleteTransactionError::NotWritten(fault) => fault.into(),
            DeleteTransactionError::Refused(error) => Self::internal(&error),
        }
    }
}

impl From<RestoreTransactionError> for Problem {
    fn from(error: RestoreTransactionError) -> Self {
        match error {
            RestoreTransactionError::Gone => Self::not_found(),
            RestoreTransactionError::NotWritten(fault) => fault.into(),
            RestoreTransactionError::Database(error) => error.into(),
            RestoreTransactionError::Unreadable(error) => Self::internal(&error),
            RestoreTransactionError::Refused(error) => Self::internal(&error),
        }
    }
}
