//! `/api/v1/auth` and `/api/v1/sessions`: signing in and out.

use actix_web::HttpResponse;
use actix_web::cookie::Cookie;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Json, Path, ServiceConfig};
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use crate::accounts::clients::{AccessTokens, Tokens};
use crate::accounts::events::Factor;
use crate::accounts::passwords::Password;
use crate::accounts::sessions::desk::{Desk, TurnedAway};
use crate::accounts::sessions::repo::{self, Listed};
use crate::accounts::sessions::session::{Kind, Session, SessionSettings, Token};
use crate::accounts::sessions::sessions::Sessions;
use crate::accounts::sessions::sign_in::{CHALLENGE, Challenge, Opened, Outcome, SignInError};
use crate::accounts::sessions::sign_out::{SignOutError, sign_out, sign_out_everywhere};
use crate::flow::ctx::{Cause, Ctx};
use crate::kernel::email::Email;
use crate::kernel::id::Id;
use crate::web::access::{Access, Confirmed, Need, SignedIn};
use crate::web::client::Client;
use crate::web::cookies;
use crate::web::problem::{Fields, Problem};
use crate::web::routes::{at, get, post};

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(
    post_sign_in,
    post_sign_out,
    post_sign_out_everywhere,
    get_validate,
    get_sessions,
    delete_session
))]
pub struct Api;

/// Registers the routes.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(post("/api/v1/auth/sign-in", post_sign_in))
        .service(post("/api/v1/auth/sign-out", post_sign_out))
        .service(post(
            "/api/v1/auth/sign-out-everywhere",
            post_sign_out_everywhere,
        ))
        .service(get("/api/v1/auth/validate", get_validate))
        .service(get("/api/v1/sessions", get_sessions))
        .service(at("/api/v1/sessions/{id}").delete(delete_session));
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SignInBody {
    /// The address of the account.
    #[schema(format = "email", max_length = 254)]
    email: String,
    /// Its password.
    #[schema(value_type = String, format = "password", max_length = 128)]
    password: SecretString,
    /// A browser gets a cookie, a client gets tokens.
    #[serde(default = "browser")]
    kind: Kind,
}

fn browser() -> Kind {
    Kind::Browser
}

impl SignInBody {
    fn parse(self) -> Result<(Email, Password), Problem> {
        let mut fields = Fields::default();
        let email = fields.take("/email", self.email.parse());
        let email = email.ok_or(fields)?;
        Ok((email, Password::given(self.password)))
    }
}

/// What a sign-in leads to.
#[derive(Serialize, ToSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum SignInAnswer {
    /// A session has begun.
    SignedIn {
        /// The session.
        session_id: Uuid,
        /// What a client holds from now on; a browser has a cookie.
        #[serde(skip_serializing_if = "Option::is_none")]
        tokens: Option<Tokens>,
    },
    /// Send the second factor with the challenge to `/api/v1/auth/second-factor`. A browser also gets a cookie, without
    /// which the challenge is worth nothing there.
    SecondFactorRequired {
        /// What to send back with it.
        challenge: String,
        /// What may be sent.
        #[schema(value_type = Vec<String>)]
        factors: Vec<Factor>,
    },
}

/// Signs in with address and password.
#[utoipa::path(post, path = "/api/v1/auth/sign-in", tag = "sessions",
    responses((status = 200, body = SignInAnswer), (status = 401, description = "Not the right ones.")))]
async fn post_sign_in(
    body: Json<SignInBody>,
    client: Client,
    cause: Cause,
    desk: Data<Desk>,
    sessions: Data<Sessions>,
    access: Data<AccessTokens>,
) -> Result<HttpResponse, Problem> {
    let body = body.into_inner();
    let kind = body.kind;
    match desk.sign_in(cause, &client, kind, body.parse()?).await? {
        Outcome::SignedIn(opened) => signed_in(&opened, sessions.settings(), &access).await,
        Outcome::SecondFactor(challenge) => {
            let mut answer = HttpResponse::Ok();
            answer.insert_header((CACHE_CONTROL, "no-store"));
            if let Some(cookie) = challenge_cookie(&challenge) {
                answer.cookie(cookie);
            }
            Ok(answer.json(SignInAnswer::SecondFactorRequired {
                challenge: challenge.token,
                factors: challenge.factors,
            }))
        }
    }
}

