//! `/api/v1/second-factor`: setting up what is asked for besides the password.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Json, Query, ServiceConfig};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};
use uuid::Uuid;

use crate::accounts::link::Links;
use crate::accounts::second_factor::authenticator::Setup;
use crate::accounts::second_factor::authenticators::{
    begin_authenticator, confirm_authenticator, remove_authenticator,
};
use crate::accounts::second_factor::change::{Made, Owner};
use crate::accounts::second_factor::recovery_codes::renew_recovery_codes;
use crate::accounts::second_factor::repo::{self, Listed};
use crate::accounts::sessions::Sessions;
use crate::accounts::sessions::api::session_of;
use crate::flow::ctx::Ctx;
use crate::web::access::{Access, Confirmed, Need, SignedIn};
use crate::web::problem::{Fields, Problem};
use crate::web::routes::{at, get, post};

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(
    get_second_factor,
    post_authenticator,
    post_authenticator_confirm,
    delete_authenticator,
    post_recovery_codes
))]
pub struct Api;

/// Registers the routes.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(get("/api/v1/second-factor", get_second_factor))
        .service(
            at("/api/v1/second-factor/authenticator")
                .post(post_authenticator)
                .delete(delete_authenticator),
        )
        .service(post(
            "/api/v1/second-factor/authenticator/confirm",
            post_authenticator_confirm,
        ))
        .service(post(
            "/api/v1/second-factor/recovery-codes",
            post_recovery_codes,
        ));
}

/// What is asked for besides your password.
#[derive(Serialize, ToSchema)]
struct SecondFactorView {
    /// Your authenticator app, if there is one.
    authenticator: Option<AuthenticatorView>,
    /// Your passkeys, the oldest first.
    passkeys: Vec<PasskeyView>,
    /// Your recovery codes, if there are some.
    recovery_codes: Option<RecoveryCodesView>,
}

#[derive(Serialize, ToSchema)]
struct AuthenticatorView {
    created_at: DateTime<Utc>,
}

#[derive(Serialize, ToSchema)]
struct PasskeyView {
    id: Uuid,
    /// What you call it.
    name: String,
    created_at: DateTime<Utc>,
    used_at: Option<DateTime<Utc>>,
}

#[derive(Serialize, ToSchema)]
struct RecoveryCodesView {
    /// How many were not used.
    left: i64,
    /// How many there were.
    total: i64,
}

/// Shows what is asked for besides your password.
#[utoipa::path(get, path = "/api/v1/second-factor", tag = "second factor",
    security(("session" = []), ("bearer" = [])), responses((status = 200, body = SecondFactorView)))]
async fn get_second_factor(
    access: Access<SignedIn>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let account = access.account_id.into();
    let overview = repo::overview(ctx.pool(), account).await?;
    let passkeys = repo::list(ctx.pool(), account).await?;
    Ok(HttpResponse::Ok().json(SecondFactorView {
        authenticator: overview
            .authenticator
            .map(|created_at| AuthenticatorView { created_at }),
        passkeys: passkeys.into_iter().map(view).collect(),
        recovery_codes: (overview.codes > 0).then_some(RecoveryCodesView {
            left: overview.codes_left,
            total: overview.codes,
        }),
    }))
}

fn view(listed: Listed) -> PasskeyView {
    PasskeyView {
        id: listed.id,
        name: listed.name,
        created_at: listed.created_at,
        used_at: listed.used_at,
    }
}

/// What your authenticator app needs to know. It is not shown again.
#[derive(Serialize, ToSchema)]
struct SetupView {
    /// All of it, as an address that apps understand.
    #[schema(format = "uri")]
    uri: String,
    /// The secret alone, in base32.
    secret: String,
    /// The address as a QR code, in SVG.
    qr: String,
}

/// Begins to set up an authenticator app. It is asked for once it has shown a first code, within ten minutes.
#[utoipa::path(post, path = "/api/v1/second-factor/authenticator", tag = "second factor",
    security(("session" = []), ("bearer" = [])), responses((status = 200, body = SetupView)))]
