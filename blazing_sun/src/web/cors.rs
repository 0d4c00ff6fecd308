//! Pages of other sites may use the interface if their site is listed, and only with a token: no cookie goes along.

use actix_cors::Cors;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{
    ACCEPT, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, AUTHORIZATION,
    CONTENT_TYPE, ETAG, IF_MATCH, LOCATION, RETRY_AFTER,
};
use actix_web::middleware::{Condition, Next};

use crate::web::{idempotency, request_id};

/// How long a browser remembers the answer, in seconds.
const MAX_AGE: usize = 3600;

/// The middleware for these sites; with none it adds nothing to any answer.
#[must_use]
pub fn listed(origins: &[String]) -> Condition<Cors> {
    let cors = Cors::default()
        .allowed_methods([
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        .allowed_headers([
            ACCEPT,
            AUTHORIZATION,
            CONTENT_TYPE,
            IF_MATCH,
            idempotency::HEADER,
        ])
        .expose_headers([
            ETAG,
            LOCATION,
            RETRY_AFTER,
            request_id::HEADER,
            idempotency::REPLAYED,
        ])
        .block_on_origin_mismatch(false)
        .max_age(MAX_AGE);
    let cors = origins
        .iter()
        .fold(cors, |cors, origin| cors.allowed_origin(origin));
    Condition::new(!origins.is_empty(), cors)
}

/// The middleware around it: takes back what it says to sites that are not listed, which is nothing they could use.
pub async fn nothing_for_others(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let mut answer = next.call(request).await?;
    let headers = answer.headers_mut();
    if !headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
        headers.remove(ACCESS_CONTROL_EXPOSE_HEADERS);
    }
    Ok(answer)
}
