//! `/api/v1/rates`.

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Json, Path, Query, ServiceConfig};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};
use uuid::Uuid;

use crate::flow::ctx::Ctx;
use crate::ledger::books::Books;
use crate::ledger::rates::change_rate::{ChangeRateError, change_rate};
use crate::ledger::rates::create_rate::{CreateRateError, create_rate};
use crate::ledger::rates::delete_rate::{DeleteRateError, delete_rate};
use crate::ledger::rates::exchange::Said;
use crate::ledger::rates::list::Listed;
use crate::ledger::rates::rate::{NewRate, Rate};
use crate::ledger::rates::repo;
use crate::ledger::transactions::Cursor;
use crate::web::access::{Access, LedgerRead, LedgerWrite};
use crate::web::etag::{self, Expected};
use crate::web::idempotency::Idempotency;
use crate::web::paging;
use crate::web::problem::{Fields, Problem};
use crate::web::routes::at;

const RATES: &str = "/api/v1/rates";

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(get_rates, post_rate, get_rate, put_rate, remove_rate))]
pub struct Api;

/// Registers the routes.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(at(RATES).get(get_rates).post(post_rate))
        .service(
            at("/api/v1/rates/{id}")
                .get(get_rate)
                .put(put_rate)
                .delete(remove_rate),
        );
}

/// A rate of yours.
#[derive(Serialize, ToSchema)]
struct RateView {
    id: Uuid,
    /// The day from which on it counts.
    date: NaiveDate,
    /// One unit of this currency
    from: String,
    /// is worth in this
    to: String,
    /// as much: an exact decimal.
    rate: String,
    created_at: DateTime<Utc>,
    /// What an `If-Match` has to name to change it.
    version: i64,
}

impl From<Rate> for RateView {
    fn from(rate: Rate) -> Self {
        Self {
            id: rate.id.uuid(),
            date: rate.date,
            from: rate.from,
            to: rate.to,
            rate: rate.rate.to_string(),
            created_at: rate.created_at,
            version: rate.version,
        }
    }
}

/// A rate in the list: one that you wrote down (`rate`), or one that a transfer implies (`transaction_id` and both amounts).
#[derive(Serialize, ToSchema)]
struct ListedView {
    /// The rate; none for one that a transfer implies.
    id: Option<Uuid>,
    /// The transfer that implies it.
    transaction_id: Option<Uuid>,
    date: NaiveDate,
    from: String,
    to: String,
    /// What a unit is worth: an exact decimal.
    rate: Option<String>,
    /// What was exchanged, in minor units.
    from_amount: Option<i64>,
    /// What for, in minor units.
    to_amount: Option<i64>,
}

impl From<Listed> for ListedView {
    fn from(listed: Listed) -> Self {
        let (rate, from_amount, to_amount) = match listed.said {
            Said::Entered(rate) => (Some(rate.to_string()), None, None),
            Said::Implied { from, to, .. } => (None, Some(from), Some(to)),
        };
        Self {
            id: rate.is_some().then_some(listed.id),
            transaction_id: rate.is_none().then_some(listed.id),
            date: listed.date,
            from: listed.from,
            to: listed.to,
            rate,
            from_amount,
            to_amount,
        }
    }
}

/// A page of rates.
#[derive(Serialize, ToSchema)]
struct RateList {
    /// The latest day first.
    rates: Vec<ListedView>,
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

/// What a currency is worth in another.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RateBody {
    /// The day from which on it counts, until there is a newer one.
    #[schema(format = "date")]
    date: String,
    /// One unit of this: an ISO 4217 code.
    #[schema(min_length = 3, max_length = 3)]
    from: String,
    /// In this: an ISO 4217 code.
    #[schema(min_length = 3, max_length = 3)]
    to: String,
    /// A decimal of 14 digits at most, 10 of them behind the point. It is kept as it is: nothing is rounded but the amounts that
    /// are converted with it.
    #[schema(min_length = 1, max_length = 32, example = "1.1634")]
    rate: String,
}

impl RateBody {
    fn parse(&self) -> Result<NewRate, Problem> {
        let mut fields = Fields::default();
        let date = fields.take("/date", self.date.parse());
        let from = fields.take("/from", self.from.parse());
        let to = fields.take("/to", self.to.parse());
        let rate = fields.take("/rate", self.rate.parse());
        if from.is_some() && from == to {
            fields.refuse("/to", "is the same currency");
        }
        match (date, from, to, rate) {
            (Some(date), Some(from), Some(to), Some(rate)) if fields.is_empty() => Ok(NewRate {
                date,
                from,
                to,
                rate,
            }),
            _ => Err(fields.into()),
        }
    }
}

