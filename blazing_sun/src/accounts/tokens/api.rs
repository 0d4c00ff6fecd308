//! `/api/v1/tokens`: the API tokens of an account.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::web::{Data, Json, Path, ServiceConfig};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use crate::accounts::tokens::create_token::{
    CreateTokenError, Days, MAX_TOKENS, NewToken, Scopes, create_token,
};
use crate::accounts::tokens::repo::{self, Listed};
use crate::accounts::tokens::revoke_token::{RevokeTokenError, revoke_token};
use crate::flow::ctx::Ctx;
use crate::web::access::{Access, Confirmed, Scope, SignedIn};
use crate::web::idempotency::Idempotency;
use crate::web::problem::{Fields, Problem};
use crate::web::routes::at;

const TOKENS: &str = "/api/v1/tokens";

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(get_tokens, post_token, delete_token))]
pub struct Api;

/// Registers the routes.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(at(TOKENS).get(get_tokens).post(post_token))
        .service(at("/api/v1/tokens/{id}").delete(delete_token));
}

/// A token of yours.
#[derive(Serialize, ToSchema)]
pub struct TokenView {
    id: Uuid,
    /// What it is for.
    name: String,
    /// What it may be used for.
    scopes: Vec<Scope>,
    created_at: DateTime<Utc>,
    /// When it was last used, to within minutes; null if never.
    seen_at: Option<DateTime<Utc>>,
    /// When it ends.
    expires_at: DateTime<Utc>,
}

impl From<Listed> for TokenView {
    fn from(listed: Listed) -> Self {
        Self {
            id: listed.id,
            name: listed.name,
            scopes: listed.scopes,
            created_at: listed.created_at,
            seen_at: listed.seen_at,
            expires_at: listed.expires_at,
        }
    }
}

/// Your tokens.
#[derive(Serialize, ToSchema)]
pub struct TokenList {
    /// The newest first.
    tokens: Vec<TokenView>,
}

/// Lists your API tokens.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens",
    security(("session" = []), ("bearer" = [])), responses((status = 200, body = TokenList)))]
async fn get_tokens(access: Access<SignedIn>, ctx: Data<Ctx>) -> Result<HttpResponse, Problem> {
    let listed = repo::list(ctx.pool(), access.account_id.into()).await?;
    let tokens = listed.into_iter().map(TokenView::from).collect();
    Ok(HttpResponse::Ok().json(TokenList { tokens }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TokenBody {
    /// What it is for.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// What it may be used for. `profile:write` includes reading: who changes a profile is shown it.
    #[schema(value_type = Vec<Scope>, min_items = 1)]
    scopes: Vec<String>,
    /// For how many days.
    #[schema(minimum = 1, maximum = 365)]
    days: i64,
}

impl TokenBody {
    fn parse(self) -> Result<NewToken, Problem> {
        let scopes = self.scopes.iter().map(String::as_str);
        parse(&self.name, scopes, self.days)
    }
}

/// Reads what a token shall be, and tells all that is wrong at once.
pub fn parse<'a>(
    name: &str,
    scopes: impl Iterator<Item = &'a str>,
    days: i64,
) -> Result<NewToken, Problem> {
    let mut fields = Fields::default();
    let name = fields.take("/name", name.parse());
    let scopes = fields.take("/scopes", Scopes::parse(scopes));
    let days = fields.take("/days", Days::try_from(days));
    match (name, scopes, days) {
        (Some(name), Some(scopes), Some(days)) => Ok(NewToken { name, scopes, days }),
        _ => Err(fields.into()),
    }
}

/// A token that was just made.
#[derive(Serialize, ToSchema)]
pub struct NewTokenView {
    #[serde(flatten)]
    about: TokenView,
    /// What goes behind `Authorization: Bearer`. It is shown this once.
    token: String,
}

/// Makes an API token.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "tokens",
    security(("session" = []), ("bearer" = [])),
    params(Idempotency), responses((status = 201, body = NewTokenView, headers(("Location" = String))),
              (status = 409, description = "You have as many tokens as you may have.")))]
async fn post_token(
    access: Access<Confirmed>,
    key: Idempotency,
    body: Json<TokenBody>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let new = body.into_inner().parse()?;
    key.once(&ctx, access.cause(), async |tx| {
        let (token, listed) = create_token(tx, access.account_id.into(), new).await?;
        Ok(HttpResponse::Created()
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header((LOCATION, format!("{TOKENS}/{}", listed.id)))
            .json(NewTokenView {
                about: listed.into(),
                token: token.reveal().to_owned(),
            }))
    })
    .await
}

/// Revokes an API token.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "tokens", params(("id" = Uuid, Path)),
    security(("session" = []), ("bearer" = [])),
    responses((status = 204), (status = 404, description = "You have no such token.")))]
async fn delete_token(
    access: Access<SignedIn>,
    id: Path<Uuid>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let mut tx = ctx.begin(access.cause()).await?;
    revoke_token(&mut tx, access.account_id.into(), *id).await?;
    tx.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}

impl From<CreateTokenError> for Problem {
    fn from(error: CreateTokenError) -> Self {
        match error {
            CreateTokenError::TooMany => Self::conflict(
                "too_many_tokens",
                &format!("You have {MAX_TOKENS} tokens, and may not have more. Remove one first."),
            ),
            CreateTokenError::Database(error) => error.into(),
            other => Self::internal(&other),
        }
    }
}

impl From<RevokeTokenError> for Problem {
    fn from(error: RevokeTokenError) -> Self {
        match error {
            RevokeTokenError::NoSuchToken => Self::not_found(),
            RevokeTokenError::Database(error) => error.into(),
            RevokeTokenError::Refused(error) => Self::internal(&error),
        }
    }
}
