//! `/api/v1/admin/log-levels`.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path, ServiceConfig};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use crate::flow::ctx::Ctx;
use crate::monitor::log_levels::log_level::{Level, LogLevel, Minutes, Module};
use crate::monitor::log_levels::repo;
use crate::monitor::log_levels::set_level::{SetLevelError, reset_level, set_level};
use crate::web::access::{Access, Admin};
use crate::web::problem::{Fields, Problem};
use crate::web::routes::{at, get};

/// What this part of the interface says of itself.
#[derive(OpenApi)]
#[openapi(paths(get_log_levels, put_log_level, delete_log_level))]
pub struct Api;

/// Registers the routes.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(get("/api/v1/admin/log-levels", get_log_levels))
        .service(
            at("/api/v1/admin/log-levels/{module}")
                .put(put_log_level)
                .delete(delete_log_level),
        );
}

/// The modules that are logged otherwise than configured.
#[derive(Serialize, ToSchema)]
struct LogLevels {
    /// By the modules' paths.
    log_levels: Vec<LogLevel>,
}

/// Lists the modules that are logged otherwise than configured.
#[utoipa::path(get, path = "/api/v1/admin/log-levels", tag = "operations", security(("session" = [])),
    responses((status = 200, body = LogLevels)))]
async fn get_log_levels(_access: Access<Admin>, ctx: Data<Ctx>) -> Result<HttpResponse, Problem> {
    let log_levels = repo::current(ctx.pool(), ctx.now()).await?;
    Ok(HttpResponse::Ok().json(LogLevels { log_levels }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LogLevelBody {
    /// From which level on; `trace` for modules of `blazing_sun` alone.
    #[schema(value_type = Level)]
    level: String,
    /// For how many minutes.
    #[schema(minimum = 1, maximum = 1440, default = 60)]
    minutes: Option<i64>,
}

/// Has a module logged from another level on, for a while, in every process; they follow within two seconds.
#[utoipa::path(put, path = "/api/v1/admin/log-levels/{module}", tag = "operations",
    params(("module" = String, Path, description = "Its path in Rust, such as `lapin::channel`; those below it are meant too.")),
    security(("session" = [])), request_body = LogLevelBody,
    responses((status = 200, body = LogLevel),
              (status = 409, description = "Enough modules have a level of their own."),
              (status = 422, description = "That is no module, no level or too long.")))]
async fn put_log_level(
    access: Access<Admin>,
    module: Path<String>,
    body: Json<LogLevelBody>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let mut wrong = Fields::default();
    let module = wrong.take("/module", module.parse::<Module>());
    let level = wrong.take("/level", body.level.parse::<Level>());
    let minutes = wrong.take("/minutes", Minutes::new(body.minutes));
    let (Some(module), Some(level), Some(minutes)) = (module, level, minutes) else {
        return Err(wrong.into());
    };
    let mut tx = ctx.begin(access.cause()).await?;
    let set = set_level(&mut tx, &module, level, minutes).await?;
    tx.commit().await?;
    Ok(HttpResponse::Ok().json(set))
}

/// Has a module logged as configured again.
#[utoipa::path(delete, path = "/api/v1/admin/log-levels/{module}", tag = "operations",
    params(("module" = String, Path, description = "Its path in Rust.")), security(("session" = [])),
    responses((status = 204), (status = 404, description = "It has no level of its own.")))]
async fn delete_log_level(
    access: Access<Admin>,
    module: Path<String>,
    ctx: Data<Ctx>,
) -> Result<HttpResponse, Problem> {
    let module = module.parse().map_err(|_| Problem::not_found())?;
    let mut tx = ctx.begin(access.cause()).await?;
    reset_level(&mut tx, &module).await?;
    tx.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}

impl From<SetLevelError> for Problem {
    fn from(error: SetLevelError) -> Self {
        match error {
            SetLevelError::Level(error) => Fields::of("/level", error).into(),
            SetLevelError::TooMany => Self::conflict("too_many_log_levels", &error.to_string()),
            SetLevelError::NotSet => Self::not_found(),
            SetLevelError::Refused(error) => Self::internal(&error),
            SetLevelError::Database(error) => error.into(),
        }
    }
}
