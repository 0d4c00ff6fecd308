//! `/api/v1/recurring/{id}/occurrences` and `/skips`.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query, ServiceConfig};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};
use uuid::Uuid;

use crate::flow::ctx::Ctx;
use crate::kernel::day::Day;
use crate::ledger::recurring::repo::{self, Occurrence};
use crate::ledger::recurring::skip_date::{SkipDateError, skip_date, unskip_date};
use crate::web::access::{Access, LedgerRead, LedgerWrite};
use crate::web::paging;
use crate::web::problem::{Fields, Problem};
use crate::web::routes::{at, get};

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(get_occurrences, put_skip, remove_skip))]
pub struct Api;

/// Registers the routes.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(get("/api/v1/recurring/{id}/occurrences", get_occurrences))
        .service(
            at("/api/v1/recurring/{id}/skips/{date}")
                .put(put_skip)
                .delete(remove_skip),
        );
}

/// What became of a day on which it was due.
#[derive(Serialize, ToSchema)]
struct OccurrenceView {
    due_date: NaiveDate,
    /// The transaction that was made, which may have been deleted since; none, if the day is skipped.
    transaction_id: Option<Uuid>,
}

impl From<Occurrence> for OccurrenceView {
    fn from(occurrence: Occurrence) -> Self {
        Self {
            due_date: occurrence.due_date,
            transaction_id: occurrence.transaction_id,
        }
    }
}

/// A page of what became of its days.
#[derive(Serialize, ToSchema)]
struct OccurrenceList {
    /// The latest day first.
    occurrences: Vec<OccurrenceView>,
    /// The `after` of the next page; none on the last one.
    next: Option<NaiveDate>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PageQuery {
    /// The `next` of the page before.
    #[param(format = "date")]
    after: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<i64>,
}

impl PageQuery {
    fn parse(&self) -> Result<(Option<Day>, i64), Problem> {
        let mut fields = Fields::default();
        let after = self.after.as_deref().map(str::parse).transpose();
        let after = fields.take("/after", after);
        let limit = fields.take("/limit", paging::limit(self.limit));
        after.zip(limit).ok_or_else(|| fields.into())
    }
}

/// Lists the days of a recurring transaction that were made or skipped.
#[utoipa::path(get, path = "/api/v1/recurring/{id}/occurrences", tag = "recurring",
    params(("id" = Uuid, Path), PageQuery), security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = OccurrenceList), (status = 422, description = "A parameter is out of bounds.")))]
async fn get_occurrences(
    access: Access<LedgerRead>,
    id: Path<Uuid>,
    query: Query<PageQuery>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let (after, limit) = query.parse()?;
    let (owner, id) = (access.account_id.into(), (*id).into());
    let before = after.map(Day::date);
    let mut found = repo::occurrences(ctx.pool(), owner, id, before, limit + 1).await?;
    if found.is_empty() && repo::find(ctx.pool(), owner, id).await?.is_none() {
        return Err(Problem::not_found());
    }
    let next = paging::cut(&mut found, limit, |last| last.due_date);
    Ok(HttpResponse::Ok().json(OccurrenceList {
        occurrences: found.into_iter().map(OccurrenceView::from).collect(),
        next,
    }))
}

/// Skips a day on which it is due, from today on.
#[utoipa::path(put, path = "/api/v1/recurring/{id}/skips/{date}", tag = "recurring",
    params(("id" = Uuid, Path), ("date" = String, Path, format = "date")), security(("session" = []), ("bearer" = [])),
    responses((status = 204), (status = 409, description = "The day is over, or it was made already."),
              (status = 422, description = "It is not due on that day.")))]
async fn put_skip(
    access: Access<LedgerWrite>,
    path: Path<(Uuid, String)>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let (id, day) = parse(&path)?;
    let mut tx = ctx.begin(access.cause()).await?;
    skip_date(&mut tx, access.account_id.into(), id.into(), day).await?;
    tx.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Takes back that a day is skipped.
#[utoipa::path(delete, path = "/api/v1/recurring/{id}/skips/{date}", tag = "recurring",
    params(("id" = Uuid, Path), ("date" = String, Path, format = "date")), security(("session" = []), ("bearer" = [])),
    responses((status = 204), (status = 409, description = "The day is over.")))]
async fn remove_skip(
    access: Access<LedgerWrite>,
    path: Path<(Uuid, String)>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let (id, day) = parse(&path)?;
    let mut tx = ctx.begin(access.cause()).await?;
    unskip_date(&mut tx, access.account_id.into(), id.into(), day).await?;
    tx.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Where there is no day there is nothing.
fn parse(path: &Path<(Uuid, String)>) -> Result<(Uuid, Day), Problem> {
    let day = path.1.parse().map_err(|_| Problem::not_found())?;
    Ok((path.0, day))
}

impl From<SkipDateError> for Problem {
    fn from(error: SkipDateError) -> Self {
        match error {
            SkipDateError::Gone => Self::not_found(),
            SkipDateError::NotDue => Self::unprocessable(
                "not_due",
                "It is not due on that day. Skip one on which it is.",
            ),
            SkipDateError::Past => Self::conflict(
                "day_over",
                "The day is over. If a transaction was made, delete it: it is not made again.",
            ),
            SkipDateError::Made => Self::conflict(
                "already_made",
                "It was made already. Delete the transaction: it is not made again.",
            ),
            SkipDateError::Refused(error) => Self::internal(&error),
            SkipDateError::Database(error) => error.into(),
        }
    }
}
