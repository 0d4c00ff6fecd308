//! `/api/v1/invitations` and `/api/v1/auth/invitation`: inviting people, seeing what becomes of it, and accepting.

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Json, Path, Query, ServiceConfig};
use chrono::TimeDelta;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};
use uuid::Uuid;

use crate::accounts::invitations::accept::{AcceptError, Acceptance, accept, look_up};
use crate::accounts::invitations::body::{InvitationBody, OneBody};
use crate::accounts::invitations::invitation::{Progress, Row};
use crate::accounts::invitations::invite::{InviteError, invite};
use crate::accounts::invitations::repo;
use crate::accounts::invitations::withdraw::{WithdrawError, withdraw};
use crate::accounts::link::Links;
use crate::accounts::passwords::{Hasher, Password};
use crate::flow::ctx::{Cause, Ctx};
use crate::kernel::name::PersonName;
use crate::web::access::{Access, Admin, ConfirmedAdmin};
use crate::web::client::Client;
use crate::web::idempotency::Idempotency;
use crate::web::paging;
use crate::web::problem::{Fields, Problem};
use crate::web::routes::{at, post};
use crate::web::throttle::{Rate, Throttle};

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(post_invitations, get_invitations, get_batch, delete_row, post_accept))]
pub struct Api;

/// Tries to accept from one address, whatever invitation they are for.
const FROM_ADDRESS: Rate = Rate {
    burst: 30,
    every: TimeDelta::seconds(2),
};

/// Registers the routes.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(
            at("/api/v1/invitations")
                .get(get_invitations)
                .post(post_invitations),
        )
        .service(at("/api/v1/invitations/{batch}").get(get_batch))
        .service(at("/api/v1/invitations/{batch}/rows/{id}").delete(delete_row))
        .service(post("/api/v1/auth/invitation", post_accept));
}

/// Invitations that were written down.
#[derive(Serialize, ToSchema)]
struct Invited {
    /// Their batch.
    id: Uuid,
    /// How many there are.
    total: usize,
}

/// Invites somebody, or everybody in a file.
///
/// A file has a header with the columns email, name and role, of which the last two may be missing, and at most 1000 rows.
/// If anything in it is wrong, nobody is invited.
#[utoipa::path(post, path = "/api/v1/invitations", tag = "invitations",
    security(("session" = []), ("bearer" = [])),
    params(Idempotency), request_body(content((OneBody = "application/json"), (String = "text/csv"))),
    responses((status = 202, body = Invited, headers(("Location" = String, description = "Where the progress is shown.")))))]
async fn post_invitations(
    access: Access<ConfirmedAdmin>,
    key: Idempotency,
    body: InvitationBody,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let invitations = body.parse()?;
    let by = Some(access.account_id.into());
    key.once(&ctx, access.cause(), async |tx| {
        let batch = invite(tx, by, &invitations).await?;
        Ok(HttpResponse::Accepted()
            .insert_header((LOCATION, format!("/api/v1/invitations/{batch}")))
            .json(Invited {
                id: batch.uuid(),
                total: invitations.len(),
            }))
    })
    .await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct BatchesQuery {
    /// Only those after this one, which is the `next` of the page before.
    after: Option<Uuid>,
    /// How many at most.
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<i64>,
}

/// A page of batches.
#[derive(Serialize, ToSchema)]
struct Batches {
    /// The newest first.
    batches: Vec<Progress>,
    /// The `after` of the next page; none on the last one.
    next: Option<Uuid>,
}

/// Lists the batches of invitations with their progress.
#[utoipa::path(get, path = "/api/v1/invitations", tag = "invitations", params(BatchesQuery),
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = Batches), (status = 422, description = "A parameter is out of bounds.")))]
async fn get_invitations(
    _access: Access<Admin>,
    query: Query<BatchesQuery>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let limit = paging::limit(query.limit).map_err(|error| Fields::of("/limit", error))?;
    let mut batches = repo::list(ctx.pool(), query.after, limit + 1).await?;
    let next = paging::cut(&mut batches, limit, |batch| batch.id);
    Ok(HttpResponse::Ok().json(Batches { batches, next }))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RowsQuery {
    /// Only rows after this one, which is the `next` of the page before.
    #[serde(default)]
    #[param(minimum = 0)]
    after: i32,
    /// How many at most.
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<i64>,
}

/// How far a batch is, and a page of its rows.
#[derive(Serialize, ToSchema)]
struct BatchView {
    #[serde(flatten)]
    progress: Progress,
    /// In the order of the file.
    rows: Vec<Row>,
    /// The `after` of the next page; none on the last one.
    next: Option<i32>,
}

/// Shows how far a batch of invitations is.
#[utoipa::path(get, path = "/api/v1/invitations/{batch}", tag = "invitations",
    params(("batch" = Uuid, Path), RowsQuery), security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = BatchView), (status = 422, description = "A parameter is out of bounds.")))]
