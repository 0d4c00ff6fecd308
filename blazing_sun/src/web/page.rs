//! The HTML pages and the stylesheet they share: no script, and a policy that would stop one.

use actix_web::HttpResponse;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ContentType, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use minijinja::{Environment, context};

use crate::web::problem::Problem;

const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `GET /`
pub async fn home() -> Result<HttpResponse, Problem> {
    let page = Environment::new()
        .render_named_str(
            "home.html",
            include_str!("../../templates/web/home.html"),
            context! { name => "Blazing Sun", version => env!("CARGO_PKG_VERSION") },
        )
        .map_err(|error| Problem::internal(&error))?;
    Ok(HttpResponse::Ok()
        .content_type(ContentType::html())
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((REFERRER_POLICY, "same-origin"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(page))
}

/// `GET /assets/site.css`
pub async fn stylesheet() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/css; charset=utf-8")
        .insert_header((CACHE_CONTROL, "public, max-age=3600"))
        .body(include_str!("../../assets/site.css"))
}