async fn post_authenticator(
    access: Access<Confirmed>,
    ctx: Data<Ctx>,
    links: Data<Links>,
) -> Result<HttpResponse, Problem> {
    let mut tx = ctx.begin(access.cause()).await?;
    let setup = begin_authenticator(&mut tx, &links, owner(&access, true)?).await?;
    tx.commit().await?;
    let Setup {
        uri,
        secret,
        picture: qr,
        ..
    } = setup;
    Ok(once(StatusCode::OK, &SetupView { uri, secret, qr }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ConfirmAuthenticatorBody {
    /// The six digits that the app shows.
    #[schema(max_length = 20)]
    code: String,
    /// Whether your other sessions end.
    #[serde(default = "yes")]
    end_other_sessions: bool,
}

/// What is left of a change. It is not shown again.
#[derive(Serialize, ToSchema)]
struct MadeView {
    /// Your recovery codes, if there are new ones.
    recovery_codes: Option<Vec<String>>,
}

/// Turns the authenticator app on, in place of one before. With the first factor come recovery codes.
#[utoipa::path(post, path = "/api/v1/second-factor/authenticator/confirm", tag = "second factor",
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = MadeView), (status = 409, description = "Nothing was begun, or it took too long.")))]
async fn post_authenticator_confirm(
    access: Access<Confirmed>,
    body: Json<ConfirmAuthenticatorBody>,
    ctx: Data<Ctx>,
    links: Data<Links>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let code = body.code.parse();
    let code = code.map_err(|error| Fields::of("/code", error))?;
    let mut tx = ctx.begin(access.cause()).await?;
    let owner = owner(&access, body.end_other_sessions)?;
    let made = confirm_authenticator(&mut tx, &links, owner, &code).await?;
    tx.commit().await?;
    sessions.forget(&made.ended).await;
    Ok(once(StatusCode::OK, &shown(made)))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Removal {
    /// Whether your other sessions end.
    #[serde(default = "yes")]
    #[param(default = true)]
    pub end_other_sessions: bool,
}

pub(super) fn yes() -> bool {
    true
}

/// Removes the authenticator app, and with the last factor the recovery codes.
#[utoipa::path(delete, path = "/api/v1/second-factor/authenticator", tag = "second factor", params(Removal),
    security(("session" = []), ("bearer" = [])),
    responses((status = 204), (status = 404, description = "You have none.")))]
async fn delete_authenticator(
    access: Access<Confirmed>,
    removal: Query<Removal>,
    ctx: Data<Ctx>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let mut tx = ctx.begin(access.cause()).await?;
    let owner = owner(&access, removal.end_other_sessions)?;
    let made = remove_authenticator(&mut tx, owner).await?;
    tx.commit().await?;
    sessions.forget(&made.ended).await;
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RenewBody {
    /// Whether your other sessions end.
    #[serde(default = "yes")]
    end_other_sessions: bool,
}

/// Makes new recovery codes; the old ones are void.
#[utoipa::path(post, path = "/api/v1/second-factor/recovery-codes", tag = "second factor",
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = MadeView), (status = 409, description = "You have no second factor.")))]
async fn post_recovery_codes(
    access: Access<Confirmed>,
    body: Json<RenewBody>,
    ctx: Data<Ctx>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let mut tx = ctx.begin(access.cause()).await?;
    let made = renew_recovery_codes(&mut tx, owner(&access, body.end_other_sessions)?).await?;
    tx.commit().await?;
    sessions.forget(&made.ended).await;
    Ok(once(StatusCode::OK, &shown(made)))
}

/// An answer that is shown once and kept nowhere.
pub(super) fn once(status: StatusCode, body: &impl Serialize) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(body)
}

fn shown(made: Made) -> MadeView {
    MadeView {
        recovery_codes: made.recovery_codes,
    }
}

/// Who changes their second factor.
pub(super) fn owner<N: Need>(
    access: &Access<N>,
    end_other_sessions: bool,
) -> Result<Owner, Problem> {
    Ok(Owner {
        account_id: access.account_id.into(),
        session_id: session_of(access)?,
        end_other_sessions,
    })
}
