//! What pages load besides their text.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use actix_web::web::ServiceConfig;

use crate::web::routes::get;

/// Registers the files.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(get("/assets/site.css", async || {
            file(
                "text/css; charset=utf-8",
                include_str!("../../../assets/site.css"),
            )
        }))
        .service(get("/assets/icon.svg", async || {
            file("image/svg+xml", include_str!("../../../assets/icon.svg"))
        }))
        .service(get("/assets/passkeys.js", async || {
            file(
                "text/javascript; charset=utf-8",
                include_str!("../../../assets/passkeys.js"),
            )
        }));
}

fn file(kind: &'static str, text: &'static str) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(kind)
        .insert_header((CACHE_CONTROL, "public, max-age=3600"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(text)
}
