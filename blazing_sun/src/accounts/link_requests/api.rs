//! `/api/v1/auth/forgot` and `/api/v1/auth/resend`: asking for a link.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, ServiceConfig};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use crate::accounts::link_requests::request_link::{Wish, count, count_for, request_link};
use crate::flow::ctx::{Cause, Ctx};
use crate::kernel::email::Email;
use crate::web::client::Client;
use crate::web::problem::{Fields, Problem};
use crate::web::routes::post;
use crate::web::throttle::Throttle;

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(post_forgot, post_resend))]
pub struct Api;

/// Registers the routes.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(post("/api/v1/auth/forgot", post_forgot))
        .service(post("/api/v1/auth/resend", post_resend));
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LinkBody {
    /// The address of the account.
    #[schema(format = "email", max_length = 254)]
    email: String,
}

/// A request that was taken.
#[derive(Serialize, ToSchema)]
struct LinkAnswer {
    status: &'static str,
    message: &'static str,
}

/// Sends a link with which a forgotten password is replaced.
///
/// The answer is the same whether the address has an account or not.
#[utoipa::path(post, path = "/api/v1/auth/forgot", tag = "passwords",
    responses((status = 202, body = LinkAnswer)))]
async fn post_forgot(
    body: Json<LinkBody>,
    client: Client,
    cause: Cause,
    ctx: Data<Ctx>,
    throttle: Data<Throttle>,
) -> Result<HttpResponse, Problem> {
    take(
        Wish::Password,
        &body.email,
        (&client, cause),
        (&ctx, &throttle),
    )
    .await?;
    Ok(HttpResponse::Accepted().json(LinkAnswer {
        status: "accepted",
        message: "If the address has an account, a mail is on its way.",
    }))
}

/// Sends the link that activates an account again; earlier ones are good no more.
///
/// The answer is the same whether the address has an account or not.
#[utoipa::path(post, path = "/api/v1/auth/resend", tag = "registration",
    responses((status = 202, body = LinkAnswer)))]
async fn post_resend(
    body: Json<LinkBody>,
    client: Client,
    cause: Cause,
    ctx: Data<Ctx>,
    throttle: Data<Throttle>,
) -> Result<HttpResponse, Problem> {
    take(
        Wish::Activation,
        &body.email,
        (&client, cause),
        (&ctx, &throttle),
    )
    .await?;
    Ok(HttpResponse::Accepted().json(LinkAnswer {
        status: "accepted",
        message: "If the address has an account that is not active yet, a mail is on its way.",
    }))
}

/// Takes a request: the same for addresses that are known and those that are not.
pub(super) async fn take(
    wish: Wish,
    email: &str,
    (client, cause): (&Client, Cause),
    (ctx, throttle): (&Ctx, &Throttle),
) -> Result<(), Problem> {
    count(throttle, client, ctx).await?;
    let email: Email = email.parse().map_err(|error| Fields::of("/email", error))?;
    count_for(throttle, wish, &email, ctx).await?;
    let mut tx = ctx.begin(cause).await?;
    request_link(&mut tx, wish, &email)
        .await
        .map_err(|error| Problem::internal(&error))?;
    tx.commit().await?;
    Ok(())
}
