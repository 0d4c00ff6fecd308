//! `/api/v1/recurring`.

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Json, Path, ServiceConfig};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use crate::flow::ctx::Ctx;
use crate::ledger::books::{self, Books};
use crate::ledger::recurring::body::RecurringBody;
use crate::ledger::recurring::change_recurring::{ChangeRecurringError, change_recurring};
use crate::ledger::recurring::create_recurring::{
    CreateRecurringError, MAX_DAYS_AGO, MAX_RECURRING, create_recurring,
};
use crate::ledger::recurring::delete_recurring::{DeleteRecurringError, delete_recurring};
use crate::ledger::recurring::occurrences_api;
use crate::ledger::recurring::pause_recurring::{PauseRecurringError, pause_recurring};
use crate::ledger::recurring::repo;
use crate::ledger::recurring::series::{Recurring, Trouble};
use crate::ledger::recurring::template::Template;
use crate::web::access::{Access, LedgerRead, LedgerWrite};
use crate::web::etag::{self, Expected};
use crate::web::idempotency::Idempotency;
use crate::web::problem::{Fields, Problem};
use crate::web::routes::at;

const RECURRING: &str = "/api/v1/recurring";

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(
    get_all_recurring,
    post_recurring,
    get_recurring,
    put_recurring,
    patch_recurring,
    remove_recurring
))]
pub struct Api;

/// Registers the routes.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(at(RECURRING).get(get_all_recurring).post(post_recurring))
        .service(
            at("/api/v1/recurring/{id}")
                .get(get_recurring)
                .put(put_recurring)
                .patch(patch_recurring)
                .delete(remove_recurring),
        )
        .configure(occurrences_api::configure);
}

/// A transaction of yours that comes again.
#[derive(Serialize, ToSchema)]
struct RecurringView {
    id: Uuid,
    /// What is made.
    transaction: Template,
    /// When it is due: an RRULE of RFC 5545.
    rule: String,
    /// The first day on which it may be due.
    start: NaiveDate,
    /// The last one, if there is one.
    end: Option<NaiveDate>,
    /// The day on which the next one is due; none, if it is over.
    next_due: Option<NaiveDate>,
    /// When it was paused.
    paused_at: Option<DateTime<Utc>>,
    /// Why what is due could not be made; as soon as that is mended it is.
    trouble: Option<Trouble>,
    created_at: DateTime<Utc>,
    /// What an `If-Match` has to name to change it.
    version: i64,
}

impl From<Recurring> for RecurringView {
    fn from(recurring: Recurring) -> Self {
        Self {
            id: recurring.id.uuid(),
            transaction: recurring.template,
            rule: recurring.rule.to_string(),
            start: recurring.starts_on.date(),
            end: recurring.ends_on.map(NaiveDate::from),
            next_due: recurring.next_due,
            paused_at: recurring.paused_at,
            trouble: recurring.trouble,
            created_at: recurring.created_at,
            version: recurring.version,
        }
    }
}

/// Your recurring transactions.
#[derive(Serialize, ToSchema)]
struct RecurringList {
    /// The next one that is due first, those that are over last.
    recurring: Vec<RecurringView>,
}

/// Lists your recurring transactions.
#[utoipa::path(get, path = "/api/v1/recurring", tag = "recurring", security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = RecurringList)))]
async fn get_all_recurring(
    access: Access<LedgerRead>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let found = repo::list(ctx.pool(), access.account_id.into()).await?;
    let recurring = found.into_iter().map(RecurringView::from).collect();
    Ok(HttpResponse::Ok().json(RecurringList { recurring }))
}

/// Sets up a transaction that comes again. What is due already is made at once.
#[utoipa::path(post, path = "/api/v1/recurring", tag = "recurring", request_body = RecurringBody,
    security(("session" = []), ("bearer" = [])), params(Idempotency),
    responses((status = 201, body = RecurringView, headers(("Location" = String), ("ETag" = String))),
              (status = 409, description = "There are as many as there may be.")))]
async fn post_recurring(
    access: Access<LedgerWrite>,
    key: Idempotency,
    body: Json<RecurringBody>,
    books: Data<Books>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let new = body.parse()?;
    let owner = access.account_id.into();
    let book = books.of(owner, access.cause()).await?;
    key.once(&ctx, access.cause(), async |tx| {
        // So that two requests at once do not make one too many.
        books::repo::lock(tx, owner).await?;
        let made = create_recurring(tx, owner, &book, new)
            .await
            .map_err(|error| match error {
                CreateRecurringError::NotWritten(fault) => body.refusal(fault),
                other => other.into(),
            })?;
        Ok(HttpResponse::Created()
            .insert_header((LOCATION, format!("{RECURRING}/{}", made.id)))
            .insert_header(etag::of(made.version))
            .json(RecurringView::from(made)))
    })
    .await
}

/// Shows a recurring transaction.
#[utoipa::path(get, path = "/api/v1/recurring/{id}", tag = "recurring", params(("id" = Uuid, Path)),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = RecurringView, headers(("ETag" = String)))))]
async fn get_recurring(
    access: Access<LedgerRead>,
    id: Path<Uuid>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let found = repo::find(ctx.pool(), access.account_id.into(), (*id).into()).await?;
    Ok(shown(found.ok_or_else(Problem::not_found)?))
}

