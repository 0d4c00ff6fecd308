//! How addresses are registered: a method the address does not have is a problem that names those it has.

use actix_web::guard::{Any, Get, Guard, Head};
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::web::{resource, route, to};
use actix_web::{FromRequest, Handler, HttpResponse, Resource, Responder, ResponseError};

use crate::web::problem::Problem;

/// An address that can be read, and nothing else.
pub fn get<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    resource(path)
        .route(route().guard(reading()).to(handler))
        .default_service(to(async || not_allowed("GET, HEAD")))
}

/// An address that takes something, and nothing else.
pub fn post<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    resource(path)
        .route(actix_web::web::post().to(handler))
        .default_service(to(async || not_allowed("POST")))
}

/// The answer to a method that an address does not have.
#[must_use]
pub fn not_allowed(allowed: &'static str) -> HttpResponse {
    let mut answer = Problem::of_status(StatusCode::METHOD_NOT_ALLOWED).error_response();
    answer
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(allowed));
    answer
}

/// The answer at an address that does not exist.
pub async fn not_found() -> HttpResponse {
    Problem::of_status(StatusCode::NOT_FOUND).error_response()
}

fn reading() -> impl Guard {
    Any(Get()).or(Head())
}
