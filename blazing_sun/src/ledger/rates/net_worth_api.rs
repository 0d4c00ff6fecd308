//! `/api/v1/net-worth`.

use actix_web::HttpResponse;
use actix_web::web::{Data, Query, ServiceConfig};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};

use crate::flow::ctx::Ctx;
use crate::kernel::day::Day;
use crate::ledger::books::Books;
use crate::ledger::rates::exchange::Wanted;
use crate::ledger::rates::net_worth::{Held, NetWorth};
use crate::ledger::rates::repo;
use crate::web::access::{Access, LedgerRead};
use crate::web::problem::{Fields, Problem};
use crate::web::routes::get;

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(get_net_worth))]
pub struct Api;

/// Registers the routes.
pub fn configure(routes: &mut ServiceConfig) {
    routes.service(get("/api/v1/net-worth", get_net_worth));
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DayQuery {
    /// The day; today, if it is left out.
    #[param(format = "date")]
    date: Option<String>,
}

/// What everything is worth.
#[derive(Serialize, ToSchema)]
#[schema(as = NetWorthNowView)]
struct NetWorthView {
    /// At the end of this day.
    date: NaiveDate,
    /// The book's currency.
    base_currency: &'static str,
    /// How many digits its minor unit has.
    exponent: i16,
    /// What could be converted, in minor units of it.
    total: i64,
    /// What the total is made of, by currency.
    converted: Vec<WorthView>,
    /// What there is no rate for, and what is not in the total.
    apart: Vec<HeldView>,
}

/// What is held of a currency, and what that is worth.
#[derive(Serialize, ToSchema)]
#[schema(as = RateWorthView)]
struct WorthView {
    #[serde(flatten)]
    held: HeldView,
    /// What it is worth in minor units of the base currency: rounded once, half to even.
    worth: i64,
    /// The day of the rate: the newest one of that day or before. None for the base currency itself.
    rate_date: Option<NaiveDate>,
}

/// What is held of a currency.
#[derive(Serialize, ToSchema)]
struct HeldView {
    currency: String,
    /// How many digits its minor unit has.
    exponent: i16,
    /// In minor units.
    amount: i64,
}

/// Tells what everything is worth in the base currency. What transfers between two currencies imply are rates, too.
#[utoipa::path(get, path = "/api/v1/net-worth", tag = "rates", params(DayQuery), security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = NetWorthView),
              (status = 422, description = "The parameter is no such day, or the total is more than can be told.")))]
async fn get_net_worth(
    access: Access<LedgerRead>,
    query: Query<DayQuery>,
    books: Data<Books>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let day: Option<Result<Day, _>> = query.date.as_deref().map(str::parse);
    let day = day
        .transpose()
        .map_err(|error| Fields::of("/date", error))?;
    let owner = access.account_id.into();
    let book = books.of(owner, access.cause()).await?;
    let date = day.map_or_else(|| book.today(ctx.now()), Day::date);
    let held = repo::held(ctx.pool(), owner, date).await?;
    let wanted: Vec<Wanted> = held
        .iter()
        .map(|held| Wanted {
            currency: held.currency.clone(),
            day: date,
        })
        .collect();
    let base = book.base_currency;
    let newest = repo::newest(ctx.pool(), owner, base.as_str(), &wanted).await?;
    let held = held.into_iter().zip(newest).collect();
    let worth = NetWorth::of(base.as_str(), base.exponent(), held);
    Ok(HttpResponse::Ok().json(NetWorthView {
        date,
        base_currency: base.as_str(),
        exponent: base.exponent(),
        total: told(worth.total())?,
        converted: worth
            .converted
            .into_iter()
            .map(|worth| {
                Ok(WorthView {
                    held: HeldView::try_from(worth.held)?,
                    worth: told(worth.worth)?,
                    rate_date: worth.rate_date,
                })
            })
            .collect::<Result<_, Problem>>()?,
        apart: worth
            .apart
            .into_iter()
            .map(HeldView::try_from)
            .collect::<Result<_, _>>()?,
    }))
}

impl TryFrom<Held> for HeldView {
    type Error = Problem;

    fn try_from(held: Held) -> Result<Self, Problem> {
        Ok(Self {
            amount: told(held.amount)?,
            currency: held.currency,
            exponent: held.exponent,
        })
    }
}

fn told(amount: i128) -> Result<i64, Problem> {
    i64::try_from(amount).map_err(|_| {
        Problem::unprocessable(
            "total_out_of_bounds",
            "The total is more than can be told. Look at its rates.",
        )
    })
}
