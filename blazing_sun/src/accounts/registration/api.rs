//! `/api/v1/auth`: routes, their bodies, and their errors as problems.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, ServiceConfig};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use crate::accounts::link::Links;
use crate::accounts::passwords::{Hasher, Password};
use crate::accounts::registration::activate::{ActivateError, activate};
use crate::accounts::registration::counts;
use crate::accounts::registration::sign_up::{SignUp, SignUpError, sign_up};
use crate::flow::ctx::{Cause, Ctx};
use crate::kernel::name::PersonName;
use crate::web::client::Client;
use crate::web::problem::{Fields, Problem};
use crate::web::routes::post;
use crate::web::throttle::Throttle;

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(post_sign_up, post_activate))]
pub struct Api;

/// Registers the routes.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(post("/api/v1/auth/sign-up", post_sign_up))
        .service(post("/api/v1/auth/activate", post_activate));
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignUpBody {
    /// Where you get mail.
    #[schema(format = "email", max_length = 254)]
    pub email: String,
    /// How you want to be called.
    #[schema(min_length = 1, max_length = 100)]
    pub name: Option<String>,
    /// What you will sign in with: 8 to 128 characters that are not easy to guess.
    #[schema(value_type = String, format = "password", min_length = 8, max_length = 128)]
    pub password: SecretString,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ActivateBody {
    /// The token of the mail's link.
    #[schema(max_length = 200)]
    token: String,
}

#[derive(Serialize, ToSchema)]
struct Answer {
    status: &'static str,
    message: &'static str,
}

impl SignUpBody {
    /// What is asked for, counted, and with the password hashed; no transaction is open meanwhile.
    async fn parse(
        self,
        client: &Client,
        throttle: &Throttle,
        ctx: &Ctx,
        hasher: &Hasher,
    ) -> Result<SignUp, Problem> {
        counts::sign_up(throttle, client, ctx.now()).await?;
        let mut fields = Fields::default();
        let email = fields.take("/email", self.email.parse());
        let name = self
            .name
            .as_deref()
            .map(str::parse::<PersonName>)
            .transpose();
        let name = fields.take("/name", name);
        let known = [&self.email, self.name.as_deref().unwrap_or_default()];
        let password = fields.take("/password", Password::choose(self.password, &known));
        let (Some(email), Some(name), Some(password)) = (email, name, password) else {
            return Err(fields.into());
        };
        counts::sign_up_with(throttle, &email, ctx.now()).await?;
        Ok(SignUp {
            email,
            name,
            password: hasher.hash(&password).await?,
        })
    }
}

/// Opens an account, for the interface and the page alike.
pub(super) async fn open(
    body: SignUpBody,
    (client, cause): (&Client, Cause),
    (ctx, hasher, throttle): (&Ctx, &Hasher, &Throttle),
) -> Result<(), Problem> {
    let form = body.parse(client, throttle, ctx, hasher).await?;
    let mut tx = ctx.begin(cause).await?;
    sign_up(&mut tx, form).await?;
    tx.commit().await?;
    Ok(())
}

/// Opens an account.
///
/// The answer is the same whether the address has one already or not; the mail tells.
#[utoipa::path(post, path = "/api/v1/auth/sign-up", tag = "registration", responses((status = 202, body = Answer)))]
async fn post_sign_up(
    body: Json<SignUpBody>,
    client: Client,
    cause: Cause,
    ctx: Data<Ctx>,
    hasher: Data<Hasher>,
    throttle: Data<Throttle>,
) -> Result<HttpResponse, Problem> {
    open(
        body.into_inner(),
        (&client, cause),
        (&ctx, &hasher, &throttle),
    )
    .await?;
    Ok(HttpResponse::Accepted().json(Answer {
        status: "accepted",
        message: "A mail is on its way. Its link activates the account.",
    }))
}

/// Activates an account with the token of its mail.
#[utoipa::path(post, path = "/api/v1/auth/activate", tag = "registration", responses((status = 200, body = Answer)))]
async fn post_activate(
    body: Json<ActivateBody>,
    client: Client,
    cause: Cause,
    ctx: Data<Ctx>,
    links: Data<Links>,
    throttle: Data<Throttle>,
) -> Result<HttpResponse, Problem> {
    counts::activation(&throttle, &client, ctx.now()).await?;
    let mut tx = ctx.begin(cause).await?;
    activate(&mut tx, &links, &body.token).await?;
    tx.commit().await?;
    Ok(HttpResponse::Ok().json(Answer {
        status: "active",
        message: "The account is active.",
    }))
}

impl From<SignUpError> for Problem {
    fn from(error: SignUpError) -> Self {
        Self::internal(&error)
    }
}

impl From<ActivateError> for Problem {
    fn from(error: ActivateError) -> Self {
        match error {
            ActivateError::BadLink => Self::unprocessable(
                "bad_link",
                "The link is not good, or not any more. Ask for a new one.",
            ),
            other => Self::internal(&other),
        }
    }
}
