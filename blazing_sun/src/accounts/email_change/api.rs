//! `/api/v1/profile/email`.

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Json, ServiceConfig};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use crate::accounts::email_change::cancel::cancel;
use crate::accounts::email_change::confirm::{Agreed, ConfirmError, confirm, open};
use crate::accounts::email_change::repo;
use crate::accounts::email_change::request::{RequestError, request};
use crate::accounts::link::Links;
use crate::accounts::sessions::Sessions;
use crate::flow::ctx::{Cause, Ctx};
use crate::kernel::email::Email;
use crate::web::access::{Access, Confirmed, SignedIn};
use crate::web::client::Client;
use crate::web::idempotency::Idempotency;
use crate::web::problem::{Fields, Problem};
use crate::web::routes::{at, post};
use crate::web::throttle::{Rate, Throttle, TooMany};

/// Changes that one account may begin, since each writes to an address that may be a stranger's.
pub const REQUESTS: Rate = Rate {
    burst: 5,
    every: TimeDelta::hours(5),
};

/// Links that are tried from one address.
const LINKS_FROM_ADDRESS: Rate = Rate {
    burst: 30,
    every: TimeDelta::seconds(2),
};

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(get_change, post_change, delete_change, post_confirm))]
pub struct Api;

/// Registers the routes.
pub fn configure(routes: &mut ServiceConfig) {
    let change = at("/api/v1/profile/email");
    routes
        .service(
            change
                .get(get_change)
                .post(post_change)
                .delete(delete_change),
        )
        .service(post("/api/v1/profile/email/confirm", post_confirm));
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangeBody {
    /// The address that the account is to have.
    #[schema(format = "email", max_length = 254)]
    email: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ConfirmChangeBody {
    /// The token of the link in either mail.
    token: String,
}

/// A change of address that is under way.
#[derive(Serialize, ToSchema)]
#[schema(as = EmailChangeView)]
struct ChangeView {
    /// The address that the account is to have.
    email: String,
    /// Whether the address that it has has agreed.
    old_confirmed: bool,
    /// Whether the new one has.
    new_confirmed: bool,
    /// Until when they can.
    expires_at: DateTime<Utc>,
}

/// What became of a change of address.
#[derive(Serialize, ToSchema)]
struct ChangeAnswer {
    /// `pending`, `half` or `changed`.
    status: &'static str,
    message: &'static str,
}

/// Shows the change of address that is under way.
#[utoipa::path(get, path = "/api/v1/profile/email", tag = "profile", security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = ChangeView), (status = 404, description = "None is under way.")))]
async fn get_change(access: Access<SignedIn>, ctx: Data<Ctx>) -> Result<HttpResponse, Problem> {
    let found = repo::open(ctx.pool(), access.account_id.into(), ctx.now()).await?;
    let change = found.ok_or_else(Problem::not_found)?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(ChangeView {
            email: change.new_email,
            old_confirmed: change.old_confirmed,
            new_confirmed: change.new_confirmed,
            expires_at: change.expires_at,
        }))
}

/// Asks for another address; it changes when the links in the mails to both addresses were opened.
#[utoipa::path(post, path = "/api/v1/profile/email", tag = "profile", params(Idempotency),
    security(("session" = []), ("bearer" = [])), responses((status = 202, body = ChangeAnswer)))]
async fn post_change(
    access: Access<Confirmed>,
    key: Idempotency,
    body: Json<ChangeBody>,
    ctx: Data<Ctx>,
    throttle: Data<Throttle>,
) -> Result<HttpResponse, Problem> {
    let email: Email = body
        .email
        .parse()
        .map_err(|error| Fields::of("/email", error))?;
    let whom = access.account_id.to_string();
    throttle
        .take("email-change", &whom, REQUESTS, ctx.now())
        .await?;
    key.once(&ctx, access.cause(), async |tx| {
        request(tx, access.account_id.into(), &email).await?;
        Ok(HttpResponse::Accepted().json(ChangeAnswer {
            status: "pending",
            message: "Open the links in the mails to both addresses.",
        }))
    })
    .await
}

/// Gives up the change of address that is under way.
#[utoipa::path(delete, path = "/api/v1/profile/email", tag = "profile", security(("session" = []), ("bearer" = [])),
    responses((status = 204), (status = 404, description = "None is under way.")))]
async fn delete_change(access: Access<SignedIn>, ctx: Data<Ctx>) -> Result<HttpResponse, Problem> {
    let mut tx = ctx.begin(access.cause()).await?;
    if !cancel(&mut tx, access.account_id.into()).await? {
        return Err(Problem::not_found());
    }
    tx.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Agrees to a change of address, with the token of either mail.
#[utoipa::path(post, path = "/api/v1/profile/email/confirm", tag = "profile",
    responses((status = 200, body = ChangeAnswer), (status = 409, description = "Another account has the address.")))]
async fn post_confirm(
    body: Json<ConfirmChangeBody>,
    (client, cause): (Client, Cause),
    ctx: Data<Ctx>,
    links: Data<Links>,
    throttle: Data<Throttle>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    count(&throttle, &client, &ctx).await?;
    let (side, id) = open(&links, &body.token).ok_or(ConfirmError::BadLink)?;
    let found = repo::find(ctx.pool(), id, ctx.now()).await?;
    let change = found.ok_or(ConfirmError::BadLink)?;
    let mut tx = ctx.begin(cause).await?;
    let agreed = confirm(&mut tx, side, &change).await?;
    tx.commit().await?;
    let (status, message) = match agreed {
        Agreed::Half => ("half", "The other address is still to agree."),
        Agreed::Moved(ended) => {
            sessions.forget(&ended).await;
            ("changed", "From now on you sign in with the new address.")
        }
    };
    Ok(HttpResponse::Ok().json(ChangeAnswer { status, message }))
}

/// Counts a link that a client tries.
pub async fn count(throttle: &Throttle, client: &Client, ctx: &Ctx) -> Result<(), TooMany> {
    let (address, now) = (client.network(), ctx.now());
    throttle
        .take("email-change-from", &address, LINKS_FROM_ADDRESS, now)
        .await
}

impl From<RequestError> for Problem {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Gone => Self::not_found(),
            RequestError::Same => Fields::of("/email", error).into(),
            RequestError::Database(error) => error.into(),
            other => Self::internal(&other),
        }
    }
}

impl From<ConfirmError> for Problem {
    fn from(error: ConfirmError) -> Self {
        match error {
            ConfirmError::BadLink => Self::unprocessable(
                "bad_link",
                "The link is not good, or not any more. Ask for the change again.",
            ),
            ConfirmError::Taken => Self::conflict(
                "address_taken",
                "The address cannot be used any more. Ask for another one.",
            ),
            ConfirmError::Database(error) => error.into(),
            ConfirmError::Refused(error) => Self::internal(&error),
        }
    }
}
