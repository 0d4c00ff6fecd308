//! What a request sets off carries its id.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};

use crate::flow::ctx::Cause;
use crate::kernel::id;
use crate::web::request_id::RequestId;

/// The trace context, kept with the request for what it sets off.
#[derive(Clone)]
pub struct Traceparent(pub String);

/// The cause that a request is.
pub(crate) fn of(request: &HttpRequest) -> Cause {
    let correlation = request
        .extensions()
        .get::<RequestId>()
        .map_or_else(|| id::new().to_string(), |id| id.0.clone());
    let traceparent = request.extensions().get::<Traceparent>().cloned();
    Cause {
        traceparent: traceparent.map(|context| context.0),
        ..Cause::new(correlation)
    }
}

impl FromRequest for Cause {
    type Error = std::convert::Infallible;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(of(request)))
    }
}
