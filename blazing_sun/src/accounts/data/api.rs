//! `/api/v1/profile/exports` and `/api/v1/profile/deletion`: taking one's data along, and leaving.

use actix_web::HttpResponse;
use actix_web::body::SizedStream;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, LOCATION, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::{Data, Path, ServiceConfig};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use crate::accounts::account::Account;
use crate::accounts::data::deletion::{DeletionError, cancel_deletion, schedule_deletion};
use crate::accounts::data::export::{Export, ExportState, SHELF, StartExportError, start_export};
use crate::accounts::data::repo;
use crate::accounts::sessions::Sessions;
use crate::flow::ctx::Ctx;
use crate::infra::blobs::Blobs;
use crate::kernel::id::Id;
use crate::web::access::{Access, Confirmed, Need, SignedIn};
use crate::web::cookies;
use crate::web::idempotency::Idempotency;
use crate::web::problem::Problem;
use crate::web::routes::{at, get};
use crate::web::throttle::{Rate, Throttle};

/// Where exports are.
const EXPORTS: &str = "/api/v1/profile/exports";
/// How often somebody may ask for one.
const ASKING: Rate = Rate {
    burst: 5,
    every: TimeDelta::hours(1),
};

/// From asking to have an account deleted to its erasure.
#[derive(Clone, Copy)]
pub struct Grace(pub TimeDelta);

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(
    post_export,
    get_exports,
    get_export,
    download_export,
    post_deletion,
    delete_deletion
))]
pub struct Api;

/// Registers the routes.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(at(EXPORTS).get(get_exports).post(post_export))
        .service(get("/api/v1/profile/exports/{id}", get_export))
        .service(get(
            "/api/v1/profile/exports/{id}/download",
            download_export,
        ))
        .service(
            at("/api/v1/profile/deletion")
                .post(post_deletion)
                .delete(delete_deletion),
        );
}

/// An export of your data.
#[derive(Serialize, ToSchema)]
pub struct ExportView {
    id: Uuid,
    state: ExportState,
    /// In bytes, when it is ready.
    size: Option<i64>,
    created_at: DateTime<Utc>,
    ready_at: Option<DateTime<Utc>>,
    /// Until when it can be downloaded.
    expires_at: DateTime<Utc>,
}

impl ExportView {
    fn of(export: &Export, now: DateTime<Utc>) -> Self {
        Self {
            id: export.id,
            state: export.state(now),
            size: export.size,
            created_at: export.created_at,
            ready_at: export.ready_at,
            expires_at: export.expires_at,
        }
    }
}

/// The exports of your data.
#[derive(Serialize, ToSchema)]
pub struct ExportList {
    /// The newest first; three at most.
    exports: Vec<ExportView>,
}

/// Asks for an export of all that is held about you. When it is ready you get a mail. With more than three, the oldest
/// goes.
#[utoipa::path(post, path = "/api/v1/profile/exports", tag = "data",
    params(Idempotency), security(("session" = []), ("bearer" = [])),
    responses(
        (status = 202, body = ExportView, headers(("Location" = String, description = "Where to see how far it is."))),
        (status = 409, description = "One is in the making.")))]
async fn post_export(
    access: Access<Confirmed>,
    key: Idempotency,
    ctx: Data<Ctx>,
    throttle: Data<Throttle>,
) -> Result<HttpResponse, Problem> {
    let now = ctx.now();
    let account = access.account_id.into();
    count_export(&throttle, account, now).await?;
    key.once(&ctx, access.cause(), async |tx| {
        let export = start_export(tx, account).await?;
        let place = format!("{EXPORTS}/{}", export.id);
        Ok(HttpResponse::Accepted()
            .insert_header((LOCATION, place))
            .json(ExportView::of(&export, now)))
    })
    .await
}

/// Counts a wish for an export.
pub async fn count_export(
    throttle: &Throttle,
    account: Id<Account>,
    now: DateTime<Utc>,
) -> Result<(), Problem> {
    Ok(throttle
        .take("export", &account.to_string(), ASKING, now)
        .await?)
}

/// Lists your exports.
#[utoipa::path(get, path = "/api/v1/profile/exports", tag = "data",
    security(("session" = []), ("bearer" = [])), responses((status = 200, body = ExportList)))]
async fn get_exports(access: Access<SignedIn>, ctx: Data<Ctx>) -> Result<HttpResponse, Problem> {
    let (now, account) = (ctx.now(), access.account_id.into());
    let exports = repo::list(ctx.pool(), account).await?;
    let exports = exports
        .iter()
        .map(|export| ExportView::of(export, now))
        .collect();
    Ok(HttpResponse::Ok().json(ExportList { exports }))
}

/// Shows how far one of your exports is.
#[utoipa::path(get, path = "/api/v1/profile/exports/{id}", tag = "data", params(("id" = Uuid, Path)),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = ExportView), (status = 404, description = "You have no such export.")))]
async fn get_export(
    access: Access<SignedIn>,
    id: Path<Uuid>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let found = repo::find(ctx.pool(), access.account_id.into(), *id).await?;
    let export = found.ok_or_else(Problem::not_found)?;
    Ok(HttpResponse::Ok().json(ExportView::of(&export, ctx.now())))
}