/// Lists rates: those that you wrote down, and those that transfers between two currencies imply.
#[utoipa::path(get, path = "/api/v1/rates", tag = "rates", params(PageQuery), security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = RateList), (status = 422, description = "A parameter is out of bounds.")))]
async fn get_rates(
    access: Access<LedgerRead>,
    query: Query<PageQuery>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let (after, limit) = query.parse()?;
    let owner = access.account_id.into();
    let mut found = repo::list(ctx.pool(), owner, after, limit + 1).await?;
    let next = paging::cut(&mut found, limit, repo::behind);
    Ok(HttpResponse::Ok().json(RateList {
        rates: found.into_iter().map(ListedView::from).collect(),
        next: next.map(|next| next.to_string()),
    }))
}

/// Writes a rate down.
#[utoipa::path(post, path = "/api/v1/rates", tag = "rates", request_body = RateBody,
    security(("session" = []), ("bearer" = [])), params(Idempotency),
    responses((status = 201, body = RateView, headers(("Location" = String), ("ETag" = String))),
              (status = 409, description = "There is one of these currencies and that day.")))]
async fn post_rate(
    access: Access<LedgerWrite>,
    key: Idempotency,
    body: Json<RateBody>,
    books: Data<Books>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let new = body.parse()?;
    let book = books.of(access.account_id.into(), access.cause()).await?;
    key.once(&ctx, access.cause(), async |tx| {
        let made = create_rate(tx, book.id, new).await?;
        Ok(HttpResponse::Created()
            .insert_header((LOCATION, format!("{RATES}/{}", made.id)))
            .insert_header(etag::of(made.version))
            .json(RateView::from(made)))
    })
    .await
}

/// Shows a rate that you wrote down.
#[utoipa::path(get, path = "/api/v1/rates/{id}", tag = "rates", params(("id" = Uuid, Path)),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = RateView, headers(("ETag" = String)))))]
async fn get_rate(
    access: Access<LedgerRead>,
    id: Path<Uuid>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let found = repo::find(ctx.pool(), access.account_id.into(), (*id).into()).await?;
    Ok(shown(found.ok_or_else(Problem::not_found)?))
}

/// Replaces a rate that you wrote down.
#[utoipa::path(put, path = "/api/v1/rates/{id}", tag = "rates", request_body = RateBody,
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "The ETag of the rate that you read.")),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = RateView, headers(("ETag" = String))),
              (status = 409, description = "There is another one of these currencies and that day."),
              (status = 412, description = "It was changed meanwhile."),
              (status = 428, description = "If-Match is missing.")))]
async fn put_rate(
    access: Access<LedgerWrite>,
    id: Path<Uuid>,
    expected: Expected,
    body: Json<RateBody>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let new = body.parse()?;
    let (owner, id) = (access.account_id.into(), (*id).into());
    let mut tx = ctx.begin(access.cause()).await?;
    let check = |version| expected.check(version);
    let changed = change_rate(&mut tx, owner, id, new, check).await?;
    tx.commit().await?;
    Ok(shown(changed))
}

/// Deletes a rate that you wrote down.
#[utoipa::path(delete, path = "/api/v1/rates/{id}", tag = "rates",
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "The ETag of the rate that you read.")),
    security(("session" = []), ("bearer" = [])),
    responses((status = 204), (status = 412, description = "It was changed meanwhile."),
              (status = 428, description = "If-Match is missing.")))]
async fn remove_rate(
    access: Access<LedgerWrite>,
    id: Path<Uuid>,
    expected: Expected,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let (owner, id) = (access.account_id.into(), (*id).into());
    let mut tx = ctx.begin(access.cause()).await?;
    let check = |version| expected.check(version);
    delete_rate(&mut tx, owner, id, check).await?;
    tx.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}

fn shown(rate: Rate) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(etag::of(rate.version))
        .json(RateView::from(rate))
}

fn taken() -> Problem {
    Problem::conflict(
        "rate_taken",
        "There is a rate of these currencies and that day. Change that one.",
    )
}

impl From<CreateRateError> for Problem {
    fn from(error: CreateRateError) -> Self {
        match error {
            CreateRateError::Taken => taken(),
            CreateRateError::Database(error) => error.into(),
        }
    }
}

impl From<ChangeRateError<Problem>> for Problem {
    fn from(error: ChangeRateError<Problem>) -> Self {
        match error {
            ChangeRateError::Gone => Self::not_found(),
            ChangeRateError::Version(problem) => problem,
            ChangeRateError::Taken => taken(),
            ChangeRateError::Database(error) => error.into(),
        }
    }
}

impl From<DeleteRateError<Problem>> for Problem {
    fn from(error: DeleteRateError<Problem>) -> Self {
        match error {
            DeleteRateError::Gone => Self::not_found(),
            DeleteRateError::Version(problem) => problem,
            DeleteRateError::Database(error) => error.into(),
        }
    }
}
