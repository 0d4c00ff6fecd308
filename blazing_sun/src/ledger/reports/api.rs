//! `/api/v1/reports`.

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Query, ServiceConfig};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};

use crate::flow::ctx::Ctx;
use crate::kernel::day::Day;
use crate::ledger::books::{Book, Books, Month};
use crate::ledger::reports::net_worth::{each_day, each_month};
use crate::ledger::reports::read;
use crate::ledger::reports::views::{CashFlowView, MonthView, NetWorthView};
use crate::web::access::{Access, LedgerRead};
use crate::web::problem::{Fields, Problem};
use crate::web::routes::get;

/// How many months a report covers at most.
const MAX_MONTHS: i32 = 120;
/// How many days, one by one, it covers at most.
const MAX_DAYS: i64 = 366;

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(get_month, get_cash_flow, get_net_worth))]
pub struct Api;

/// Registers the routes.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(get("/api/v1/reports/month", get_month))
        .service(get("/api/v1/reports/cash-flow", get_cash_flow))
        .service(get("/api/v1/reports/net-worth", get_net_worth));
}

/// Asks for a month.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct MonthQuery {
    /// A month of the book, by the name of the calendar's month in which it begins; if left out, the one that today is in.
    #[param(pattern = "^[0-9]{4}-[0-9]{2}$")]
    month: Option<String>,
}

impl MonthQuery {
    /// The month; none, if the one that today is in is meant.
    pub fn parse(&self) -> Result<Option<Month>, Problem> {
        let month = self.month.as_deref().map(str::parse).transpose();
        Ok(month.map_err(|error| Fields::of("/month", error))?)
    }
}

/// Tells what a month's money was for.
#[utoipa::path(get, path = "/api/v1/reports/month", tag = "reports", params(MonthQuery),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = MonthView), (status = 422, description = "A parameter is out of bounds.")))]
async fn get_month(
    access: Access<LedgerRead>,
    query: Query<MonthQuery>,
    books: Data<Books>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let month = query.parse()?;
    let book = books.of(access.account_id.into(), access.cause()).await?;
    let month = month.unwrap_or_else(|| this_month(&book, &ctx));
    let days = (
        month.first_day(book.month_start),
        month.last_day(book.month_start),
    );
    let report = read::month(&ctx, access.account_id.into(), &book, days).await?;
    Ok(shown(MonthView::of(month, &report)?))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct CashFlowQuery {
    /// The first month; if left out, eleven months before the last one.
    #[param(pattern = "^[0-9]{4}-[0-9]{2}$")]
    from: Option<String>,
    /// The last month, at most 119 after the first; if left out, the one that today is in.
    #[param(pattern = "^[0-9]{4}-[0-9]{2}$")]
    to: Option<String>,
}

impl CashFlowQuery {
    fn parse(&self, current: Month) -> Result<(Month, Month), Problem> {
        let mut fields = Fields::default();
        let to = fields.take("/to", self.to.as_deref().map(str::parse).transpose());
        let from = fields.take("/from", self.from.as_deref().map(str::parse).transpose());
        let (Some(from), Some(to)) = (from, to) else {
            return Err(fields.into());
        };
        let to: Month = to.unwrap_or(current);
        let from: Month = from.unwrap_or_else(|| to.plus(-11));
        if !(0..MAX_MONTHS).contains(&from.until(to)) {
            let detail = format!("does not begin a range of 1 to {MAX_MONTHS} months");
            return Err(Fields::of("/from", detail).into());
        }
        Ok((from, to))
    }
}

/// Tells what came in and went out, month by month.
#[utoipa::path(get, path = "/api/v1/reports/cash-flow", tag = "reports", params(CashFlowQuery),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = CashFlowView), (status = 422, description = "A parameter is out of bounds.")))]
async fn get_cash_flow(
    access: Access<LedgerRead>,
    query: Query<CashFlowQuery>,
    books: Data<Books>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let book = books.of(access.account_id.into(), access.cause()).await?;
    let (from, to) = query.parse(this_month(&book, &ctx))?;
    let report = read::cash_flow(&ctx, &book, from, to).await?;
    Ok(shown(CashFlowView::of(
        from,
        to,
        book.month_start,
        &report,
    )?))
}

/// How far apart the points of a curve are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// Each day has one.
    #[default]
    Day,
    /// The last day of each month has one.
    Month,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct NetWorthQuery {
    /// The first day; if left out, 29 days before the last one, or the first day of the month eleven months before.
    #[param(format = "date")]
    from: Option<String>,
    /// The last day; if left out, today.
    #[param(format = "date")]
    to: Option<String>,
    /// How far apart the points are: at most 366 days, or 120 months.
    #[param(value_type = Option<Step>)]
    per: Option<String>,
}

impl NetWorthQuery {
    fn parse(
        &self,
        book: &Book,
        today: NaiveDate,
    ) -> Result<(Step, Vec<NaiveDate>, NaiveDate), Problem> {
        let mut fields = Fields::default();
        let to = fields.take("/to", self.to.as_deref().map(str::parse::<Day>).transpose());
        let from = fields.take(
            "/from",
            self.from.as_deref().map(str::parse::<Day>).transpose(),
        );
        let per = match self.per.as_deref() {
            None | Some("day") => Ok(Step::Day),
            Some("month") => Ok(Step::Month),
            Some(_) => Err("is not day or month"),
        };
        let (Some(from), Some(to), Some(per)) = (from, to, fields.take("/per", per)) else {
            return Err(fields.into());
        };
        let to = to.map_or(today, Day::date);
        let start = book.month_start;
        let from = from.map_or_else(
            || match per {
                Step::Day => to - chrono::Days::new(29),
                Step::Month => Month::of(to, start).plus(-11).first_day(start),
            },
            Day::date,
        );
        let months = Month::of(from, start).until(Month::of(to, start));
        let fits = match per {
            Step::Day => (to - from).num_days() < MAX_DAYS,
            Step::Month => months < MAX_MONTHS,
        };
        if from > to || !fits {
            let detail =
                format!("does not begin a range of 1 to {MAX_DAYS} days, or {MAX_MONTHS} months");
            return Err(Fields::of("/from", detail).into());
        }
        let days = match per {
            Step::Day => each_day(from, to),
            Step::Month => each_month(from, to, start),
        };
        Ok((per, days, from))
    }
}

/// Tells what there was at the end of days or months, per currency, in all wallets together.
#[utoipa::path(get, path = "/api/v1/reports/net-worth", tag = "reports", params(NetWorthQuery),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = NetWorthView), (status = 422, description = "A parameter is out of bounds.")))]
async fn get_net_worth(
    access: Access<LedgerRead>,
    query: Query<NetWorthQuery>,
    books: Data<Books>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let book = books.of(access.account_id.into(), access.cause()).await?;
    let (per, days, from) = query.parse(&book, book.today(ctx.now()))?;
    let report = read::net_worth(&ctx, &book, from, &days).await?;
    Ok(shown(NetWorthView::of(per, &report)?))
}

/// The month that today is in.
pub(super) fn this_month(book: &Book, ctx: &Ctx) -> Month {
    Month::of(book.today(ctx.now()), book.month_start)
}

/// An answer that is somebody's own.
pub(super) fn shown(view: impl Serialize) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(view)
}
