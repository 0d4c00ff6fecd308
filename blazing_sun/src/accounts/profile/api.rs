//! `/api/v1/profile`.

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Json, ServiceConfig};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};
use uuid::Uuid;

use crate::accounts::profile::change::{ChangeError, Changes, Naming, change};
use crate::accounts::profile::repo::{self, Profile};
use crate::flow::ctx::Ctx;
use crate::kernel::name::NotAName;
use crate::web::access::{Access, ProfileRead, ProfileWrite};
use crate::web::etag::{self, Expected};
use crate::web::patch::{fixed, removable};
use crate::web::problem::{Fields, Problem};
use crate::web::routes::at;

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(get_profile, patch_profile))]
pub struct Api;

/// Registers the routes.
pub fn configure(routes: &mut ServiceConfig) {
    routes.service(at("/api/v1/profile").get(get_profile).patch(patch_profile));
}

/// Your profile.
#[derive(Serialize, ToSchema)]
struct ProfileView {
    id: Uuid,
    email: String,
    /// Empty if you gave none.
    name: String,
    /// A language tag such as `en` or `de-CH`.
    locale: String,
    /// A name of the IANA time zone database.
    time_zone: String,
    /// An ISO 4217 code.
    currency: String,
    /// `user`, `operator` or `admin`.
    role: String,
    created_at: DateTime<Utc>,
    /// When the account will be erased, if you asked for that.
    deletion_at: Option<DateTime<Utc>>,
    /// Whether the password alone is not enough to sign in.
    second_factor: bool,
}

impl From<Profile> for ProfileView {
    fn from(profile: Profile) -> Self {
        Self {
            id: profile.id,
            email: profile.email,
            name: profile.name,
            locale: profile.locale,
            time_zone: profile.time_zone,
            currency: profile.currency,
            role: profile.role,
            created_at: profile.created_at,
            deletion_at: profile.deletion_at,
            second_factor: profile.has_second_factor,
        }
    }
}

/// What is to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileBody {
    /// How you want to be called; empty or `null` takes the name away.
    #[serde(default, deserialize_with = "removable")]
    #[schema(value_type = Option<String>, max_length = 100)]
    pub name: Option<Option<String>>,
    /// A language tag such as `en` or `de-CH`.
    #[serde(default, deserialize_with = "fixed")]
    #[schema(max_length = 35, nullable = false)]
    pub locale: Option<String>,
    /// A name of the IANA time zone database, such as `Europe/Berlin`.
    #[serde(default, deserialize_with = "fixed")]
    #[schema(max_length = 64, nullable = false)]
    pub time_zone: Option<String>,
    /// An ISO 4217 code of a currency in circulation.
    #[serde(default, deserialize_with = "fixed")]
    #[schema(min_length = 3, max_length = 3, nullable = false)]
    pub currency: Option<String>,
}

impl ProfileBody {
    /// The changes, or all that is wrong with them.
    pub fn parse(&self) -> Result<Changes, Problem> {
        let mut fields = Fields::default();
        let name = self
            .name
            .as_ref()
            .map(|text| name(text.as_deref().unwrap_or_default()));
        let name = name.transpose();
        let locale = self.locale.as_deref().map(str::parse).transpose();
        let time_zone = self.time_zone.as_deref().map(str::parse).transpose();
        let currency = self.currency.as_deref().map(str::parse).transpose();
        let changes = Changes {
            name: fields.take("/name", name).flatten(),
            locale: fields.take("/locale", locale).flatten(),
            time_zone: fields.take("/time_zone", time_zone).flatten(),
            currency: fields.take("/currency", currency).flatten(),
        };
        if !fields.is_empty() {
            return Err(fields.into());
        }
        if changes.is_empty() {
            let nothing = "has none of name, locale, time_zone and currency";
            return Err(Fields::of("", nothing).into());
        }
        Ok(changes)
    }
}

fn name(text: &str) -> Result<Naming, NotAName> {
    if text.trim().is_empty() {
        return Ok(Naming::Nothing);
    }
    text.parse().map(Naming::Name)
}

/// Shows your profile.
#[utoipa::path(get, path = "/api/v1/profile", tag = "profile", security(("session" = []), ("bearer" = [])),
    responses((status = 200, body = ProfileView, headers(("ETag" = String)))))]
async fn get_profile(access: Access<ProfileRead>, ctx: Data<Ctx>) -> Result<HttpResponse, Problem> {
    shown(&ctx, access.account_id).await
}

/// Changes your profile.
#[utoipa::path(patch, path = "/api/v1/profile", tag = "profile", security(("session" = []), ("bearer" = [])),
    params(("If-Match" = String, Header, description = "The ETag of the profile that you read.")),
    responses((status = 200, body = ProfileView, headers(("ETag" = String))),
              (status = 412, description = "It was changed meanwhile."),
              (status = 428, description = "If-Match is missing.")))]
async fn patch_profile(
    access: Access<ProfileWrite>,
    expected: Expected,
    body: Json<ProfileBody>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let changes = body.parse()?;
    let mut tx = ctx.begin(access.cause()).await?;
    let check = |version| expected.check(version);
    change(&mut tx, access.account_id.into(), changes, check).await?;
    tx.commit().await?;
    shown(&ctx, access.account_id).await
}

async fn shown(ctx: &Ctx, account: Uuid) -> Result<HttpResponse, Problem> {
    let profile = repo::find(ctx.pool(), account.into())
        .await?
        .ok_or_else(Problem::not_found)?;
    Ok(HttpResponse::Ok()
        .insert_header(etag::of(profile.version))
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(ProfileView::from(profile)))
}

impl From<ChangeError<Problem>> for Problem {
    fn from(error: ChangeError<Problem>) -> Self {
        match error {
            ChangeError::Gone => Self::not_found(),
            ChangeError::Version(problem) => problem,
            ChangeError::Database(error) => error.into(),
            ChangeError::Refused(error) => Self::internal(&error),
        }
    }
}
