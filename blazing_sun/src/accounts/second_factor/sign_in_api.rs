//! `/api/v1/auth/second-factor`: the second step of signing in, and passkeys for showing once more who one is.

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Json, ServiceConfig};
use serde::Deserialize;
use serde_json::Value;
use utoipa::{OpenApi, ToSchema};

use crate::accounts::clients::AccessTokens;
use crate::accounts::second_factor::answers::AnswerFields;
use crate::accounts::second_factor::checkpoint::Checkpoint;
use crate::accounts::sessions::Sessions;
use crate::accounts::sessions::api::{SignInAnswer, session_of, signed_in};
use crate::flow::ctx::Cause;
use crate::web::access::{Access, SignedIn};
use crate::web::client::Client;
use crate::web::problem::Problem;
use crate::web::routes::post;

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(post_second_factor, post_passkey, post_confirm_passkey))]
pub struct Api;

/// Registers the routes.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(post("/api/v1/auth/second-factor", post_second_factor))
        .service(post("/api/v1/auth/second-factor/passkey", post_passkey))
        .service(post("/api/v1/auth/confirm/passkey", post_confirm_passkey));
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SecondFactorBody {
    /// What the sign-in answered.
    #[schema(max_length = 100)]
    challenge: String,
    /// The six digits that the authenticator app shows. Give one of the three.
    #[schema(max_length = 20)]
    code: Option<String>,
    /// A recovery code.
    #[schema(max_length = 100)]
    recovery_code: Option<String>,
    /// What the browser got from a passkey, as its `toJSON()` says it.
    #[schema(value_type = Option<Object>)]
    credential: Option<Value>,
}

/// Ends a sign-in with the second factor. A challenge takes five answers, in a browser with the cookie that came with it.
#[utoipa::path(post, path = "/api/v1/auth/second-factor", tag = "sessions",
    responses((status = 200, body = SignInAnswer),
              (status = 401, description = "Not the right one (wrong_code), or the sign-in has to begin again (challenge_over).")))]
async fn post_second_factor(
    body: Json<SecondFactorBody>,
    client: Client,
    cause: Cause,
    checkpoint: Data<Checkpoint>,
    sessions: Data<Sessions>,
    access: Data<AccessTokens>,
) -> Result<HttpResponse, Problem> {
    let body = body.into_inner();
    let fields = AnswerFields {
        code: body.code,
        recovery_code: body.recovery_code,
        credential: body.credential,
        one_field: false,
    };
    let answer = fields.parse()?;
    let answering = checkpoint.answer(cause, &client, &body.challenge, &answer);
    signed_in(&answering.await?, sessions.settings(), &access).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasskeyQuestionBody {
    /// What the sign-in answered.
    #[schema(max_length = 100)]
    challenge: String,
}

/// Asks for a passkey: the options of `navigator.credentials.get()`, whose answer is the second factor.
#[utoipa::path(post, path = "/api/v1/auth/second-factor/passkey", tag = "sessions",
    responses((status = 200, body = Object),
              (status = 401, description = "The sign-in has to begin again."),
              (status = 409, description = "The account has no passkeys.")))]
async fn post_passkey(
    body: Json<PasskeyQuestionBody>,
    client: Client,
    checkpoint: Data<Checkpoint>,
) -> Result<HttpResponse, Problem> {
    let options = checkpoint.begin_passkey(&client, &body.challenge).await?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(options))
}

/// Asks for a passkey, to confirm with (POST /api/v1/auth/confirm).
#[utoipa::path(post, path = "/api/v1/auth/confirm/passkey", tag = "sessions",
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = Object), (status = 409, description = "You have no passkeys.")))]
async fn post_confirm_passkey(
    access: Access<SignedIn>,
    checkpoint: Data<Checkpoint>,
) -> Result<HttpResponse, Problem> {
    let session = session_of(&access)?;
    let beginning = checkpoint.begin_confirmation(access.account_id.into(), session);
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(beginning.await?))
}