/// Changes a recurring transaction from today on. What was made stays as it is, and no day is made twice.
#[utoipa::path(put, path = "/api/v1/recurring/{id}", tag = "recurring", request_body = RecurringBody,
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "The ETag of what you read.")),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = RecurringView, headers(("ETag" = String))),
              (status = 409, description = "What was due before today is still being made."),
              (status = 412, description = "It was changed meanwhile."),
              (status = 428, description = "If-Match is missing.")))]
async fn put_recurring(
    access: Access<LedgerWrite>,
    id: Path<Uuid>,
    expected: Expected,
    body: Json<RecurringBody>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let new = body.parse()?;
    let (owner, id) = (access.account_id.into(), (*id).into());
    let mut tx = ctx.begin(access.cause()).await?;
    let check = |version| expected.check(version);
    let changed = change_recurring(&mut tx, owner, id, new, check)
        .await
        .map_err(|error| match error {
            ChangeRecurringError::NotWritten(fault) => body.refusal(fault),
            other => other.into(),
        })?;
    tx.commit().await?;
    Ok(shown(changed))
}

/// Whether it is paused.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PauseBody {
    paused: bool,
}

/// Pauses a recurring transaction, or has it go on from today: what would have been due in between is not made.
#[utoipa::path(patch, path = "/api/v1/recurring/{id}", tag = "recurring", request_body = PauseBody,
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "The ETag of what you read.")),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = RecurringView, headers(("ETag" = String))),
              (status = 409, description = "What was due before today is still being made."),
              (status = 412, description = "It was changed meanwhile."),
              (status = 428, description = "If-Match is missing.")))]
async fn patch_recurring(
    access: Access<LedgerWrite>,
    id: Path<Uuid>,
    expected: Expected,
    body: Json<PauseBody>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let (owner, id) = (access.account_id.into(), (*id).into());
    let mut tx = ctx.begin(access.cause()).await?;
    let check = |version| expected.check(version);
    let changed = pause_recurring(&mut tx, owner, id, body.paused, check).await?;
    tx.commit().await?;
    Ok(shown(changed))
}

/// Deletes a recurring transaction. What was made of it stays.
#[utoipa::path(delete, path = "/api/v1/recurring/{id}", tag = "recurring",
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "The ETag of what you read.")),
    security(("session" = []), ("bearer" = [])),
    responses((status = 204), (status = 412, description = "It was changed meanwhile."),
              (status = 428, description = "If-Match is missing.")))]
async fn remove_recurring(
    access: Access<LedgerWrite>,
    id: Path<Uuid>,
    expected: Expected,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let (owner, id) = (access.account_id.into(), (*id).into());
    let mut tx = ctx.begin(access.cause()).await?;
    let check = |version| expected.check(version);
    delete_recurring(&mut tx, owner, id, check).await?;
    tx.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}

fn shown(recurring: Recurring) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(etag::of(recurring.version))
        .json(RecurringView::from(recurring))
}

fn long_ago() -> Problem {
    let detail = format!("is more than {MAX_DAYS_AGO} days ago");
    Fields::of("/transaction/date", detail).into()
}

fn behind() -> Problem {
    Problem::conflict(
        "recurring_behind",
        "What was due before today is still being made. Try again in a moment.",
    )
}

impl From<CreateRecurringError> for Problem {
    fn from(error: CreateRecurringError) -> Self {
        match error {
            CreateRecurringError::NotWritten(fault) => fault.into(),
            CreateRecurringError::LongAgo => long_ago(),
            CreateRecurringError::Never => {
                Fields::of("/rule", "is never due between the first day and the last").into()
            }
            CreateRecurringError::TooMany => Self::conflict(
                "too_many_recurring",
                &format!(
                    "There are {MAX_RECURRING} recurring transactions, which is as many as there may be."
                ),
            ),
            CreateRecurringError::Refused(error) => Self::internal(&error),
            CreateRecurringError::Database(error) => error.into(),
        }
    }
}

impl From<ChangeRecurringError<Problem>> for Problem {
    fn from(error: ChangeRecurringError<Problem>) -> Self {
        match error {
            ChangeRecurringError::Gone => Self::not_found(),
            ChangeRecurringError::Version(problem) => problem,
            ChangeRecurringError::Behind => behind(),
            ChangeRecurringError::LongAgo => long_ago(),
            ChangeRecurringError::NotWritten(fault) => fault.into(),
            ChangeRecurringError::MakeDue(error) => Self::internal(&error),
            ChangeRecurringError::Refused(error) => Self::internal(&error),
            ChangeRecurringError::Database(error) => error.into(),
        }
    }
}

impl From<PauseRecurringError<Problem>> for Problem {
    fn from(error: PauseRecurringError<Problem>) -> Self {
        match error {
            PauseRecurringError::Gone => Self::not_found(),
            PauseRecurringError::Version(problem) => problem,
            PauseRecurringError::Behind => behind(),
            PauseRecurringError::MakeDue(error) => Self::internal(&error),
            PauseRecurringError::Refused(error) => Self::internal(&error),
            PauseRecurringError::Database(error) => error.into(),
        }
    }
}

impl From<DeleteRecurringError<Problem>> for Problem {
    fn from(error: DeleteRecurringError<Problem>) -> Self {
        match error {
            DeleteRecurringError::Gone => Self::not_found(),
            DeleteRecurringError::Version(problem) => problem,
            DeleteRecurringError::Database(error) => error.into(),
        }
    }
}
