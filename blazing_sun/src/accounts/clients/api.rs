//! `/api/v1/auth/refresh` and `/.well-known/jwks.json`: the next tokens of a client, and the keys to verify them with.

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Json, ServiceConfig};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use crate::accounts::clients::access_token::{AccessTokens, IssueError, Tokens};
use crate::accounts::clients::keyring::KeyError;
use crate::accounts::clients::refresh::RefreshError;
use crate::accounts::clients::renewals::{NotRenewed, Renewals};
use crate::accounts::clients::signing_key::Jwk;
use crate::flow::ctx::Cause;
use crate::web::client::Client;
use crate::web::problem::Problem;
use crate::web::routes::{get, post};

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(post_refresh, get_keys))]
pub struct Api;

/// Registers the routes.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(post("/api/v1/auth/refresh", post_refresh))
        .service(get("/.well-known/jwks.json", get_keys));
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RefreshBody {
    /// What came with the last access token.
    #[schema(value_type = String, max_length = 100)]
    refresh_token: SecretString,
}

/// Gets the next tokens of a client's session.
///
/// A refresh token is good once. One that was used before ends the session, except that for 10 seconds, until its
/// successor is used, it gets that successor again.
#[utoipa::path(post, path = "/api/v1/auth/refresh", tag = "sessions",
    responses((status = 200, body = Tokens), (status = 401, description = "The refresh token is not good.")))]
async fn post_refresh(
    body: Json<RefreshBody>,
    client: Client,
    cause: Cause,
    renewals: Data<Renewals>,
) -> Result<HttpResponse, Problem> {
    let token = body.into_inner().refresh_token;
    let tokens = renewals
        .renew(cause, &client, token.expose_secret())
        .await?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(tokens))
}

/// The keys that access tokens are signed with.
#[derive(Serialize, ToSchema)]
struct Keys {
    /// The public halves, the oldest first.
    keys: Vec<Jwk>,
}

/// Lists the keys that access tokens are signed with (RFC 7517).
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "sessions", responses((status = 200, body = Keys)))]
async fn get_keys(access: Data<AccessTokens>) -> Result<HttpResponse, Problem> {
    let keys = access.keyring().published().await?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "public, max-age=300"))
        .json(Keys { keys }))
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Database(error) => error.into(),
            other => Self::internal(&other),
        }
    }
}

impl From<IssueError> for Problem {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::Key(error) => error.into(),
            other => Self::internal(&other),
        }
    }
}

impl From<NotRenewed> for Problem {
    fn from(error: NotRenewed) -> Self {
        match error {
            NotRenewed::TooMany(error) => error.into(),
            NotRenewed::Refresh(RefreshError::BadToken) => Self::unauthorized(
                "bad_refresh_token",
                "The refresh token is not good, or not any more. Sign in again.",
            ),
            NotRenewed::Refresh(RefreshError::Database(error)) => error.into(),
            NotRenewed::Refresh(RefreshError::SignOut(error)) => error.into(),
            NotRenewed::Issue(error) => error.into(),
        }
    }
}
