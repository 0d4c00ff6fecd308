//! `/api/v1/budgets`.

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Json, Path, ServiceConfig};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use crate::flow::ctx::Ctx;
use crate::kernel::id::Id;
use crate::ledger::books::{self, Books, Month};
use crate::ledger::budgets::budget::Budget;
use crate::ledger::budgets::change_budget::{ChangeBudgetError, Changes, change_budget};
use crate::ledger::budgets::create_budget::{CreateBudgetError, NewBudget, create_budget};
use crate::ledger::budgets::delete_budget::{DeleteBudgetError, delete_budget};
use crate::ledger::budgets::repo;
use crate::ledger::categories::Category;
use crate::web::access::{Access, LedgerRead, LedgerWrite};
use crate::web::etag::{self, Expected};
use crate::web::idempotency::Idempotency;
use crate::web::problem::{Fields, Problem};
use crate::web::routes::{at, post};

const BUDGETS: &str = "/api/v1/budgets";

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(post_budget, get_budget, put_budget, remove_budget))]
pub struct Api;

/// Registers the routes.
pub fn configure(routes: &mut ServiceConfig) {
    routes.service(post(BUDGETS, post_budget)).service(
        at("/api/v1/budgets/{month}/{category_id}")
            .get(get_budget)
            .put(put_budget)
            .delete(remove_budget),
    );
}

/// What a category is meant to come to in a month.
#[derive(Serialize, ToSchema)]
struct BudgetView {
    /// As `2026-11`.
    month: String,
    category_id: Uuid,
    /// In minor units of the book's base currency.
    amount: i64,
    /// Whether what was left or overspent the month before moves on to it.
    rollover: bool,
    created_at: DateTime<Utc>,
    /// What an `If-Match` has to name to change it.
    version: i64,
}

impl From<Budget> for BudgetView {
    fn from(budget: Budget) -> Self {
        Self {
            month: budget.month.to_string(),
            category_id: budget.category_id,
            amount: budget.amount,
            rollover: budget.rollover,
            created_at: budget.created_at,
            version: budget.version,
        }
    }
}

/// A budget for a category and a month.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewBudgetBody {
    /// As `2026-11`: the month that begins in it, on the day on which the book's months begin.
    #[schema(min_length = 7, max_length = 7, example = "2026-11")]
    month: String,
    /// Its parts count in it, too.
    category_id: Uuid,
    /// What is meant to be spent there, or earned, in minor units of the book's base currency.
    #[schema(minimum = 0, maximum = 999_999_999_999_999_i64)]
    amount: i64,
    /// Whether what was left or overspent the month before moves on to it.
    #[serde(default)]
    rollover: bool,
}

impl NewBudgetBody {
    fn parse(&self) -> Result<NewBudget, Problem> {
        let mut fields = Fields::default();
        let month = fields.take("/month", self.month.parse());
        let amount = fields.take("/amount", self.amount.try_into());
        match (month, amount) {
            (Some(month), Some(amount)) => Ok(NewBudget {
                category_id: self.category_id.into(),
                month,
                amount,
                rollover: self.rollover,
            }),
            _ => Err(fields.into()),
        }
    }
}

/// Sets a budget.
#[utoipa::path(post, path = "/api/v1/budgets", tag = "budgets", request_body = NewBudgetBody,
    security(("session" = []), ("bearer" = [])), params(Idempotency),
    responses((status = 201, body = BudgetView, headers(("Location" = String), ("ETag" = String))),
              (status = 409, description = "There is one of that category and month.")))]
async fn post_budget(
    access: Access<LedgerWrite>,
    key: Idempotency,
    body: Json<NewBudgetBody>,
    books: Data<Books>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let new = body.parse()?;
    let owner = access.account_id.into();
    let book = books.of(owner, access.cause()).await?;
    key.once(&ctx, access.cause(), async |tx| {
        // So that the category is not merged meanwhile.
        books::repo::lock(tx, owner).await?;
        let made = create_budget(tx, owner, book.id, new).await?;
        let place = format!("{BUDGETS}/{}/{}", made.month, made.category_id);
        Ok(HttpResponse::Created()
            .insert_header((LOCATION, place))
            .insert_header(etag::of(made.version))
            .json(BudgetView::from(made)))
    })
    .await
}

