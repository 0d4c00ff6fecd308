//! `/api/v1/wallets/{id}/checks` and `/adjustments`.

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Json, Path, Query, ServiceConfig};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};
use uuid::Uuid;

use crate::flow::ctx::Ctx;
use crate::ledger::checks::adjust_wallet::{AdjustWalletError, NewAdjustment, adjust_wallet};
use crate::ledger::checks::check::Check;
use crate::ledger::checks::check_balance::{CheckBalanceError, NewCheck, check_balance};
use crate::ledger::checks::repo;
use crate::ledger::transactions::api::TransactionView;
use crate::ledger::transactions::{CreateTransactionError, Cursor};
use crate::ledger::wallets;
use crate::web::access::{Access, LedgerRead, LedgerWrite};
use crate::web::etag;
use crate::web::idempotency::Idempotency;
use crate::web::paging;
use crate::web::problem::{Fields, Problem};
use crate::web::routes::{at, post};

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(get_checks, post_check, get_check, remove_check, post_adjustment))]
pub struct Api;

/// Registers the routes.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(
            at("/api/v1/wallets/{id}/checks")
                .get(get_checks)
                .post(post_check),
        )
        .service(
            at("/api/v1/wallets/{id}/checks/{check_id}")
                .get(get_check)
                .delete(remove_check),
        )
        .service(post("/api/v1/wallets/{id}/adjustments", post_adjustment));
}

/// What the bank said, and what was found.
#[derive(Serialize, ToSchema)]
struct CheckView {
    id: Uuid,
    /// At the end of this day.
    date: NaiveDate,
    /// What the bank said was in the wallet, in minor units.
    said: i64,
    /// What was found in it then.
    found: i64,
    /// What was missing; negative: there was too much.
    difference: i64,
    /// Whether there was no difference.
    passed: bool,
    created_at: DateTime<Utc>,
}

impl From<Check> for CheckView {
    fn from(check: Check) -> Self {
        Self {
            id: check.id,
            date: check.date,
            said: check.said,
            found: check.found,
            difference: check.difference(),
            passed: check.is_passed(),
            created_at: check.created_at,
        }
    }
}

/// A page of checks.
#[derive(Serialize, ToSchema)]
struct CheckList {
    /// The latest day first.
    checks: Vec<CheckView>,
    /// The `after` of the next page; none on the last one.
    next: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PageQuery {
    /// The `next` of the page before.
    #[param(max_length = 60)]
    after: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<i64>,
}

impl PageQuery {
    fn parse(&self) -> Result<(Option<Cursor>, i64), Problem> {
        let mut fields = Fields::default();
        let after = self.after.as_deref().map(str::parse).transpose();
        let after = fields.take("/after", after);
        let limit = fields.take("/limit", paging::limit(self.limit));
        after.zip(limit).ok_or_else(|| fields.into())
    }
}

/// Lists the checks of a wallet.
#[utoipa::path(get, path = "/api/v1/wallets/{id}/checks", tag = "wallets", params(("id" = Uuid, Path), PageQuery),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = CheckList), (status = 422, description = "A parameter is out of bounds.")))]
async fn get_checks(
    access: Access<LedgerRead>,
    id: Path<Uuid>,
    query: Query<PageQuery>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let (after, limit) = query.parse()?;
    let (owner, wallet) = (access.account_id.into(), (*id).into());
    let mut found = repo::list(ctx.pool(), owner, wallet, after, limit + 1).await?;
    let is_there = !found.is_empty();
    if !is_there
        && wallets::repo::find(ctx.pool(), owner, wallet)
            .await?
            .is_none()
    {
        return Err(Problem::not_found());
    }
    let next = paging::cut(&mut found, limit, |last| Cursor {
        date: last.date,
        id: last.id,
    });
    Ok(HttpResponse::Ok().json(CheckList {
        checks: found.into_iter().map(CheckView::from).collect(),
        next: next.map(|next| next.to_string()),
    }))
}

/// What the bank says.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CheckBody {
    /// At the end of this day.
    #[schema(format = "date")]
    date: String,
    /// What the bank says was in the wallet, in minor units.
    #[schema(minimum = -9_007_199_254_740_991_i64, maximum = 9_007_199_254_740_991_i64)]
    balance: i64,
    /// Whether what is cleared in the wallet up to that day becomes reconciled, if the check passes. It takes a moment.
    #[serde(default)]
    reconcile: bool,
}

impl CheckBody {
    fn parse(&self) -> Result<NewCheck, Problem> {
        let mut fields = Fields::default();
        let date = fields.take("/date", self.date.parse());
        let said = fields.take("/balance", self.balance.try_into());
        match (date, said) {
            (Some(date), Some(said)) => Ok(NewCheck {
                date,
                said,
                reconcile: self.reconcile,
            }),
            _ => Err(fields.into()),
        }
    }
}

/// Compares a wallet with what the bank says.
#[utoipa::path(post, path = "/api/v1/wallets/{id}/checks", tag = "wallets", request_body = CheckBody,
    params(("id" = Uuid, Path), Idempotency), security(("session" = []), ("bearer" = [])),
    responses((status = 201, body = CheckView, headers(("Location" = String)))))]