/// The answer that begins a session: a browser holds its token from now on, a client those that it reads here.
pub async fn signed_in(
    opened: &Opened,
    settings: &SessionSettings,
    access: &AccessTokens,
) -> Result<HttpResponse, Problem> {
    let tokens = match &opened.grant {
        Some(grant) => Some(access.issue(grant).await?),
        None => None,
    };
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CACHE_CONTROL, "no-store"));
    for cookie in cookies_of(opened, settings) {
        answer.cookie(cookie);
    }
    Ok(answer.json(SignInAnswer::SignedIn {
        session_id: opened.session_id.uuid(),
        tokens,
    }))
}

/// The cookies of a session that was opened in a browser.
pub fn cookies_of(opened: &Opened, settings: &SessionSettings) -> Vec<Cookie<'static>> {
    const A_YEAR: i64 = 365 * 24 * 60 * 60;
    let session = opened.token.as_ref();
    let session = session.map(|token| session_cookie(token, settings));
    let device = opened
        .device
        .as_ref()
        .map(|token| cookies::keep(cookies::DEVICE, token.reveal().to_owned(), A_YEAR));
    session.into_iter().chain(device).collect()
}

/// The cookie by which a browser is known until it has answered. (It is not taken away then, since another tab may be half
/// signed in too; a challenge that was answered is over.)
pub fn challenge_cookie(challenge: &Challenge) -> Option<Cookie<'static>> {
    let holder = challenge.holder.as_ref()?.reveal().to_owned();
    let cookie = cookies::keep(cookies::CHALLENGE, holder, CHALLENGE.num_seconds());
    Some(cookie)
}

/// The cookie that holds a session's token.
pub fn session_cookie(token: &Token, settings: &SessionSettings) -> Cookie<'static> {
    let token = token.reveal().to_owned();
    cookies::keep(cookies::SESSION, token, settings.seconds())
}

/// Ends this session.
#[utoipa::path(post, path = "/api/v1/auth/sign-out", tag = "sessions",
    security(("session" = []), ("bearer" = [])), responses((status = 204)))]
async fn post_sign_out(
    access: Access<SignedIn>,
    ctx: Data<Ctx>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    leave(&access, &ctx, &sessions).await?;
    Ok(HttpResponse::NoContent()
        .cookie(cookies::forget(cookies::SESSION))
        .finish())
}

/// Ends the session of somebody who asks for that, for the interface and the pages alike.
pub(super) async fn leave(
    access: &Access<SignedIn>,
    ctx: &Ctx,
    sessions: &Sessions,
) -> Result<(), Problem> {
    let mut tx = ctx.begin(access.cause()).await?;
    let session = session_of(access)?;
    let ended = sign_out(&mut tx, access.account_id.into(), session).await?;
    tx.commit().await?;
    sessions.forget(&ended).await;
    Ok(())
}

/// Ends all sessions, this one too.
#[utoipa::path(post, path = "/api/v1/auth/sign-out-everywhere", tag = "sessions",
    security(("session" = []), ("bearer" = [])), responses((status = 204)))]
async fn post_sign_out_everywhere(
    access: Access<Confirmed>,
    ctx: Data<Ctx>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let mut tx = ctx.begin(access.cause()).await?;
    let ended = sign_out_everywhere(&mut tx, access.account_id.into(), None).await?;
    tx.commit().await?;
    sessions.forget(&ended).await;
    Ok(HttpResponse::NoContent()
        .cookie(cookies::forget(cookies::SESSION))
        .finish())
}