/// Shows a budget.
#[utoipa::path(get, path = "/api/v1/budgets/{month}/{category_id}", tag = "budgets",
    params(("month" = String, Path), ("category_id" = Uuid, Path)), security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = BudgetView, headers(("ETag" = String)))))]
async fn get_budget(
    access: Access<LedgerRead>,
    path: Path<(String, Uuid)>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let of = parse(&path)?;
    let found = repo::find(ctx.pool(), access.account_id.into(), of).await?;
    Ok(shown(found.ok_or_else(Problem::not_found)?))
}

/// What a budget shall be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BudgetBody {
    /// In minor units of the book's base currency.
    #[schema(minimum = 0, maximum = 999_999_999_999_999_i64)]
    amount: i64,
    /// Whether what was left or overspent the month before moves on to it.
    #[serde(default)]
    rollover: bool,
}

/// Changes a budget.
#[utoipa::path(put, path = "/api/v1/budgets/{month}/{category_id}", tag = "budgets", request_body = BudgetBody,
    params(("month" = String, Path), ("category_id" = Uuid, Path),
           ("If-Match" = String, Header, description = "The ETag of the budget that you read.")),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = BudgetView, headers(("ETag" = String))),
              (status = 412, description = "It was changed meanwhile."),
              (status = 428, description = "If-Match is missing.")))]
async fn put_budget(
    access: Access<LedgerWrite>,
    path: Path<(String, Uuid)>,
    expected: Expected,
    body: Json<BudgetBody>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let of = parse(&path)?;
    let amount = body
        .amount
        .try_into()
        .map_err(|error| Fields::of("/amount", error))?;
    let rollover = body.rollover;
    let changes = Changes { amount, rollover };
    let mut tx = ctx.begin(access.cause()).await?;
    let check = |version| expected.check(version);
    let changed = change_budget(&mut tx, access.account_id.into(), of, changes, check).await?;
    tx.commit().await?;
    Ok(shown(changed))
}

/// Deletes a budget.
#[utoipa::path(delete, path = "/api/v1/budgets/{month}/{category_id}", tag = "budgets",
    params(("month" = String, Path), ("category_id" = Uuid, Path),
           ("If-Match" = String, Header, description = "The ETag of the budget that you read.")),
    security(("session" = []), ("bearer" = [])),
    responses((status = 204), (status = 412, description = "It was changed meanwhile."),
              (status = 428, description = "If-Match is missing.")))]
async fn remove_budget(
    access: Access<LedgerWrite>,
    path: Path<(String, Uuid)>,
    expected: Expected,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let of = parse(&path)?;
    let mut tx = ctx.begin(access.cause()).await?;
    let check = |version| expected.check(version);
    delete_budget(&mut tx, access.account_id.into(), of, check).await?;
    tx.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Where there is no month there is nothing.
fn parse(path: &Path<(String, Uuid)>) -> Result<(Month, Id<Category>), Problem> {
    let month = path.0.parse().map_err(|_| Problem::not_found())?;
    Ok((month, path.1.into()))
}

fn shown(budget: Budget) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(etag::of(budget.version))
        .json(BudgetView::from(budget))
}

impl From<CreateBudgetError> for Problem {
    fn from(error: CreateBudgetError) -> Self {
        match error {
            CreateBudgetError::NoCategory | CreateBudgetError::Merged => {
                Fields::of("/category_id", error).into()
            }
            CreateBudgetError::Taken => Self::conflict(
                "budget_taken",
                "There is a budget of that category and month. Change that one.",
            ),
            CreateBudgetError::Database(error) => error.into(),
        }
    }
}

impl From<ChangeBudgetError<Problem>> for Problem {
    fn from(error: ChangeBudgetError<Problem>) -> Self {
        match error {
            ChangeBudgetError::Gone => Self::not_found(),
            ChangeBudgetError::Version(problem) => problem,
            ChangeBudgetError::Database(error) => error.into(),
        }
    }
}

impl From<DeleteBudgetError<Problem>> for Problem {
    fn from(error: DeleteBudgetError<Problem>) -> Self {
        match error {
            DeleteBudgetError::Gone => Self::not_found(),
            DeleteBudgetError::Version(problem) => problem,
            DeleteBudgetError::Database(error) => error.into(),
        }
    }
}
