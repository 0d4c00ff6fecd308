//! `/api/v1/book`.

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Json, ServiceConfig};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use crate::flow::ctx::Ctx;
use crate::ledger::books::book::Book;
use crate::ledger::books::change_book::{ChangeBookError, Changes, change_book};
use crate::ledger::books::open_book::Books;
use crate::web::access::{Access, LedgerRead, LedgerWrite};
use crate::web::etag::{self, Expected};
use crate::web::patch::fixed;
use crate::web::problem::{Fields, Problem};
use crate::web::routes::at;

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(get_book, patch_book))]
pub struct Api;

/// Registers the routes.
pub fn configure(routes: &mut ServiceConfig) {
    routes.service(at("/api/v1/book").get(get_book).patch(patch_book));
}

/// Your book.
#[derive(Serialize, ToSchema)]
struct BookView {
    id: Uuid,
    /// What totals are in: an ISO 4217 code.
    base_currency: &'static str,
    /// Decides what today is: a name of the IANA time zone database.
    time_zone: &'static str,
    /// The day on which months begin.
    month_start: i16,
    /// Whether you get a report of each month by mail.
    monthly_report: bool,
    /// Which day it is where the book is kept.
    today: NaiveDate,
    created_at: DateTime<Utc>,
}

/// What is to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BookBody {
    /// An ISO 4217 code of a currency in circulation.
    #[serde(default, deserialize_with = "fixed")]
    #[schema(nullable = false, min_length = 3, max_length = 3)]
    pub base_currency: Option<String>,
    /// A name of the IANA time zone database, such as `Europe/Berlin`.
    #[serde(default, deserialize_with = "fixed")]
    #[schema(nullable = false, max_length = 64)]
    pub time_zone: Option<String>,
    /// A day from 1 to 28.
    #[serde(default, deserialize_with = "fixed")]
    #[schema(nullable = false, minimum = 1, maximum = 28)]
    pub month_start: Option<i16>,
    /// Whether you get a report of each month by mail.
    #[serde(default, deserialize_with = "fixed")]
    #[schema(nullable = false)]
    pub monthly_report: Option<bool>,
}

impl BookBody {
    /// What is to change, or all that is wrong with it.
    pub fn parse(&self) -> Result<Changes, Problem> {
        let mut fields = Fields::default();
        let currency = self.base_currency.as_deref().map(str::parse).transpose();
        let time_zone = self.time_zone.as_deref().map(str::parse).transpose();
        let month_start = self.month_start.map(TryInto::try_into).transpose();
        let changes = Changes {
            base_currency: fields.take("/base_currency", currency).flatten(),
            time_zone: fields.take("/time_zone", time_zone).flatten(),
            month_start: fields.take("/month_start", month_start).flatten(),
            monthly_report: self.monthly_report,
        };
        if fields.is_empty() {
            Ok(changes)
        } else {
            Err(fields.into())
        }
    }
}

/// Shows your book.
#[utoipa::path(get, path = "/api/v1/book", tag = "book", security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = BookView, headers(("ETag" = String)))))]
async fn get_book(
    access: Access<LedgerRead>,
    books: Data<Books>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let book = books.of(access.account_id.into(), access.cause()).await?;
    Ok(shown(&book, &ctx))
}

/// Changes your book. Amounts that are there keep their currency.
#[utoipa::path(patch, path = "/api/v1/book", tag = "book", security(("session" = []), ("bearer" = [])),
    params(("If-Match" = String, Header, description = "The ETag of the book that you read.")),
    responses((status = 200, body = BookView, headers(("ETag" = String))),
              (status = 412, description = "It was changed meanwhile."),
              (status = 428, description = "If-Match is missing.")))]
async fn patch_book(
    access: Access<LedgerWrite>,
    expected: Expected,
    body: Json<BookBody>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let changes = body.parse()?;
    let mut tx = ctx.begin(access.cause()).await?;
    let check = |version| expected.check(version);
    let book = change_book(&mut tx, access.account_id.into(), changes, check).await?;
    tx.commit().await?;
    Ok(shown(&book, &ctx))
}

fn shown(book: &Book, ctx: &Ctx) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(etag::of(book.version))
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(BookView {
            id: book.id.uuid(),
            base_currency: book.base_currency.as_str(),
            time_zone: book.time_zone.as_str(),
            month_start: book.month_start.day(),
            monthly_report: book.monthly_report,
            today: book.today(ctx.now()),
            created_at: book.created_at,
        })
}

impl From<ChangeBookError<Problem>> for Problem {
    fn from(error: ChangeBookError<Problem>) -> Self {
        match error {
            ChangeBookError::Gone => Self::not_found(),
            ChangeBookError::Version(problem) => problem,
            ChangeBookError::Database(error) => error.into(),
        }
    }
}
