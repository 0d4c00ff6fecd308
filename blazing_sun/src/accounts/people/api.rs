//! `/api/v1/users`: who has an account, what they may do, ending their sessions, and removing a second factor that is lost.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path, Query, ServiceConfig};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};
use uuid::Uuid;

use crate::accounts::account::Account;
use crate::accounts::people::end_sessions::{EndSessionsError, end_sessions, end_some_sessions};
use crate::accounts::people::person::Person;
use crate::accounts::people::remove_second_factor::{
    RemoveSecondFactorError, remove_second_factor,
};
use crate::accounts::people::repo::{self, Filter};
use crate::accounts::people::set_role::{SetRoleError, look_at, set_role};
use crate::accounts::sessions::Sessions;
use crate::flow::ctx::Ctx;
use crate::kernel::email;
use crate::kernel::id::Id;
use crate::web::access::{Access, Admin, ConfirmedAdmin, Denied, Role};
use crate::web::etag::{self, Expected};
use crate::web::paging;
use crate::web::problem::{Fields, Problem};
use crate::web::routes::{at, get, post};

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(
    get_users,
    get_user,
    put_role,
    delete_sessions,
    delete_second_factor,
    post_end_all_sessions
))]
pub struct Api;

/// Registers the routes.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(get("/api/v1/users", get_users))
        .service(post(
            "/api/v1/users/end-all-sessions",
            post_end_all_sessions,
        ))
        .service(get("/api/v1/users/{id}", get_user))
        .service(at("/api/v1/users/{id}/role").put(put_role))
        .service(at("/api/v1/users/{id}/sessions").delete(delete_sessions))
        .service(at("/api/v1/users/{id}/second-factor").delete(delete_second_factor));
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct UsersQuery {
    /// Only those after this one, which is the `next` of the page before.
    after: Option<Uuid>,
    /// How many at most.
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<i64>,
    /// Only those whose address begins so, whatever the case of its letters.
    #[serde(default)]
    #[param(max_length = 254)]
    email: String,
}

/// A page of accounts.
#[derive(Serialize, ToSchema)]
struct Users {
    /// The oldest first.
    users: Vec<Person>,
    /// The `after` of the next page; none on the last one.
    next: Option<Uuid>,
}

/// Lists accounts.
#[utoipa::path(get, path = "/api/v1/users", tag = "users", params(UsersQuery),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = Users), (status = 422, description = "A parameter is out of bounds.")))]
async fn get_users(
    _access: Access<Admin>,
    query: Query<UsersQuery>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let UsersQuery {
        after,
        limit,
        email,
    } = query.into_inner();
    let mut wrong = Fields::default();
    let limit = wrong.take("/limit", paging::limit(limit));
    let email_key = wrong.take("/email", email::beginning(&email));
    let (Some(limit), Some(email_key)) = (limit, email_key) else {
        return Err(wrong.into());
    };
    let filter = Filter {
        after,
        email_key,
        limit: limit + 1,
    };
    let mut users = repo::list(ctx.pool(), &filter).await?;
    let next = paging::cut(&mut users, limit, |user| user.id);
    Ok(HttpResponse::Ok().json(Users { users, next }))
}

/// Shows an account.
#[utoipa::path(get, path = "/api/v1/users/{id}", tag = "users", params(("id" = Uuid, Path)),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = Person, headers(("ETag" = String)))))]
async fn get_user(
    _access: Access<Admin>,
    id: Path<Uuid>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    show(&ctx, (*id).into()).await
}

async fn show(ctx: &Ctx, account: Id<Account>) -> Result<HttpResponse, Problem> {
    let found = repo::find(ctx.pool(), account).await?;
    let person = found.ok_or_else(Problem::not_found)?;
    Ok(HttpResponse::Ok()
        .insert_header(etag::of(person.version))
        .json(person))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RoleBody {
    /// What they may do from now on.
    #[schema(value_type = Role)]
    role: String,
}

/// Gives somebody another role, which ends their sessions.
#[utoipa::path(put, path = "/api/v1/users/{id}/role", tag = "users",
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "The account's ETag, as it was seen.")),
    security(("session" = []), ("bearer" = [])), request_body = RoleBody,
    responses((status = 200, body = Person, headers(("ETag" = String))),
              (status = 409, description = "They are the last administrator, or their account is not active."),
              (status = 412, description = "The account has changed meanwhile."),
              (status = 428, description = "If-Match is missing.")))]