async fn get_batch(
    _access: Access<Admin>,
    batch: Path<Uuid>,
    query: Query<RowsQuery>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let limit = paging::limit(query.limit).map_err(|error| Fields::of("/limit", error))?;
    let (batch, pool) = ((*batch).into(), ctx.pool());
    let progress = repo::find(pool, batch).await?;
    let progress = progress.ok_or_else(Problem::not_found)?;
    let mut rows = repo::rows(pool, batch, query.after, limit + 1).await?;
    let next = paging::cut(&mut rows, limit, |row| row.row);
    Ok(HttpResponse::Ok().json(BatchView {
        progress,
        rows,
        next,
    }))
}

/// Takes an invitation back that nobody has accepted; its link is good no more.
#[utoipa::path(delete, path = "/api/v1/invitations/{batch}/rows/{id}", tag = "invitations",
    params(("batch" = Uuid, Path), ("id" = Uuid, Path)), security(("session" = []), ("bearer" = [])),
    responses((status = 204)))]
async fn delete_row(
    access: Access<Admin>,
    path: Path<(Uuid, Uuid)>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let (batch, invitation) = *path;
    let mut tx = ctx.begin(access.cause()).await?;
    withdraw(&mut tx, batch.into(), invitation.into()).await?;
    tx.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}

/// What somebody accepts an invitation with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptBody {
    /// The token of the mail's link.
    #[schema(max_length = 200)]
    pub token: String,
    /// How you want to be called; if it is left out, what the invitation says stays.
    #[schema(min_length = 1, max_length = 100)]
    #[serde(default)]
    pub name: Option<String>,
    /// What you will sign in with: 8 to 128 characters that are not easy to guess.
    #[schema(value_type = String, format = "password", min_length = 8, max_length = 128)]
    pub password: SecretString,
}

impl AcceptBody {
    /// What is asked for, with the password hashed; no transaction is open meanwhile.
    pub async fn parse(
        self,
        ctx: &Ctx,
        links: &Links,
        hasher: &Hasher,
    ) -> Result<Acceptance, Problem> {
        let (invitation, open) = look_up(ctx, links, &self.token).await?;
        let mut fields = Fields::default();
        let given = self.name.as_deref();
        let name = fields.take("/name", given.map(str::parse::<PersonName>).transpose());
        let known = [open.email.as_str(), given.unwrap_or(&open.name)];
        let password = fields.take("/password", Password::choose(self.password, &known));
        let (Some(name), Some(password)) = (name, password) else {
            return Err(fields.into());
        };
        Ok(Acceptance {
            invitation,
            name,
            password: hasher.hash(&password).await?,
        })
    }
}

/// Counts a try to accept an invitation.
pub async fn count(throttle: &Throttle, client: &Client, ctx: &Ctx) -> Result<(), Problem> {
    let (address, now) = (client.network(), ctx.now());
    let taken = throttle.take("accept-from", &address, FROM_ADDRESS, now);
    Ok(taken.await?)
}

/// An invitation that was accepted.
#[derive(Serialize, ToSchema)]
struct Accepted {
    status: &'static str,
    message: &'static str,
}

/// Accepts an invitation: opens the account that it offers. Sign in afterwards.
#[utoipa::path(post, path = "/api/v1/auth/invitation", tag = "invitations",
    responses((status = 200, body = Accepted)))]
async fn post_accept(
    body: Json<AcceptBody>,
    cause: Cause,
    client: Client,
    ctx: Data<Ctx>,
    links: Data<Links>,
    hasher: Data<Hasher>,
    throttle: Data<Throttle>,
) -> Result<HttpResponse, Problem> {
    count(&throttle, &client, &ctx).await?;
    let acceptance = body.into_inner().parse(&ctx, &links, &hasher).await?;
    let mut tx = ctx.begin(cause).await?;
    accept(&mut tx, acceptance).await?;
    tx.commit().await?;
    Ok(HttpResponse::Ok().json(Accepted {
        status: "active",
        message: "The account is yours. Sign in with your address and the password.",
    }))
}

impl From<InviteError> for Problem {
    fn from(error: InviteError) -> Self {
        match error {
            InviteError::Database(error) => error.into(),
            other @ InviteError::Refused(_) => Self::internal(&other),
        }
    }
}

impl From<WithdrawError> for Problem {
    fn from(error: WithdrawError) -> Self {
        match error {
            WithdrawError::NoSuchInvitation => Self::not_found(),
            WithdrawError::Database(error) => error.into(),
        }
    }
}

impl From<AcceptError> for Problem {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::BadLink => Self::unprocessable(
                "bad_link",
                "The link is not good, or not any more. Ask whoever invited you for a new one.",
            ),
            AcceptError::Database(error) => error.into(),
            other @ AcceptError::Refused(_) => Self::internal(&other),
        }
    }
}
