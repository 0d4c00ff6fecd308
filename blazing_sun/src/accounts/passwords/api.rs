//! `/api/v1/auth/reset` and `/api/v1/auth/password`: replacing passwords, and errors about them as problems.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, ServiceConfig};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use crate::accounts::passwords::change::ChangeError;
use crate::accounts::passwords::desk::{NotChanged, NotReset, PasswordDesk};
use crate::accounts::passwords::hasher::HashError;
use crate::accounts::passwords::reset::ResetError;
use crate::accounts::sessions::Sessions;
use crate::accounts::sessions::api::{session_cookie, session_of};
use crate::flow::ctx::Cause;
use crate::web::access::{Access, Denied, SignedIn};
use crate::web::client::Client;
use crate::web::problem::{Fields, Problem};
use crate::web::routes::post;

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(post_reset, post_password))]
pub struct Api;

/// When the queue for hashing has surely moved on.
const SOON: Duration = Duration::from_secs(5);
/// Registers the routes.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(post("/api/v1/auth/reset", post_reset))
        .service(post("/api/v1/auth/password", post_password));
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ResetBody {
    /// The token of the mail's link.
    #[schema(max_length = 200)]
    token: String,
    /// What you will sign in with: 8 to 128 characters that are not easy to guess.
    #[schema(value_type = String, format = "password", min_length = 8, max_length = 128)]
    password: SecretString,
}

/// A password that was replaced.
#[derive(Serialize, ToSchema)]
struct ResetAnswer {
    status: &'static str,
    message: &'static str,
}

/// Replaces a forgotten password with the token of the mail.
///
/// Everybody who is signed in with the account is signed out, and its API tokens are good no more. Sign in afterwards.
#[utoipa::path(post, path = "/api/v1/auth/reset", tag = "passwords",
    responses((status = 200, body = ResetAnswer)))]
async fn post_reset(
    body: Json<ResetBody>,
    client: Client,
    cause: Cause,
    desk: Data<PasswordDesk>,
) -> Result<HttpResponse, Problem> {
    let ResetBody { token, password } = body.into_inner();
    desk.reset(cause, &client, &token, password).await?;
    Ok(HttpResponse::Ok().json(ResetAnswer {
        status: "reset",
        message: "The password is set. Sign in with it.",
    }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordBody {
    /// The password that you have.
    #[schema(value_type = String, format = "password", max_length = 128)]
    current_password: SecretString,
    /// The one that you want: 8 to 128 characters that are not easy to guess.
    #[schema(value_type = String, format = "password", min_length = 8, max_length = 128)]
    new_password: SecretString,
}

/// Changes your password. Your other sessions end; a browser goes on under another cookie.
#[utoipa::path(post, path = "/api/v1/auth/password", tag = "passwords",
    security(("session" = []), ("bearer" = [])), responses((status = 204)))]
async fn post_password(
    access: Access<SignedIn>,
    body: Json<PasswordBody>,
    desk: Data<PasswordDesk>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let (account, session) = (access.account_id.into(), session_of(&access)?);
    let body = body.into_inner();
    let passwords = (body.current_password, body.new_password);
    let changing = desk.change(access.cause(), account, session, passwords);
    let token = changing
        .await
        .map_err(|error| not_changed(error, "/current_password", "/new_password"))?;
    let mut answer = HttpResponse::NoContent();
    if let Some(token) = &token {
        answer.cookie(session_cookie(token, sessions.settings()));
    }
    Ok(answer.finish())
}

/// Why a password was not changed, with pointers to the two fields.
pub(super) fn not_changed(error: NotChanged, current: &'static str, new: &'static str) -> Problem {
    match error {
        NotChanged::Wrong(wrong) => {
            let mut fields = Fields::default();
            if let Some(detail) = wrong.current {
                fields.refuse(current, detail);
            }
            if let Some(detail) = wrong.new {
                fields.refuse(new, detail);
            }
            fields.into()
        }
        NotChanged::TurnedAway(error) => error.into(),
        NotChanged::Hasher(error) => error.into(),
        NotChanged::Change(ChangeError::SessionEnded) => Denied::SignIn.into(),
        NotChanged::Database(error) | NotChanged::Change(ChangeError::Database(error)) => {
            error.into()
        }
        NotChanged::Change(other) => Problem::internal(&other),
    }
}

impl From<NotReset> for Problem {
    fn from(error: NotReset) -> Self {
        match error {
            NotReset::TooMany(error) => error.into(),
            NotReset::Reset(error) => error.into(),
            NotReset::Unacceptable(error) => Fields::of("/password", error).into(),
            NotReset::Hasher(error) => error.into(),
            NotReset::Database(error) => error.into(),
        }
    }
}

impl From<ResetError> for Problem {
    fn from(error: ResetError) -> Self {
        match error {
            ResetError::BadLink => Self::unprocessable(
                "bad_link",
                "The link is not good, or not any more. Ask for a new one.",
            ),
            ResetError::Database(error) => error.into(),
            other @ ResetError::Refused(_) => Self::internal(&other),
        }
    }
}

impl From<HashError> for Problem {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::busy(SOON),
            other => Self::internal(&other),
        }
    }
}
