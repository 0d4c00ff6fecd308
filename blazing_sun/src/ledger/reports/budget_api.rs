//! `/api/v1/reports/budget`.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::web::{Data, Query, ServiceConfig};
use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use crate::flow::ctx::Ctx;
use crate::ledger::books::{Book, Books, Month};
use crate::ledger::budgets::Line;
use crate::ledger::categories::{Category, CategoryKind};
use crate::ledger::reports::api::{MonthQuery, shown, this_month};
use crate::ledger::reports::converted::Moved;
use crate::ledger::reports::read::{self, BudgetReport};
use crate::ledger::reports::total::{TooLarge, told};
use crate::web::access::{Access, LedgerRead};
use crate::web::problem::Problem;
use crate::web::routes::get;

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(get_budget_report))]
pub struct Api;

/// Registers the routes.
pub fn configure(routes: &mut ServiceConfig) {
    routes.service(get("/api/v1/reports/budget", get_budget_report));
}

/// What became of a month's budgets. All amounts but those apart are in minor units of the base currency.
#[derive(Serialize, ToSchema)]
struct BudgetReportView {
    /// Its name: the calendar's month in which it begins.
    month: String,
    /// Its first day.
    from: NaiveDate,
    /// Its last day.
    to: NaiveDate,
    /// Everything that happened in the book up to this moment is in the figures.
    as_of: DateTime<Utc>,
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
    name: Option<String>,
    color: Option<String>,
    icon: Option<String>,
    kind: CategoryKind,
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

impl BudgetReportView {
    fn of(book: &Book, month: Month, report: &BudgetReport) -> Result<Self, TooLarge> {
        let known = report.categories.iter();
        let known: BTreeMap<Uuid, &Category> = known.map(|one| (one.id.uuid(), one)).collect();
        let budgets = report.budgets.iter().map(|line| line_view(line, &known));
        Ok(Self {
            month: month.to_string(),
            from: report.from,
            to: report.to,
            as_of: report.as_of,
            base_currency: book.base_currency.as_str(),
            exponent: book.base_currency.exponent(),
            budgets: budgets.collect::<Result<_, _>>()?,
            apart: report
                .apart
                .iter()
                .map(apart_view)
                .collect::<Result<_, _>>()?,
        })
    }
}

fn line_view(line: &Line, known: &BTreeMap<Uuid, &Category>) -> Result<LineView, TooLarge> {
    let category = known.get(&line.category_id);
    Ok(LineView {
        category_id: line.category_id,
        name: category.map(|category| category.name.clone()),
        color: category.map(|category| category.color.clone()),
        icon: category.map(|category| category.icon.clone()),
        kind: if line.is_expense {
            CategoryKind::Expense
        } else {
            CategoryKind::Income
        },
        budget: told(line.budget)?,
        rolled: told(line.rolled)?,
        actual: told(line.actual)?,
        left: told(line.left)?,
        rollover: line.rollover,
    })
}

fn apart_view(moved: &Moved) -> Result<ApartView, TooLarge> {
    Ok(ApartView {
        category_id: moved.category_id,
        month: moved.month.to_string(),
        currency: moved.currency.clone(),
        exponent: moved.exponent,
        amount: told(moved.amount)?,
    })
}

/// Tells what became of a month's budgets: what was meant, what came of it and what is left. What moved in other currencies is
/// converted at the newest rate of its month's last day or before.
#[utoipa::path(get, path = "/api/v1/reports/budget", tag = "reports", params(MonthQuery),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = BudgetReportView), (status = 422, description = "A parameter is out of bounds.")))]
async fn get_budget_report(
    access: Access<LedgerRead>,
    query: Query<MonthQuery>,
    books: Data<Books>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let month = query.parse()?;
    let owner = access.account_id.into();
    let book = books.of(owner, access.cause()).await?;
    let month = month.unwrap_or_else(|| this_month(&book, &ctx));
    let report = read::budget(&ctx, owner, &book, month).await?;
    Ok(shown(BudgetReportView::of(&book, month, &report)?))
}
