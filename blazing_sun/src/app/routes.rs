//! Every address that answers.

use actix_web::guard::{Any, Get, Guard, Head};
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::web::{ServiceConfig, resource, route, to};
use actix_web::{FromRequest, Handler, HttpResponse, Resource, Responder, ResponseError};

use crate::web::problem::Problem;
use crate::web::{health, metrics, page};

/// Registers the addresses; what matches none of them is `not_found`.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(get("/", page::home))
        .service(get("/assets/site.css", page::stylesheet))
        .service(get("/health", health::summary))
        .service(get("/health/live", health::live))
        .service(get("/health/ready", health::ready))
        .service(get("/metrics", metrics::show))
        .default_service(to(not_found));
}

/// An address that can be read, and nothing else.
fn get<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    resource(path)
        .route(route().guard(reading()).to(handler))
        .default_service(to(only_reading))
}

fn reading() -> impl Guard {
    Any(Get()).or(Head())
}

async fn only_reading() -> HttpResponse {
    let mut answer = Problem::of_status(StatusCode::METHOD_NOT_ALLOWED).error_response();
    answer
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    answer
}

async fn not_found() -> HttpResponse {
    Problem::of_status(StatusCode::NOT_FOUND).error_response()
}
