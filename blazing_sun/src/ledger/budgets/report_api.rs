//! `/api/v1/budgets/{month}`.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path, ServiceConfig};
use chrono::{Days, NaiveDate};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use crate::flow::ctx::Ctx;
use crate::ledger::books::Books;
use crate::ledger::budgets::converted::{convert, wanted};
use crate::ledger::budgets::month::Month;
use crate::ledger::budgets::repo::{self, Moved};
use crate::ledger::budgets::report::{Line, Plans};
use crate::ledger::rates;
use crate::web::access::{Access, LedgerRead};
use crate::web::problem::Problem;
use crate::web::routes::get;

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(get_month))]
pub struct Api;

/// Registers the routes.
pub fn configure(routes: &mut ServiceConfig) {
    routes.service(get("/api/v1/budgets/{month}", get_month));
}

/// The budgets of a month, and what became of them. All amounts are in minor units of the base currency.
#[derive(Serialize, ToSchema)]
#[schema(as = BudgetMonthView)]
struct MonthView {
    /// As `2026-11`.
    month: String,
    /// Its first day.
    from: NaiveDate,
    /// Its last day.
    to: NaiveDate,
    /// The book's currency.
    base_currency: &'static str,
    /// How many digits its minor unit has.
    exponent: i16,
    budgets: Vec<LineView>,
    /// What moved in another currency that there is no rate for, and what is in no sum.
    apart: Vec<ApartView>,
}

/// A category's budget, and what became of it.
#[derive(Serialize, ToSchema)]
#[schema(as = BudgetLineView)]
struct LineView {
    /// The category; budgets of those that were merged into it are in this one.
    category_id: Uuid,
    /// What it was meant to come to.
    budget: i64,
    /// What moved on from the month before; negative: overspent.
    rolled: i64,
    /// What it came to, its parts among it, less what was given back.
    actual: i64,
    /// What is left of the budget and of what moved on; negative: overspent.
    left: i64,
    /// Whether anything moves on from the month before.
    rollover: bool,
}

/// What moved in another currency.
#[derive(Serialize, ToSchema)]
struct ApartView {
    category_id: Uuid,
    /// As `2026-11`: this month, or one from which something moves on.
    month: String,
    currency: String,
    /// How many digits its minor unit has.
    exponent: i16,
    /// In minor units; negative: out.
    amount: i64,
}

impl TryFrom<Line> for LineView {
    type Error = Problem;

    fn try_from(line: Line) -> Result<Self, Problem> {
        Ok(Self {
            category_id: line.category_id,
            budget: told(line.budget)?,
            rolled: told(line.rolled)?,
            actual: told(line.actual)?,
            left: told(line.left)?,
            rollover: line.rollover,
        })
    }
}

impl TryFrom<Moved> for ApartView {
    type Error = Problem;

    fn try_from(moved: Moved) -> Result<Self, Problem> {
        Ok(Self {
            category_id: moved.category_id,
            month: moved.month.to_string(),
            amount: told(moved.amount)?,
            currency: moved.currency,
            exponent: moved.exponent,
        })
    }
}

/// Shows the budgets of a month: what was meant, what came of it and what is left. What moved in other currencies is converted
/// at the newest rate of the month's last day or before.
#[utoipa::path(get, path = "/api/v1/budgets/{month}", tag = "budgets", params(("month" = String, Path, example = "2026-11")),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = MonthView), (status = 422, description = "A sum is more than can be told.")))]
async fn get_month(
    access: Access<LedgerRead>,
    month: Path<String>,
    books: Data<Books>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let month: Month = month.parse().map_err(|_| Problem::not_found())?;
    let owner = access.account_id.into();
    let book = books.of(owner, access.cause()).await?;
    let today = book.today(ctx.now());
    let plans = Plans::new(month, &repo::plans(ctx.pool(), book.id, month).await?);
    let start = book.month_start.day();
    let (from, after) = month.days(start);
    let (first, _) = plans.first().days(start);
    let days = (first, after);
    let moved = repo::moved(ctx.pool(), &book, &plans.categories(), days).await?;
    let wanted = wanted(&book, today, &moved);
    let base = book.base_currency;
    let newest = rates::repo::newest(ctx.pool(), owner, base.as_str(), &wanted).await?;
    let rates: Vec<_> = wanted.into_iter().zip(newest).collect();
    let converted = convert(&book, today, moved, &rates);
    let budgets = plans.lines(&converted.moved);
    let apart = converted.apart.into_iter();
    Ok(HttpResponse::Ok().json(MonthView {
        month: month.to_string(),
        from,
        to: after - Days::new(1),
        base_currency: base.as_str(),
        exponent: base.exponent(),
        budgets: budgets
            .into_iter()
            .map(LineView::try_from)
            .collect::<Result<_, _>>()?,
        apart: apart.map(ApartView::try_from).collect::<Result<_, _>>()?,
    }))
}

fn told(amount: i128) -> Result<i64, Problem> {
    i64::try_from(amount)
        .map_err(|_| Problem::unprocessable("sum_out_of_bounds", "A sum is more than can be told."))
}