/// Says who is signed in, in headers, for a proxy that asks before it lets a request through.
#[utoipa::path(get, path = "/api/v1/auth/validate", tag = "sessions",
    security(("session" = []), ("bearer" = [])),
    responses((status = 204, headers(("X-User-Id" = Uuid), ("X-User-Role" = String)))))]
async fn get_validate(access: Access<SignedIn>) -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header(("X-User-Id", access.account_id.to_string()))
        .insert_header(("X-User-Role", access.role.name()))
        .insert_header(("Cache-Control", "no-store"))
        .finish()
}

/// A session of yours.
#[derive(Serialize, ToSchema)]
pub struct SessionView {
    id: Uuid,
    /// `browser` or `client`.
    kind: String,
    /// What the browser or client calls itself.
    agent: String,
    /// The address from which it was begun.
    address: String,
    created_at: DateTime<Utc>,
    /// When it was last used, to within minutes.
    seen_at: DateTime<Utc>,
    /// When it ends at the latest.
    expires_at: DateTime<Utc>,
    /// Whether it is the one that asks.
    current: bool,
}

/// Your sessions.
#[derive(Serialize, ToSchema)]
pub struct SessionList {
    /// The newest first.
    sessions: Vec<SessionView>,
}

/// Lists your sessions.
#[utoipa::path(get, path = "/api/v1/sessions", tag = "sessions",
    security(("session" = []), ("bearer" = [])), responses((status = 200, body = SessionList)))]
async fn get_sessions(access: Access<SignedIn>, ctx: Data<Ctx>) -> Result<HttpResponse, Problem> {
    let listed = repo::list(ctx.pool(), access.account_id.into()).await?;
    let current = access.session_id();
    let sessions = listed
        .into_iter()
        .map(|listed| view(listed, current))
        .collect();
    Ok(HttpResponse::Ok().json(SessionList { sessions }))
}

fn view(listed: Listed, current: Option<Uuid>) -> SessionView {
    SessionView {
        current: current == Some(listed.id),
        id: listed.id,
        kind: listed.kind,
        agent: listed.agent,
        address: listed.address,
        created_at: listed.created_at,
        seen_at: listed.seen_at,
        expires_at: listed.expires_at,
    }
}

/// Ends one of your sessions.
#[utoipa::path(delete, path = "/api/v1/sessions/{id}", tag = "sessions", params(("id" = Uuid, Path)),
    security(("session" = []), ("bearer" = [])),
    responses((status = 204), (status = 404, description = "You have no such session.")))]
async fn delete_session(
    access: Access<Confirmed>,
    id: Path<Uuid>,
    ctx: Data<Ctx>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let mut tx = ctx.begin(access.cause()).await?;
    let ended = sign_out(&mut tx, access.account_id.into(), (*id).into()).await?;
    tx.commit().await?;
    sessions.forget(&ended).await;
    Ok(HttpResponse::NoContent().finish())
}

/// The session of somebody who is signed in with one.
pub fn session_of<N: Need>(access: &Access<N>) -> Result<Id<Session>, Problem> {
    access
        .session_id()
        .map(Id::from)
        .ok_or_else(|| Problem::internal(&"a session without an id"))
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Wrong => Self::unauthorized(
                "wrong_credentials",
                "The address or the password is not right, or the account is not activated yet.",
            ),
            SignInError::Hasher(error) => error.into(),
            SignInError::Database(error) => error.into(),
            other => Self::internal(&other),
        }
    }
}

impl From<TurnedAway> for Problem {
    fn from(error: TurnedAway) -> Self {
        match error {
            TurnedAway::TooMany(error) => error.into(),
            TurnedAway::SignIn(error) => error.into(),
        }
    }
}

impl From<SignOutError> for Problem {
    fn from(error: SignOutError) -> Self {
        match error {
            SignOutError::NoSuchSession => Self::not_found(),
            SignOutError::Database(error) => error.into(),
            other => Self::internal(&other),
        }
    }
}
