//! Health: whether the process lives, whether it is ready, and what it depends on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CacheControl, CacheDirective};
use actix_web::web::Data;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tracing::Instrument;

use crate::infra::services::{Dependency, Services};
use crate::kernel::clock::Clock;

/// How long an answer of the services is good for, so that nobody can use `/health` to load them.
const FRESH: TimeDelta = TimeDelta::seconds(1);

/// How a service does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It does its work.
    Up,
    /// It does not, and the application goes on without it.
    Degraded,
    /// It does not, and the application cannot go on without it.
    Down,
}

impl Status {
    /// Whether the service does its work.
    #[must_use]
    pub fn is_up(self) -> bool {
        self == Self::Up
    }
}

/// Every service and how it does.
pub type Report = Vec<(Dependency, Status)>;

/// The health of this process: what it last heard from its services, and whether it is about to end.
pub struct Health {
    services: Arc<Services>,
    clock: Arc<dyn Clock>,
    started_at: DateTime<Utc>,
    draining: AtomicBool,
    /// The runtime that outlives the HTTP workers: a connection opened in a worker's own would die with it.
    runtime: Handle,
    latest: Arc<Mutex<Option<Heard>>>,
}

/// What the services answered, and when.
struct Heard {
    at: DateTime<Utc>,
    report: Report,
}

#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    dependencies: BTreeMap<&'static str, Status>,
}

#[derive(Serialize)]
struct Summary {
    name: &'static str,
    version: &'static str,
    started_at: DateTime<Utc>,
    uptime_seconds: i64,
    #[serde(flatten)]
    readiness: Readiness,
}

impl Heard {
    /// A clock that was set back does not keep an old answer alive.
    fn is_fresh(&self, now: DateTime<Utc>) -> bool {
        (TimeDelta::zero()..FRESH).contains(&(now - self.at))
    }
}

impl Health {
    /// The health of a process that starts now; called inside the main runtime.
    #[must_use]
    pub fn new(services: Arc<Services>, clock: Arc<dyn Clock>) -> Self {
        let started_at = clock.now();
        Self {
            services,
            clock,
            started_at,
            draining: AtomicBool::new(false),
            runtime: Handle::current(),
            latest: Arc::default(),
        }
    }

    /// From now on the process is not ready: it is about to end.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// How every service does: asked now, or less than a second ago, by one caller for all.
    pub async fn report(&self) -> Report {
        let (services, clock, latest) = (
            Arc::clone(&self.services),
            Arc::clone(&self.clock),
            Arc::clone(&self.latest),
        );
        let asking = async move {
            let mut latest = latest.lock().await;
            match latest.take_if(|heard| !heard.is_fresh(clock.now())) {
                None if latest.is_some() => {}
                previous => {
                    let report = ask(&services, previous.map(|heard| heard.report)).await;
                    *latest = Some(Heard {
                        at: clock.now(),
                        report,
                    });
                }
            }
            latest.as_ref().map(|heard| heard.report.clone())
        };
        // In a task of its own: were it cancelled with its request, clients that hang up could start one each.
        let heard = self.runtime.spawn(asking.in_current_span()).await;
        heard
            .ok()
            .flatten()
            .unwrap_or_else(|| unknown(&self.services))
    }

    async fn readiness(&self) -> (StatusCode, Readiness) {
        let report = self.report().await;
        let (code, status) = if self.draining.load(Ordering::Relaxed) {
            (StatusCode::SERVICE_UNAVAILABLE, "draining")
        } else if report.iter().any(|(_, status)| *status == Status::Down) {
            (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
        } else {
            (StatusCode::OK, "ready")
        };
        let dependencies = report
            .into_iter()
            .map(|(dependency, status)| (dependency.name(), status))
            .collect();
        (
            code,
            Readiness {
                status,
                dependencies,
            },
        )
    }
}

/// `GET /health/live`: the process runs; nothing else is asked.
pub async fn live() -> HttpResponse {
    answer(StatusCode::OK, &serde_json::json!({ "status": "live" }))
}

/// `GET /health/ready`: whether requests should come here.
pub async fn ready(health: Data<Health>) -> HttpResponse {
    let (code, readiness) = health.readiness().await;
    answer(code, &readiness)
}

/// `GET /health`: everything at a glance.
pub async fn summary(health: Data<Health>) -> HttpResponse {
    let (code, readiness) = health.readiness().await;
    let summary = Summary {
        name: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        started_at: health.started_at,
        uptime_seconds: (health.clock.now() - health.started_at).num_seconds(),
        readiness,
    };
    answer(code, &summary)
}

fn answer(code: StatusCode, body: &impl Serialize) -> HttpResponse {
    HttpResponse::build(code)
        .insert_header((CACHE_CONTROL, CacheControl(vec![CacheDirective::NoStore])))
        .json(body)
}

async fn ask(services: &Services, previous: Option<Report>) -> Report {
    let answers = services
        .dependencies()
        .into_iter()
        .map(|dependency| async move {
            let answer = services.check(dependency).await;
            (
                dependency,
                status_of(dependency, answer.is_ok()),
                answer.err(),
            )
        });
    let mut report = Report::new();
    for (index, (dependency, status, error)) in join_all(answers).await.into_iter().enumerate() {
        let before = previous
            .as_ref()
            .map_or(Status::Up, |previous| previous[index].1);
        log_change(dependency, before, status, error);
        report.push((dependency, status));
    }
    report
}

/// What is assumed as long as nothing was heard.
fn unknown(services: &Services) -> Report {
    let unknown = |dependency| (dependency, status_of(dependency, false));
    services.dependencies().into_iter().map(unknown).collect()
}

fn status_of(dependency: Dependency, works: bool) -> Status {
    match (dependency, works) {
        (_, true) => Status::Up,
        (Dependency::Postgres, false) => Status::Down,
        (_, false) => Status::Degraded,
    }
}

/// One line when a service goes or comes back, instead of one for every question.
fn log_change(
    dependency: Dependency,
    before: Status,
    status: Status,
    error: Option<anyhow::Error>,
) {
    let name = dependency.name();
    match error {
        _ if status == before => {}
        Some(error) => tracing::warn!(
            dependency.name = name,
            error = format!("{error:#}"),
            "dependency is away"
        ),
        None => tracing::info!(dependency.name = name, "dependency is back"),
    }
}
