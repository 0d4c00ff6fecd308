//! How handlers get a request's body: bounded, and refused with a problem.

use std::fmt::Display;

use actix_web::error::{JsonPayloadError, UrlencodedError};
use actix_web::http::StatusCode;
use actix_web::web::{
    FormConfig, JsonConfig, PathConfig, PayloadConfig, QueryConfig, ServiceConfig,
};

use crate::web::problem::Problem;

/// Registers the extractors' bounds and refusals.
pub fn configure(routes: &mut ServiceConfig, max_body_bytes: usize) {
    let json = JsonConfig::default()
        .limit(max_body_bytes)
        .error_handler(|error, _| refusal(&error).into());
    let form = FormConfig::default()
        .limit(max_body_bytes)
        .error_handler(|error, _| refusal_of_form(&error).into());
    let query =
        QueryConfig::default().error_handler(|error, _| bad_request("bad_query", &error).into());
    let path = PathConfig::default().error_handler(|_, _| Problem::not_found().into());
    routes
        .app_data(json)
        .app_data(form)
        .app_data(query)
        .app_data(path)
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

fn refusal_of_form(error: &UrlencodedError) -> Problem {
    match error {
        UrlencodedError::Overflow { .. } => Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE),
        UrlencodedError::ContentType => Problem::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE),
        other => bad_request("malformed_form", other),
    }
}

fn bad_request(kind: &'static str, error: &impl Display) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, kind, error.to_string())
}
