//! What surrounds every request: its id and span, its bounds, the form of its errors, its log line and its metrics.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{HttpMessage, HttpResponse, ResponseError};
use futures_util::FutureExt;
use tokio::time::timeout;
use tracing::Span;
use tracing::field::Empty;

use crate::flow::trace::{TRACEPARENT, Work};
use crate::infra::traces::EXPORTED;
use crate::web::cause::Traceparent;
use crate::web::failures::{Failure, Failures};
use crate::web::metrics::{Metrics, UNMATCHED, method_label};
use crate::web::page::Reader;
use crate::web::problem::Problem;
use crate::web::request_id::{self, RequestId};

/// What one request may ask for.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The largest body.
    pub max_body_bytes: usize,
    /// The longest time from its headers to its answer.
    pub request_timeout: Duration,
}

/// The outermost middleware; wrap the application with `from_fn(envelope)`.
pub async fn envelope(
    limits: Data<Limits>,
    metrics: Data<Metrics>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let started = Instant::now();
    let id = request_id::accept_or_create(request.headers());
    let method = request.method().clone();
    let route = request
        .match_pattern()
        .unwrap_or_else(|| UNMATCHED.to_owned());
    let work = begin(&request, &id, &method, &route);
    request.extensions_mut().insert(RequestId(id.clone()));
    let traceparent = Traceparent(work.traceparent().to_owned());
    request.extensions_mut().insert(traceparent);
    let reader = Reader::of(&request, &id);
    let failures = request.app_data::<Data<Failures>>().cloned();
    let _in_flight = metrics.enter();

    let mut kind = None;
    let outcome = work.run(handle(&limits, request, next, &mut kind)).await;

    let header = HeaderValue::from_str(&id)?;
    let (status, outcome) = match outcome {
        Ok(response) => {
            let (request, response) = response.into_parts();
            kind = kind.or_else(|| kind_of(&response));
            let mut response = as_shown(reader, response);
            response.headers_mut().insert(request_id::HEADER, header);
            let response = ServiceResponse::new(request, response);
            (response.status(), Ok(response))
        }
        Err(error) => {
            let response = error.error_response();
            kind = kind.or_else(|| kind_of(&response));
            let mut response = as_shown(reader, response);
            response.headers_mut().insert(request_id::HEADER, header);
            (
                response.status(),
                Err(InternalError::from_response(error, response).into()),
            )
        }
    };
    let took = started.elapsed();
    metrics.record(&method, &route, status, took);
    work.in_scope(|| log(method.as_str(), &route, status, took));
    let exported = work.exported();
    exported.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        exported.record("error.type", kind.unwrap_or("internal"));
        exported.record("otel.status_code", "ERROR");
    }
    // That something is away is told by health itself.
    if let Some(failures) = failures.filter(|_| status.is_server_error() && !is_asked_often(&route))
    {
        failures.note(Failure {
            method: method_label(&method).to_owned(),
            route,
            status: status.as_u16(),
            request_id: id,
            kind: kind.unwrap_or("internal"),
        });
    }
    outcome
}

/// What the request is, for the log and for the collector. Its path is not told: people write what they like into addresses.
fn begin(request: &ServiceRequest, id: &str, method: &Method, route: &str) -> Work {
    let method = method_label(method);
    let mut contexts = request.headers().get_all(TRACEPARENT);
    // Two of them are none.
    let parent = contexts.next().filter(|_| contexts.next().is_none());
    let parent = parent.and_then(|parent| parent.to_str().ok());
    if is_asked_often(route) {
        return Work::begin(id, parent, Span::none());
    }
    let exported = tracing::info_span!(
        target: EXPORTED,
        "request",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        http.request.method = method,
        http.route = route,
        url.scheme = request.connection_info().scheme(),
        request.id = id,
        http.response.status_code = Empty,
        "error.type" = Empty,
        otel.status_code = Empty,
    );
    Work::begin(id, parent, exported)
}

/// Runs the request within its bounds; whatever fails, fails as a problem. What the problem does not say is its `kind`.
async fn handle(
    limits: &Limits,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
    kind: &mut Option<&'static str>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    if declared_length(&request).is_some_and(|length| length > limits.max_body_bytes) {
        return Err(Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE).into());
    }
    let answer = AssertUnwindSafe(next.call(request)).catch_unwind();
    match timeout(limits.request_timeout, answer).await {
        Ok(Ok(Ok(response))) => Ok(as_problem(response.map_into_boxed_body())),
        Ok(Ok(Err(error))) => Err(error),
        Ok(Err(_panic)) => {
            *kind = Some("panic");
            Err(Problem::internal(&"the handler panicked").into())
        }
        Err(_elapsed) => Err(Problem::timeout().into()),
    }
}

/// The kind of problem that an answer is.
fn kind_of(answer: &HttpResponse) -> Option<&'static str> {
    answer.extensions().get().map(Problem::kind)
}

/// Gives an error that the framework itself answered, such as 405, the form of all others.
fn as_problem(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let status = response.status();
    let is_ours = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| !kind.as_bytes().starts_with(b"text/plain"));
    if is_ours || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let (request, old) = response.into_parts();
    let mut new: HttpResponse = Problem::of_status(status).error_response();
    for (name, value) in old
        .headers()
        .iter()
        .filter(|(name, _)| **name != CONTENT_TYPE)
    {
        new.headers_mut().append(name.clone(), value.clone());
    }
    ServiceResponse::new(request, new)
}

/// People see a page where programs see a problem.
fn as_shown(reader: Option<Reader>, answer: HttpResponse) -> HttpResponse {
    match reader {
        Some(reader) => reader.show(answer),
        None => answer,
    }
}

fn declared_length(request: &ServiceRequest) -> Option<usize> {
    request
        .headers()
        .get(CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// One line a request; what machines ask every few seconds is only of interest when looking closely.
fn log(method: &str, route: &str, status: StatusCode, took: Duration) {
    let status = status.as_u16();
    let milliseconds = took.as_micros() as f64 / 1000.0;
    if is_asked_often(route) {
        tracing::debug!(
            http.method = method,
            http.route = route,
            http.status = status,
            http.duration_ms = milliseconds,
            "request"
        );
    } else {
        tracing::info!(
            http.method = method,
            http.route = route,
            http.status = status,
            http.duration_ms = milliseconds,
            "request"
        );
    }
}

/// Whether machines ask it every few seconds.
fn is_asked_often(route: &str) -> bool {
    route.starts_with("/health") || route == "/metrics"
}

#[cfg(test)]
mod tests;
