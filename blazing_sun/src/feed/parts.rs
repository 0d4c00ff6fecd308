//! What the application registers of the feed.

use actix_web::web::{Data, ServiceConfig};
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;

use crate::feed::api;
use crate::feed::reader::Feed;

/// Registers what handlers reach, and every address.
pub fn configure(routes: &mut ServiceConfig, feed: &Feed) {
    routes
        .app_data(Data::new(feed.clone()))
        .configure(api::configure);
}

/// What the feed says of its interface.
#[must_use]
pub fn document() -> Vec<OpenApi> {
    vec![api::Api::openapi()]
}
