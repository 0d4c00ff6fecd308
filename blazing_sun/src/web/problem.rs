//! Errors as the client sees them: `application/problem+json` of RFC 9457, and nothing about the inside.

use std::fmt::Display;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;

use crate::infra::postgres;

/// The media type of every error answer.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// One kind of problem; its `type` is part of the interface and never changes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{status} {kind}")]
pub struct Problem {
    status: StatusCode,
    kind: &'static str,
    detail: Option<String>,
    errors: Vec<FieldError>,
}

/// What is wrong with one field of a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct FieldError {
    /// A JSON pointer (RFC 6901) to the field.
    pointer: &'static str,
    /// What is wrong with it.
    detail: String,
}

/// Collects what is wrong with the fields of a body, so that all of it is told at once.
#[derive(Debug, Default)]
pub struct Fields(Vec<FieldError>);

impl Fields {
    /// The value of the field at `pointer`, or a note of what is wrong with it.
    pub fn take<T, E: Display>(&mut self, pointer: &'static str, value: Result<T, E>) -> Option<T> {
        value
            .map_err(|error| {
                self.0.push(FieldError {
                    pointer,
                    detail: error.to_string(),
                });
            })
            .ok()
    }
}

impl From<Fields> for Problem {
    fn from(fields: Fields) -> Self {
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            kind: "invalid_fields",
            detail: None,
            errors: fields.0,
        }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    errors: &'a [FieldError],
}

impl Problem {
    /// The problem that an error status stands for.
    #[must_use]
    pub fn of_status(status: StatusCode) -> Self {
        let kind = match status {
            StatusCode::NOT_FOUND => "not_found",
            StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
            StatusCode::PAYLOAD_TOO_LARGE => "payload_too_large",
            StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported_media_type",
            StatusCode::SERVICE_UNAVAILABLE => "unavailable",
            status if status.is_client_error() => "bad_request",
            _ => "internal",
        };
        Self {
            status,
            kind,
            detail: None,
            errors: Vec::new(),
        }
    }

    /// A request that is understood and cannot be followed; `detail` says what to do.
    #[must_use]
    pub fn unprocessable(kind: &'static str, detail: &str) -> Self {
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            kind,
            detail: Some(detail.to_owned()),
            errors: Vec::new(),
        }
    }

    /// A body that is not the JSON which was expected.
    #[must_use]
    pub fn malformed_json(detail: String) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            kind: "malformed_json",
            detail: Some(detail),
            errors: Vec::new(),
        }
    }

    /// A request that took too long.
    #[must_use]
    pub fn timeout() -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            kind: "timeout",
            detail: None,
            errors: Vec::new(),
        }
    }

    /// A failure of ours: the cause is logged here, once, and not sent.
    #[must_use]
    pub fn internal(cause: &dyn Display) -> Self {
        tracing::error!(error = %cause, "request failed");
        Self::of_status(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        let passing = postgres::is_passing(&error);
        let problem = Self::internal(&error);
        if passing {
            return Self::of_status(StatusCode::SERVICE_UNAVAILABLE);
        }
        problem
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status)
            .content_type(CONTENT_TYPE)
            .json(Body {
                kind: format!("/problems/{}", self.kind),
                title: self.status.canonical_reason().unwrap_or("Error"),
                status: self.status.as_u16(),
                detail: self.detail.as_deref(),
                errors: &self.errors,
            })
    }
}
