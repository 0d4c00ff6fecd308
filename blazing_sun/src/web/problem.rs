//! Errors as the client sees them: `application/problem+json` of RFC 9457, and nothing about the inside.

use std::borrow::Cow;
use std::fmt::Display;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
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
    retry_after: Option<Duration>,
}

/// What is wrong with one field of a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// A JSON pointer (RFC 6901) to the field.
    pub pointer: Cow<'static, str>,
    /// What is wrong with it.
    pub detail: String,
}

/// Collects what is wrong with the fields of a body, so that all of it is told at once.
#[derive(Debug, Default)]
pub struct Fields(Vec<FieldError>);

impl Fields {
    /// One field is wrong.
    #[must_use]
    pub fn of(pointer: impl Into<Cow<'static, str>>, detail: impl Display) -> Self {
        let mut fields = Self::default();
        fields.refuse(pointer, detail);
        fields
    }

    /// The value of the field at `pointer`, or a note of what is wrong with it.
    pub fn take<T, E: Display>(
        &mut self,
        pointer: impl Into<Cow<'static, str>>,
        value: Result<T, E>,
    ) -> Option<T> {
        value.map_err(|error| self.refuse(pointer, error)).ok()
    }

    /// Notes what is wrong with the field at `pointer`.
    pub fn refuse(&mut self, pointer: impl Into<Cow<'static, str>>, detail: impl Display) {
        self.0.push(FieldError {
            pointer: pointer.into(),
            detail: detail.to_string(),
        });
    }

    /// Whether nothing is wrong so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Fields> for Problem {
    fn from(fields: Fields) -> Self {
        Self {
            errors: fields.0,
            ..Self::of(StatusCode::UNPROCESSABLE_ENTITY, "invalid_fields")
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
    const fn of(status: StatusCode, kind: &'static str) -> Self {
        Self {
            status,
            kind,
            detail: None,
            errors: Vec::new(),
            retry_after: None,
        }
    }

    /// A problem of its own kind; `detail` says what to do.
    #[must_use]
    pub fn new(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..Self::of(status, kind)
        }
    }

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
        Self::of(status, kind)
    }

    /// A request that is understood and cannot be followed; `detail` says what to do.
    #[must_use]
    pub fn unprocessable(kind: &'static str, detail: &str) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, kind, detail)
    }

    /// There is no such thing, or it is somebody else's: nobody is told which.
    #[must_use]
    pub fn not_found() -> Self {
        Self::of_status(StatusCode::NOT_FOUND)
    }

    /// It contradicts what is there; `detail` says what to do.
    #[must_use]
    pub fn conflict(kind: &'static str, detail: &str) -> Self {
        Self::new(StatusCode::CONFLICT, kind, detail)
    }

    /// Who asks is not known; `detail` says how to be.
    #[must_use]
    pub fn unauthorized(kind: &'static str, detail: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, kind, detail)
    }

    /// Who asks is known and may not; `detail` says what is missing.
    #[must_use]
    pub fn forbidden(kind: &'static str, detail: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, kind, detail)
    }

    /// Too often; it may be tried again after a while.
    #[must_use]
    pub fn too_many(retry_after: Duration) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_requests",
                format!(
                    "Too many attempts. Try again in {} s.",
                    whole_seconds(retry_after)
                ),
            )
        }
    }

    /// Too much to do at the moment; the same may be tried again after a while.
    #[must_use]
    pub fn busy(retry_after: Duration) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::of_status(StatusCode::SERVICE_UNAVAILABLE)
        }
    }

    /// A body that is not the JSON which was expected.
    #[must_use]
    pub fn malformed_json(detail: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed_json", detail)
    }

    /// A request that took too long.
    #[must_use]
    pub fn timeout() -> Self {
        Self::of(StatusCode::SERVICE_UNAVAILABLE, "timeout")
    }

    /// A failure of ours: the cause is logged here, once, and not sent.
    #[must_use]
    pub fn internal(cause: &dyn Display) -> Self {
        tracing::error!(error = %cause, "request failed");
        Self::of_status(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The end of its `type`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// What to do, for pages that tell it themselves.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// What is wrong with which field, for pages that tell it themselves.
    #[must_use]
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }
}

/// Never less than the client has to wait.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
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
        let mut answer = HttpResponse::build(self.status);
        answer
            .content_type(CONTENT_TYPE)
            .insert_header((CACHE_CONTROL, "no-store"));
        if self.status == StatusCode::UNAUTHORIZED {
            answer.insert_header((WWW_AUTHENTICATE, "Bearer"));
        }
        if let Some(time) = self.retry_after {
            answer.insert_header((RETRY_AFTER, whole_seconds(time)));
        }
        // For whoever gives it another form.
        answer.extensions_mut().insert(self.clone());
        answer.json(Body {
            kind: format!("/problems/{}", self.kind),
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: self.detail.as_deref(),
            errors: &self.errors,
        })
    }
}
