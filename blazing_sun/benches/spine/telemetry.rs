//! What it costs to be seen: the same requests while the application tells nothing, is asked for its metrics, writes its log,
//! and sends every trace.
//!
//! Metrics have no switch. Whether somebody asks for them is measured like the rest; recording them is measured alone, and
//! told as a share of a core at the rate that was reached.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, Bytes, Data, PayloadConfig};
use actix_web::{App, HttpResponse, HttpServer};
use anyhow::ensure;
use blazing_sun::infra::measures::Measures;
use blazing_sun::web::metrics::Metrics;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::http::once;
use crate::report::{Report, Series};
use crate::rounds::Sizes;
use crate::sign_up::CHEAP;
use crate::world::World;
use crate::{create, sign_up};

/// How often metrics are asked for: fifteen times as often as Prometheus does.
const SCRAPED: Duration = Duration::from_secs(1);
/// Only the line that tells where it listens, which the bench waits for.
const NOTHING: &str = "off,blazing_sun::app::application=info";
/// Requests that are recorded to see how long that takes.
const RECORDED: u32 = 1_000_000;

/// What a run of the application tells.
pub struct Telling {
    /// Settings of the log and the traces.
    pub environment: Vec<(&'static str, String)>,
    /// Whether its metrics are asked for.
    pub scraped: bool,
}

impl Telling {
    /// Nothing.
    fn nothing() -> Self {
        Self {
            environment: vec![("RUST_LOG", NOTHING.to_owned())],
            scraped: false,
        }
    }

    /// The log of production.
    pub fn log() -> Self {
        Self {
            environment: vec![("RUST_LOG", "info".to_owned())],
            scraped: false,
        }
    }

    /// The log, and all traces to a collector.
    fn traces(collector: &Collector) -> Self {
        let mut telling = Self::log();
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.address.clone());
        telling.environment.push(endpoint);
        telling
            .environment
            .push(("TRACE_SAMPLE_RATIO", "1".to_owned()));
        telling
    }

    /// Asks for metrics, if it is told to, until it is dropped.
    pub fn scraper(&self, address: &str) -> JoinSet<()> {
        let (mut scraper, address) = (JoinSet::new(), address.to_owned());
        if self.scraped {
            scraper.spawn(async move {
                while once(&address, "GET", "/metrics", "", "").await.is_ok() {
                    sleep(SCRAPED).await;
                }
            });
        }
        scraper
    }
}

/// Measures each way of telling in turn.
pub async fn measure(world: &World, sizes: &Sizes, report: &mut Report) -> anyhow::Result<()> {
    eprintln!("telemetry");
    let collector = Collector::start()?;
    let tellings = [
        ("nothing is told", Telling::nothing()),
        (
            "metrics are asked for",
            Telling {
                scraped: true,
                ..Telling::nothing()
            },
        ),
        ("the log", Telling::log()),
        ("the log and all traces", Telling::traces(&collector)),
    ];
    let series = |what: &str| {
        tellings
            .each_ref()
            .map(|(how, _)| Series::new(format!("{what}, {how}"), "requests/s"))
    };
    let (mut creates, mut sign_ups) = (series("create-transaction"), series("sign-up"));
    let pool = world.config.services.postgres.pool();
    for _ in 0..sizes.rounds {
        for ((_, telling), series) in tellings.iter().zip(&mut creates) {
            let (rate, _) = create::ask(world, &pool, None, telling, sizes.seconds).await?;
            series.push(rate);
        }
        for ((_, telling), series) in tellings.iter().zip(&mut sign_ups) {
            let run = sign_up::ask(world, &CHEAP, None, telling, sizes.seconds).await?;
            series.push(run.rate);
        }
    }
    pool.close().await;
    let batches = collector.end().await;
    ensure!(batches > 0, "no traces came");
    for [nothing, metrics, log, traces] in [&creates, &sign_ups] {
        report.figure(nothing);
        report.compare(metrics, &[nothing]);
        report.compare(log, &[nothing]);
        report.compare(traces, &[log, nothing]);
    }
    let took = record()?;
    report.note(format!(
        "Recording a request in the metrics of HTTP takes {:.2} µs: at 1,000 requests a second {:.2} % of a core. The collector, \
         which took {batches} batches of traces, ran on the same processors.",
        took * 1e6,
        took * 1e5,
    ));
    Ok(())
}

/// Seconds that it takes to record a request.
fn record() -> anyhow::Result<f64> {
    let metrics = Metrics::new(Measures::default())?;
    let began = Instant::now();
    for _ in 0..RECORDED {
        let in_flight = metrics.enter();
        metrics.record(
            &Method::POST,
            "/api/v1/transactions",
            StatusCode::CREATED,
            Duration::from_millis(7),
        );
        drop(in_flight);
    }
    Ok(began.elapsed().as_secs_f64() / f64::from(RECORDED))
}

/// Takes traces and counts how often they come.
struct Collector {
    address: String,
    batches: Arc<AtomicU64>,
    server: ServerHandle,
}

impl Collector {
    fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = format!("http://{}", listener.local_addr()?);
        let batches = Arc::new(AtomicU64::new(0));
        let counted = Data::from(Arc::clone(&batches));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(counted.clone())
                .app_data(PayloadConfig::new(16 << 20))
                .route("/v1/traces", web::post().to(take))
        })
        .workers(1)
        .disable_signals()
        .listen(listener)?
        .run();
        let handle = server.handle();
        drop(tokio::spawn(server));
        Ok(Self {
            address,
            batches,
            server: handle,
        })
    }

    /// Ends it; how many batches came.
    async fn end(self) -> u64 {
        self.server.stop(false).await;
        self.batches.load(Ordering::Relaxed)
    }
}

async fn take(_body: Bytes, batches: Data<AtomicU64>) -> HttpResponse {
    batches.fetch_add(1, Ordering::Relaxed);
    HttpResponse::Ok().finish()
}