/// Downloads one of your exports, as JSON. All that is held about you lies in it, so that it asks who you are like what
/// changes something does.
#[utoipa::path(get, path = "/api/v1/profile/exports/{id}/download", tag = "data", params(("id" = Uuid, Path)),
    security(("session" = []), ("bearer" = [])),
    responses(
        (status = 200, content_type = "application/json", body = Object,
         headers(("Content-Disposition" = String, description = "It is a file."))),
        (status = 404, description = "You have no such export, or it is not ready, or too old.")))]
async fn download_export(
    access: Access<Confirmed>,
    id: Path<Uuid>,
    ctx: Data<Ctx>,
    blobs: Data<Blobs>,
) -> Result<HttpResponse, Problem> {
    download(&ctx, &blobs, access.account_id.into(), *id).await
}

/// The file of an export, piece by piece.
pub async fn download(
    ctx: &Ctx,
    blobs: &Blobs,
    account: Id<Account>,
    id: Uuid,
) -> Result<HttpResponse, Problem> {
    let export = repo::find(ctx.pool(), account, id)
        .await?
        .filter(|export| export.state(ctx.now()) == ExportState::Ready)
        .ok_or_else(Problem::not_found)?;
    let file = blobs
        .get(&SHELF, id)
        .await
        .map_err(|error| Problem::internal(&error))?
        // Deleted in this very moment.
        .ok_or_else(Problem::not_found)?;
    let name = format!(
        "attachment; filename=\"blazing-sun-{}.json\"",
        export.created_at.format("%Y-%m-%d")
    );
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/json"))
        .insert_header((CONTENT_DISPOSITION, name))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(SizedStream::new(file.meta.size, file.into_stream())))
}

/// An account that will be deleted.
#[derive(Serialize, ToSchema)]
pub struct DeletionView {
    /// When.
    deletion_at: DateTime<Utc>,
}

/// Has your account deleted after some days, in which you can sign in and change your mind. All sessions end, this one too,
/// and API tokens are good no more.
#[utoipa::path(post, path = "/api/v1/profile/deletion", tag = "data",
    security(("session" = []), ("bearer" = [])),
    responses((status = 202, body = DeletionView),
        (status = 409, description = "It is asked for already, or you are the last administrator.")))]
async fn post_deletion(
    access: Access<Confirmed>,
    ctx: Data<Ctx>,
    grace: Data<Grace>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let deletion_at = leave(&access, (&ctx, &sessions), &grace).await?;
    Ok(HttpResponse::Accepted()
        .cookie(cookies::forget(cookies::SESSION))
        .json(DeletionView { deletion_at }))
}

/// Has the account of somebody who has shown who they are deleted, for the interface and the pages alike. Returns when.
pub(super) async fn leave<N: Need>(
    access: &Access<N>,
    (ctx, sessions): (&Ctx, &Sessions),
    grace: &Grace,
) -> Result<DateTime<Utc>, Problem> {
    let mut tx = ctx.begin(access.cause()).await?;
    let scheduled = schedule_deletion(&mut tx, access.account_id.into(), grace.0).await?;
    tx.commit().await?;
    sessions.forget(&scheduled.ended).await;
    Ok(scheduled.deletion_at)
}

/// Keeps your account after all.
#[utoipa::path(delete, path = "/api/v1/profile/deletion", tag = "data",
    security(("session" = []), ("bearer" = [])),
    responses((status = 204), (status = 404, description = "Nobody asked for its deletion.")))]
async fn delete_deletion(
    access: Access<SignedIn>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    stay(&access, &ctx).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Has an account kept after all, for the interface and the pages alike.
pub(super) async fn stay(access: &Access<SignedIn>, ctx: &Ctx) -> Result<(), Problem> {
    let mut tx = ctx.begin(access.cause()).await?;
    cancel_deletion(&mut tx, access.account_id.into()).await?;
    tx.commit().await?;
    Ok(())
}

impl From<StartExportError> for Problem {
    fn from(error: StartExportError) -> Self {
        match error {
            StartExportError::NoSuchAccount => {
                Self::unauthorized("not_signed_in", "Sign in first.")
            }
            StartExportError::InTheMaking => Self::conflict(
                "export_in_the_making",
                "An export is in the making. When it is ready you can ask for another.",
            ),
            StartExportError::Database(error) => error.into(),
            other => Self::internal(&other),
        }
    }
}

impl From<DeletionError> for Problem {
    fn from(error: DeletionError) -> Self {
        match error {
            DeletionError::LastAdministrator => Self::conflict(
                "last_administrator",
                "You are the last administrator. Make somebody else one, then try again.",
            ),
            DeletionError::AlreadyScheduled => Self::conflict(
                "deletion_scheduled",
                "Your account will be deleted already, as you asked.",
            ),
            DeletionError::NotScheduled => Self::not_found(),
            DeletionError::Database(error) => error.into(),
            other => Self::internal(&other),
        }
    }
}
