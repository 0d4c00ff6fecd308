//! `POST /api/v1/auth/confirm`: showing once more who one is, with all that signing in asks for.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, ServiceConfig};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use utoipa::{OpenApi, ToSchema};

use crate::accounts::passwords::Password;
use crate::accounts::second_factor::{Answer, AnswerFields, Checkpoint, CheckpointError};
use crate::accounts::sessions::api::{session_cookie, session_of};
use crate::accounts::sessions::confirm::{Renewed, confirm};
use crate::accounts::sessions::desk::Desk;
use crate::accounts::sessions::sessions::Sessions;
use crate::flow::ctx::Ctx;
use crate::web::access::{Access, SignedIn};
use crate::web::problem::{Fields, Problem};
use crate::web::routes::post;

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(post_confirm))]
pub struct Api;

/// Registers the route.
pub fn configure(routes: &mut ServiceConfig) {
    routes.service(post("/api/v1/auth/confirm", post_confirm));
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ConfirmBody {
    /// The password of the account.
    #[schema(value_type = String, format = "password", max_length = 128)]
    password: SecretString,
    /// The six digits that the authenticator app shows. With a second factor, one of these three is needed too.
    #[schema(max_length = 20)]
    code: Option<String>,
    /// A recovery code.
    #[schema(max_length = 100)]
    recovery_code: Option<String>,
    /// What the browser got from a passkey (begin with POST /api/v1/auth/confirm/passkey).
    #[schema(value_type = Option<Object>)]
    credential: Option<Value>,
}

/// Proves once more who you are, which sensitive changes ask for: with the password, and the second factor if you have one.
#[utoipa::path(post, path = "/api/v1/auth/confirm", tag = "sessions",
    security(("session" = []), ("bearer" = [])), responses((status = 204)))]
async fn post_confirm(
    access: Access<SignedIn>,
    body: Json<ConfirmBody>,
    ctx: Data<Ctx>,
    desk: Data<Desk>,
    checkpoint: Data<Checkpoint>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let body = body.into_inner();
    let fields = AnswerFields {
        code: body.code,
        recovery_code: body.recovery_code,
        credential: body.credential,
        one_field: false,
    };
    let password = Password::given(body.password);
    prove(&access, (&desk, &checkpoint), &password, fields).await?;
    let renewed = renew(&access, &ctx, &sessions).await?;
    let mut answer = HttpResponse::NoContent();
    if let Some(token) = &renewed.token {
        answer.cookie(session_cookie(token, sessions.settings()));
    }
    Ok(answer.finish())
}

/// Compares all that signing in asks for. A code is not used up by a wrong password.
pub(super) async fn prove(
    access: &Access<SignedIn>,
    (desk, checkpoint): (&Desk, &Checkpoint),
    password: &Password,
    fields: AnswerFields,
) -> Result<(), Problem> {
    let (account, session) = (access.account_id.into(), session_of(access)?);
    let pointer = fields.pointer();
    let answer: Option<Answer> = match fields.is_empty() {
        true if checkpoint.asks(account).await? => return Err(CheckpointError::Unanswered.into()),
        true => None,
        false => Some(fields.parse()?),
    };
    if !desk.proves(account, password).await? {
        return Err(Fields::of("/password", "is not the password of your account").into());
    }
    let proving = checkpoint.confirm(access.cause(), (account, session), answer.as_ref());
    match proving.await {
        Err(CheckpointError::Wrong) => {
            Err(Fields::of(pointer, "is not right, or was used before").into())
        }
        outcome => Ok(outcome?),
    }
}

/// Notes that they have proved it.
pub(super) async fn renew(
    access: &Access<SignedIn>,
    ctx: &Ctx,
    sessions: &Sessions,
) -> Result<Renewed, Problem> {
    let mut tx = ctx.begin(access.cause()).await?;
    let renewed = confirm(&mut tx, access.account_id.into(), session_of(access)?).await?;
    tx.commit().await?;
    sessions.forget(&[renewed.changed]).await;
    Ok(renewed)
}
