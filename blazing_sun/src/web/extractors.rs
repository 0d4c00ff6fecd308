//! How handlers get a request's body: bounded, and refused with a problem.

use actix_web::error::JsonPayloadError;
use actix_web::http::StatusCode;
use actix_web::web::{JsonConfig, PayloadConfig, ServiceConfig};

use crate::web::problem::Problem;

/// Registers the extractors' bounds and refusals.
pub fn configure(routes: &mut ServiceConfig, max_body_bytes: usize) {
    let json = JsonConfig::default()
        .limit(max_body_bytes)
        .error_handler(|error, _| refusal(&error).into());
    routes
        .app_data(json)
        .app_data(PayloadConfig::new(max_body_bytes));
}

fn refusal(error: &JsonPayloadError) -> Problem {
    match error {
        JsonPayloadError::Overflow { .. } | JsonPayloadError::OverflowKnownLength { .. } => {
            Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE)
        }
        JsonPayloadError::ContentType => Problem::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE),
        JsonPayloadError::Deserialize(cause) => Problem::malformed_json(cause.to_string()),
        _ => Problem::of_status(StatusCode::BAD_REQUEST),
    }
}