async fn put_role(
    access: Access<ConfirmedAdmin>,
    id: Path<Uuid>,
    expected: Expected,
    body: Json<RoleBody>,
    ctx: Data<Ctx>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let account = (*id).into();
    let role = body.role.parse();
    let role = role.map_err(|error| Fields::of("/role", error))?;
    let by = Some(access.account_id.into());
    let mut tx = ctx.begin(access.cause()).await?;
    let standings = look_at(&mut tx, account).await?;
    expected.check(standings.version())?;
    let ended = set_role(&mut tx, standings, role, by).await?;
    tx.commit().await?;
    sessions.forget(&ended).await;
    show(&ctx, account).await
}

/// Ends all sessions of somebody.
#[utoipa::path(delete, path = "/api/v1/users/{id}/sessions", tag = "users", params(("id" = Uuid, Path)),
    security(("session" = []), ("bearer" = [])), responses((status = 204)))]
async fn delete_sessions(
    access: Access<Admin>,
    id: Path<Uuid>,
    ctx: Data<Ctx>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let mut tx = ctx.begin(access.cause()).await?;
    let ended = end_sessions(&mut tx, (*id).into()).await?;
    tx.commit().await?;
    sessions.forget(&ended).await;
    Ok(HttpResponse::NoContent().finish())
}

/// Removes the second factor of somebody who has lost it, and ends their sessions. They are told by mail.
///
/// With it goes what kept out whoever knows the password: be sure who asks. It cannot be used for oneself.
#[utoipa::path(delete, path = "/api/v1/users/{id}/second-factor", tag = "users", params(("id" = Uuid, Path)),
    security(("session" = []), ("bearer" = [])),
    responses((status = 204), (status = 409, description = "They have no second factor.")))]
async fn delete_second_factor(
    access: Access<ConfirmedAdmin>,
    id: Path<Uuid>,
    ctx: Data<Ctx>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let by = Some(access.account_id.into());
    let mut tx = ctx.begin(access.cause()).await?;
    let ended = remove_second_factor(&mut tx, (*id).into(), by).await?;
    tx.commit().await?;
    sessions.forget(&ended).await;
    Ok(HttpResponse::NoContent().finish())
}

/// How many sessions were ended.
#[derive(Serialize, ToSchema)]
struct Ended {
    sessions: usize,
}

/// Ends all sessions of everybody, this one too.
///
/// They end in portions. If it is broken off, those that have ended stay ended, and another try ends the others.
#[utoipa::path(post, path = "/api/v1/users/end-all-sessions", tag = "users",
    security(("session" = []), ("bearer" = [])), responses((status = 200, body = Ended)))]
async fn post_end_all_sessions(
    access: Access<ConfirmedAdmin>,
    ctx: Data<Ctx>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let (mut after, mut count) = (Uuid::nil().into(), 0);
    loop {
        let mut tx = ctx.begin(access.cause()).await?;
        let Some((last, ended)) = end_some_sessions(&mut tx, after).await? else {
            return Ok(HttpResponse::Ok().json(Ended { sessions: count }));
        };
        tx.commit().await?;
        sessions.forget(&ended).await;
        after = last;
        count += ended.len();
    }
}

impl From<SetRoleError> for Problem {
    fn from(error: SetRoleError) -> Self {
        match error {
            SetRoleError::NoSuchAccount => Self::not_found(),
            SetRoleError::NotAdmin => Denied::NeedsRole(Role::Admin).into(),
            SetRoleError::NotActive => Self::conflict(
                "not_active",
                "The account is not active yet: its owner has to confirm the address first.",
            ),
            SetRoleError::LastAdministrator => Self::conflict(
                "last_administrator",
                "This is the last administrator. Make somebody else one first.",
            ),
            SetRoleError::Database(error) => error.into(),
            other @ SetRoleError::Refused(_) => Self::internal(&other),
        }
    }
}

impl From<RemoveSecondFactorError> for Problem {
    fn from(error: RemoveSecondFactorError) -> Self {
        match error {
            RemoveSecondFactorError::Own => Self::forbidden(
                "own_account",
                "Not for your own account: your second factor is removed in your profile.",
            ),
            RemoveSecondFactorError::NotAdmin => Denied::NeedsRole(Role::Admin).into(),
            RemoveSecondFactorError::Remove(error) => error.into(),
            RemoveSecondFactorError::Database(error) => error.into(),
        }
    }
}

impl From<EndSessionsError> for Problem {
    fn from(error: EndSessionsError) -> Self {
        match error {
            EndSessionsError::NoSuchAccount => Self::not_found(),
            EndSessionsError::SignOut(error) => error.into(),
            EndSessionsError::Database(error) => error.into(),
        }
    }
}
