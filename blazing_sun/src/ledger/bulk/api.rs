//! `/api/v1/transactions/bulk`.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, ServiceConfig};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use crate::flow::ctx::Ctx;
use crate::ledger::books::{self, Books};
use crate::ledger::bulk::body::{BulkBody, What, refusal};
use crate::ledger::bulk::change_many::{ChangeManyError, change_many};
use crate::ledger::bulk::delete_many::{DeleteManyError, delete_many};
use crate::ledger::transactions::Transaction;
use crate::web::access::{Access, LedgerWrite};
use crate::web::problem::Problem;
use crate::web::routes::post;

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(post_bulk))]
pub struct Api;

/// Registers the routes.
pub fn configure(routes: &mut ServiceConfig) {
    routes.service(post("/api/v1/transactions/bulk", post_bulk));
}

/// What was done.
#[derive(Serialize, ToSchema)]
struct BulkView {
    /// The transactions that are different now, or in the trash. Those that were so already are not among them.
    changed: Vec<ChangedView>,
}

/// A transaction that is different now.
#[derive(Serialize, ToSchema)]
struct ChangedView {
    id: Uuid,
    /// What an `If-Match` has to name to change it.
    version: i64,
}

impl From<Transaction> for ChangedView {
    fn from(transaction: Transaction) -> Self {
        Self {
            id: transaction.id,
            version: transaction.version,
        }
    }
}

/// Changes what is said of up to 200 transactions, or deletes them: all of them, or none. Each is a change of its own, with its
/// event.
#[utoipa::path(post, path = "/api/v1/transactions/bulk", tag = "transactions", request_body = BulkBody,
    security(("session" = []), ("bearer" = [])), responses((status = 200, body = BulkView)))]
async fn post_bulk(
    access: Access<LedgerWrite>,
    body: Json<BulkBody>,
    books: Data<Books>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let what = body.parse()?;
    let owner = access.account_id.into();
    let book = books.of(owner, access.cause()).await?.id;
    let mut tx = ctx.begin(access.cause()).await?;
    books::repo::lock(&mut tx, owner).await?;
    let (ids, reconciled) = (body.ids(), body.reconciled());
    let changed = match what {
        What::Change(wish) => change_many(&mut tx, owner, book, ids, wish, reconciled).await?,
        What::Delete => delete_many(&mut tx, owner, book, ids, reconciled).await?,
    };
    tx.commit().await?;
    let changed = changed.into_iter().map(ChangedView::from).collect();
    Ok(HttpResponse::Ok().json(BulkView { changed }))
}

impl From<ChangeManyError> for Problem {
    fn from(error: ChangeManyError) -> Self {
        match error {
            ChangeManyError::Faults(faults) => refusal(&faults),
            ChangeManyError::Refused(error) => Self::internal(&error),
            ChangeManyError::Database(error) => error.into(),
        }
    }
}

impl From<DeleteManyError> for Problem {
    fn from(error: DeleteManyError) -> Self {
        match error {
            DeleteManyError::Faults(faults) => refusal(&faults),
            DeleteManyError::NotWritten(fault) => fault.into(),
            DeleteManyError::Refused(error) => Self::internal(&error),
        }
    }
}
