//! What a request sets off carries its id.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};

use crate::flow::ctx::Cause;
use crate::kernel::id;
use crate::web::request_id::RequestId;

impl FromRequest for Cause {
    type Error = std::convert::Infallible;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let correlation = request
            .extensions()
            .get::<RequestId>()
            .map_or_else(|| id::new().to_string(), |id| id.0.clone());
        ready(Ok(Self::new(correlation)))
    }
}