async fn post_check(
    access: Access<LedgerWrite>,
    key: Idempotency,
    id: Path<Uuid>,
    body: Json<CheckBody>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let new = body.parse()?;
    key.once(&ctx, access.cause(), async |tx| {
        let check = check_balance(tx, access.account_id.into(), (*id).into(), new).await?;
        let place = format!("/api/v1/wallets/{id}/checks/{}", check.id);
        Ok(HttpResponse::Created()
            .insert_header((LOCATION, place))
            .json(CheckView::from(check)))
    })
    .await
}

/// Shows a check.
#[utoipa::path(get, path = "/api/v1/wallets/{id}/checks/{check_id}", tag = "wallets",
    params(("id" = Uuid, Path), ("check_id" = Uuid, Path)), security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = CheckView)))]
async fn get_check(
    access: Access<LedgerRead>,
    path: Path<(Uuid, Uuid)>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let (wallet, id) = *path;
    let found = repo::find(ctx.pool(), access.account_id.into(), wallet.into(), id).await?;
    let found = found.ok_or_else(Problem::not_found)?;
    Ok(HttpResponse::Ok().json(CheckView::from(found)))
}

/// Deletes a check. What it marked stays marked.
#[utoipa::path(delete, path = "/api/v1/wallets/{id}/checks/{check_id}", tag = "wallets",
    params(("id" = Uuid, Path), ("check_id" = Uuid, Path)), security(("session" = []), ("bearer" = [])),
    responses((status = 204)))]
async fn remove_check(
    access: Access<LedgerWrite>,
    path: Path<(Uuid, Uuid)>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let (wallet, id) = *path;
    let mut tx = ctx.begin(access.cause()).await?;
    if !repo::delete(&mut tx, access.account_id.into(), wallet.into(), id).await? {
        return Err(Problem::not_found());
    }
    tx.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}

/// What a wallet shall hold.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AdjustmentBody {
    /// At the end of this day.
    #[schema(format = "date")]
    date: String,
    /// What is in the wallet then, in minor units.
    #[schema(minimum = -9_007_199_254_740_991_i64, maximum = 9_007_199_254_740_991_i64)]
    balance: i64,
    #[serde(default)]
    #[schema(max_length = 1000)]
    note: String,
}

impl AdjustmentBody {
    fn parse(&self) -> Result<NewAdjustment, Problem> {
        let mut fields = Fields::default();
        let date = fields.take("/date", self.date.parse());
        let said = fields.take("/balance", self.balance.try_into());
        let note = fields.take("/note", self.note.parse());
        match (date, said, note) {
            (Some(date), Some(said), Some(note)) => Ok(NewAdjustment { date, said, note }),
            _ => Err(fields.into()),
        }
    }
}

/// Writes an adjustment down, so that the wallet holds on that day what is said. It counts in what you have, never as income or
/// expense.
#[utoipa::path(post, path = "/api/v1/wallets/{id}/adjustments", tag = "wallets", request_body = AdjustmentBody,
    params(("id" = Uuid, Path), Idempotency), security(("session" = []), ("bearer" = [])),
    responses((status = 201, body = TransactionView, headers(("Location" = String), ("ETag" = String))),
              (status = 409, description = "It holds that much already, or it is archived.")))]
async fn post_adjustment(
    access: Access<LedgerWrite>,
    key: Idempotency,
    id: Path<Uuid>,
    body: Json<AdjustmentBody>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let new = body.parse()?;
    key.once(&ctx, access.cause(), async |tx| {
        let made = adjust_wallet(tx, access.account_id.into(), (*id).into(), new).await?;
        Ok(HttpResponse::Created()
            .insert_header((LOCATION, format!("/api/v1/transactions/{}", made.id)))
            .insert_header(etag::of(made.version))
            .json(TransactionView::from(made)))
    })
    .await
}

impl From<CheckBalanceError> for Problem {
    fn from(error: CheckBalanceError) -> Self {
        match error {
            CheckBalanceError::Gone => Self::not_found(),
            CheckBalanceError::OutOfBounds => Self::unprocessable(
                "balance_out_of_bounds",
                "On that day the wallet held more than can be counted.",
            ),
            CheckBalanceError::Refused(error) => Self::internal(&error),
            CheckBalanceError::Database(error) => error.into(),
        }
    }
}

impl From<AdjustWalletError> for Problem {
    fn from(error: AdjustWalletError) -> Self {
        match error {
            AdjustWalletError::Gone => Self::not_found(),
            AdjustWalletError::Same => Self::conflict(
                "nothing_to_adjust",
                "The wallet holds on that day what was said.",
            ),
            AdjustWalletError::TooFar => Fields::of("/balance", error).into(),
            AdjustWalletError::Create(CreateTransactionError::NotWritten(fault)) => fault.into(),
            AdjustWalletError::Create(CreateTransactionError::Refused(error)) => {
                Self::internal(&error)
            }
            AdjustWalletError::Database(error) => error.into(),
        }
    }
}
