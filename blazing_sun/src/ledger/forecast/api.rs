//! `/api/v1/forecast`.

use std::num::TryFromIntError;

use actix_web::HttpResponse;
use actix_web::web::{Data, Query, ServiceConfig};
use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};
use uuid::Uuid;

use crate::flow::ctx::Ctx;
use crate::ledger::books::Books;
use crate::ledger::forecast::projection::{CurrencyForecast, WalletForecast, currencies};
use crate::ledger::forecast::repo;
use crate::web::access::{Access, LedgerRead};
use crate::web::problem::{Fields, Problem};
use crate::web::routes::get;

/// How many days are foretold if nobody says it.
const USUAL_DAYS: u16 = 90;
/// How many are at most.
const MAX_DAYS: u16 = 366;

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(get_forecast))]
pub struct Api;

/// Registers the routes.
pub fn configure(routes: &mut ServiceConfig) {
    routes.service(get("/api/v1/forecast", get_forecast));
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ForecastQuery {
    /// How many days after today.
    #[param(minimum = 1, maximum = 366, default = 90)]
    days: Option<u16>,
}

impl ForecastQuery {
    fn parse(&self) -> Result<u16, Problem> {
        let days = self.days.unwrap_or(USUAL_DAYS);
        if (1..=MAX_DAYS).contains(&days) {
            return Ok(days);
        }
        Err(Fields::of("/days", format!("is not from 1 to {MAX_DAYS}")).into())
    }
}

/// What your wallets will hold.
#[derive(Serialize, ToSchema)]
struct ForecastView {
    /// Today.
    from: NaiveDate,
    /// The last day.
    to: NaiveDate,
    wallets: Vec<WalletForecastView>,
    /// All wallets of a currency together.
    currencies: Vec<CurrencyForecastView>,
}

/// What a wallet will hold.
#[derive(Serialize, ToSchema)]
struct WalletForecastView {
    wallet_id: Uuid,
    currency: String,
    /// How many digits the currency's minor unit has.
    exponent: i16,
    /// At the end of each day from today on, in minor units.
    balances: Vec<i64>,
}

/// What all wallets of a currency will hold together.
#[derive(Serialize, ToSchema)]
struct CurrencyForecastView {
    currency: String,
    /// How many digits the currency's minor unit has.
    exponent: i16,
    /// At the end of each day from today on, in minor units.
    balances: Vec<i64>,
}

fn whole(balances: Vec<i128>) -> Result<Vec<i64>, TryFromIntError> {
    balances.into_iter().map(i64::try_from).collect()
}

impl TryFrom<WalletForecast> for WalletForecastView {
    type Error = TryFromIntError;

    fn try_from(forecast: WalletForecast) -> Result<Self, TryFromIntError> {
        Ok(Self {
            wallet_id: forecast.wallet_id,
            currency: forecast.currency,
            exponent: forecast.exponent,
            balances: whole(forecast.balances)?,
        })
    }
}

impl TryFrom<CurrencyForecast> for CurrencyForecastView {
    type Error = TryFromIntError;

    fn try_from(forecast: CurrencyForecast) -> Result<Self, TryFromIntError> {
        Ok(Self {
            currency: forecast.currency,
            exponent: forecast.exponent,
            balances: whole(forecast.balances)?,
        })
    }
}

/// Foretells what your wallets will hold: by what is written down for later days, and by what comes again.
#[utoipa::path(get, path = "/api/v1/forecast", tag = "forecast", params(ForecastQuery),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = ForecastView),
              (status = 422, description = "The number of days is out of bounds, or a balance would be.")))]
async fn get_forecast(
    access: Access<LedgerRead>,
    query: Query<ForecastQuery>,
    books: Data<Books>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let days = query.parse()?;
    let owner = access.account_id.into();
    let book = books.of(owner, access.cause()).await?;
    let from = book.today(ctx.now());
    let to = from + Days::new(days.into());
    let mut tx = ctx.begin(access.cause()).await?;
    repo::freeze(&mut tx).await?;
    let known = repo::known(&mut tx, owner, from, to).await?;
    tx.rollback().await?;
    let wallets = known.wallets(days.into());
    let currencies = currencies(&wallets);
    Ok(HttpResponse::Ok().json(ForecastView {
        from,
        to,
        wallets: all(wallets)?,
        currencies: all(currencies)?,
    }))
}

/// All of them, unless a balance is more than can be told.
fn all<T, V: TryFrom<T>>(forecasts: Vec<T>) -> Result<Vec<V>, Problem> {
    let views: Result<_, _> = forecasts.into_iter().map(V::try_from).collect();
    views.map_err(|_| {
        Problem::unprocessable(
            "balance_out_of_bounds",
            "A balance would be more than can be counted. Ask for fewer days.",
        )
    })
}
