//! `/api/v1/second-factor/passkeys`: adding and removing passkeys.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Json, Path, Query, ServiceConfig};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;
use webauthn_rs::prelude::RegisterPublicKeyCredential;

use crate::accounts::second_factor::api::{Removal, once, owner, yes};
use crate::accounts::second_factor::passkeys::{
    add_passkey, begin_passkey, remove_passkey, take_registration,
};
use crate::accounts::second_factor::relying_party::RelyingParty;
use crate::accounts::sessions::Sessions;
use crate::flow::ctx::Ctx;
use crate::kernel::name::PersonName;
use crate::web::access::{Access, Confirmed};
use crate::web::problem::{Fields, Problem};
use crate::web::routes::{at, post};

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(post_passkeys_begin, post_passkeys, delete_passkey))]
pub struct Api;

/// Registers the routes.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(post(
            "/api/v1/second-factor/passkeys/begin",
            post_passkeys_begin,
        ))
        .service(post("/api/v1/second-factor/passkeys", post_passkeys))
        .service(at("/api/v1/second-factor/passkeys/{id}").delete(delete_passkey));
}

/// The question for a new passkey.
#[derive(Serialize, ToSchema)]
struct RegistrationView<T: ToSchema> {
    /// Send it back with the answer.
    registration: Uuid,
    /// The options of `navigator.credentials.create()`.
    #[schema(value_type = Object)]
    options: T,
}

/// Begins to add a passkey.
#[utoipa::path(post, path = "/api/v1/second-factor/passkeys/begin", tag = "second factor",
    security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = RegistrationView<Value>), (status = 409, description = "You have ten already.")))]
async fn post_passkeys_begin(
    access: Access<Confirmed>,
    ctx: Data<Ctx>,
    party: Data<RelyingParty>,
) -> Result<HttpResponse, Problem> {
    let mut tx = ctx.begin(access.cause()).await?;
    let begun = begin_passkey(&mut tx, &party, owner(&access, true)?).await?;
    tx.commit().await?;
    let options = serde_json::to_value(begun.1).map_err(|error| Problem::internal(&error))?;
    let view = RegistrationView {
        registration: begun.0,
        options,
    };
    Ok(once(StatusCode::OK, &view))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasskeyBody {
    /// What the beginning answered.
    registration: Uuid,
    /// So that you know it again.
    #[schema(max_length = 100)]
    name: String,
    /// What the browser got from the passkey, as its `toJSON()` says it.
    #[schema(value_type = Object)]
    credential: Value,
    /// Whether your other sessions end.
    #[serde(default = "yes")]
    end_other_sessions: bool,
}

/// A passkey that was added. It is not shown again.
#[derive(Serialize, ToSchema)]
struct AddedView {
    id: Uuid,
    /// Your recovery codes, if there are new ones.
    recovery_codes: Option<Vec<String>>,
}

/// Adds a passkey. With the first factor come recovery codes.
#[utoipa::path(post, path = "/api/v1/second-factor/passkeys", tag = "second factor",
    security(("session" = []), ("bearer" = [])),
    responses((status = 201, body = AddedView),
              (status = 409, description = "Nothing was begun, it took too long, you have ten, or this one is known.")))]
async fn post_passkeys(
    access: Access<Confirmed>,
    body: Json<PasskeyBody>,
    ctx: Data<Ctx>,
    party: Data<RelyingParty>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let body = body.into_inner();
    let owner = owner(&access, body.end_other_sessions)?;
    let (name, answer) = new_passkey(&body.name, body.credential)?;
    let state = take_registration(&ctx, owner, body.registration).await?;
    let mut tx = ctx.begin(access.cause()).await?;
    let (id, made) = add_passkey(&mut tx, &party, owner, state, (&name, &answer)).await?;
    tx.commit().await?;
    sessions.forget(&made.ended).await;
    let recovery_codes = made.recovery_codes;
    let added = AddedView { id, recovery_codes };
    Ok(once(StatusCode::CREATED, &added))
}

/// A passkey's name and its answer.
pub(super) fn new_passkey(
    name: &str,
    credential: Value,
) -> Result<(PersonName, RegisterPublicKeyCredential), Problem> {
    let mut fields = Fields::default();
    let name = fields.take("/name", name.parse());
    let answer = serde_json::from_value(credential).map_err(|_| "is not what a passkey answers");
    let answer = fields.take("/credential", answer);
    Ok(name.zip(answer).ok_or(fields)?)
}

/// Removes a passkey, and with the last factor the recovery codes.
#[utoipa::path(delete, path = "/api/v1/second-factor/passkeys/{id}", tag = "second factor",
    params(("id" = Uuid, Path), Removal), security(("session" = []), ("bearer" = [])),
    responses((status = 204), (status = 404, description = "You have no such passkey.")))]
async fn delete_passkey(
    access: Access<Confirmed>,
    id: Path<Uuid>,
    removal: Query<Removal>,
    ctx: Data<Ctx>,
    sessions: Data<Sessions>,
) -> Result<HttpResponse, Problem> {
    let mut tx = ctx.begin(access.cause()).await?;
    let owner = owner(&access, removal.end_other_sessions)?;
    let made = remove_passkey(&mut tx, owner, *id).await?;
    tx.commit().await?;
    sessions.forget(&made.ended).await;
    Ok(HttpResponse::NoContent().finish())
}
