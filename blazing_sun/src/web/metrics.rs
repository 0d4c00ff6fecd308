//! What the application measures, in Prometheus's text format at `/metrics`.

use std::time::Duration;

use actix_web::web::Data;
use actix_web::{HttpResponse, http::Method, http::StatusCode};
use prometheus::{
    Encoder, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, TEXT_FORMAT, TextEncoder,
};

use crate::infra::measures::Measures;
use crate::infra::services::Services;
use crate::web::health::Health;
use crate::web::problem::Problem;

/// Upper bounds in seconds, from a cached answer to a request that is about to be given up.
const DURATION_BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// The label of every request that matches no route, so that scanners cannot add series.
pub const UNMATCHED: &str = "unmatched";

/// What is measured of requests and services, and everything else that `/metrics` shows.
pub struct Metrics {
    measures: Measures,
    requests: IntCounterVec,
    durations: HistogramVec,
    in_flight: IntGauge,
    dependencies: IntGaugeVec,
    pool_size: IntGauge,
    pool_idle: IntGauge,
    pool_max: IntGauge,
}

impl Metrics {
    /// Declares what is measured here, the process itself included, beside what others have declared.
    pub fn new(measures: Measures) -> prometheus::Result<Self> {
        let build = measures.gauges("build_info", "Which build this is.", &["version"])?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        #[cfg(target_os = "linux")]
        measures.process()?;
        Ok(Self {
            requests: measures.counters(
                "http_requests_total",
                "Answered requests, by the pattern of their route.",
                &["method", "route", "status"],
            )?,
            durations: measures.histograms(
                "http_request_duration_seconds",
                "Time from request to answer.",
                &["method", "route"],
                DURATION_BUCKETS,
            )?,
            in_flight: measures.gauge(
                "http_requests_in_flight",
                "Requests that are not answered yet.",
            )?,
            dependencies: measures.gauges(
                "dependency_up",
                "Whether a service did its work when it was last asked; `/metrics` asks, and waits a second at most.",
                &["dependency"],
            )?,
            pool_size: measures.gauge(
                "postgres_pool_connections",
                "Open connections to PostgreSQL.",
            )?,
            pool_idle: measures.gauge(
                "postgres_pool_idle_connections",
                "Open connections that wait for work.",
            )?,
            pool_max: measures.gauge(
                "postgres_pool_max_connections",
                "The most connections that are opened.",
            )?,
            measures,
        })
    }

    /// Counts a request as in flight until the answer is dropped.
    #[must_use]
    pub fn enter(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// Counts an answered request under its route's pattern.
    pub fn record(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        let method = method_label(method);
        self.requests
            .with_label_values(&[method, route, status.as_str()])
            .inc();
        self.durations
            .with_label_values(&[method, route])
            .observe(took.as_secs_f64());
    }

    fn render(&self) -> prometheus::Result<Vec<u8>> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.measures.gather(), &mut text)?;
        Ok(text)
    }
}

/// One request in flight; a client that hangs up ends it too.
pub struct InFlight(IntGauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// `GET /metrics`
pub async fn show(
    metrics: Data<Metrics>,
    health: Data<Health>,
    services: Data<Services>,
) -> Result<HttpResponse, Problem> {
    for (dependency, status) in health.report().await {
        metrics
            .dependencies
            .with_label_values(&[dependency.name()])
            .set(status.is_up().into());
    }
    let pool = &services.postgres;
    metrics.pool_size.set(pool.size().into());
    let max = pool.options().get_max_connections();
    metrics.pool_max.set(max.into());
    metrics
        .pool_idle
        .set(i64::try_from(pool.num_idle()).unwrap_or(i64::MAX));
    let text = metrics
        .render()
        .map_err(|error| Problem::internal(&error))?;
    Ok(HttpResponse::Ok().content_type(TEXT_FORMAT).body(text))
}

/// The method, if it is a usual one: clients may invent others.
pub(super) fn method_label(method: &Method) -> &str {
    const USUAL: [Method; 7] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    if USUAL.contains(method) {
        method.as_str()
    } else {
        "other"
    }
}
