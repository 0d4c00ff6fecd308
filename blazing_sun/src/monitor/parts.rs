//! What the application registers of the monitor.

use actix_web::web::ServiceConfig;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;

use crate::monitor::log_levels::api;

/// Registers every address.
pub fn configure(routes: &mut ServiceConfig) {
    routes.configure(api::configure);
}

/// What the monitor says of its interface.
#[must_use]
pub fn document() -> Vec<OpenApi> {
    vec![api::Api::openapi()]
}
