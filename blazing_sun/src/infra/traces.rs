//! Traces: what is told of a piece of work to an OTLP collector, if there is one.
//!
//! Two kinds of spans keep the log and the export apart. Those of [`LINES`] hold nothing but the ids that stand in each line
//! of the log, and are there in any case; those of [`EXPORTED`] are for the collector, and without one they do not exist.
//! Neither holds an address, a token, a query string or a body.

mod exporter;
mod statements;

use std::str::FromStr;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{Protocol, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider,
};
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;
use uuid::Uuid;

use exporter::Telling;

/// The target of the spans that give lines of the log their ids.
pub const LINES: &str = "blazing_sun.lines";
/// The target of the spans that are exported.
pub const EXPORTED: &str = "blazing_sun.exported";

/// The most spans that wait for the collector; what comes beyond them is dropped.
const QUEUE: usize = 8192;
/// The most spans that are sent together.
const BATCH: usize = 512;
/// How often what waits is sent.
const EVERY: Duration = Duration::from_secs(1);
/// How long the collector may take to answer.
const ANSWER: Duration = Duration::from_secs(3);

/// Where traces go, and how many.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The collector; without one nothing is exported.
    pub endpoint: Option<Endpoint>,
    /// The share of traces that are exported, of those that begin here.
    pub ratio: Ratio,
}

/// The address of a collector that speaks OTLP over HTTP, such as `http://jaeger:4318`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(String);

impl FromStr for Endpoint {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let rest = text
            .strip_prefix("http://")
            .or_else(|| text.strip_prefix("https://"))
            .ok_or(())?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._:[]/".contains(c);
        if rest.is_empty() || !rest.chars().all(is_plain) {
            return Err(());
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

/// A share, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio(f64);

impl FromStr for Ratio {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let share = text.parse().map_err(drop)?;
        (0.0..=1.0)
            .contains(&share)
            .then_some(Self(share))
            .ok_or(())
    }
}

impl Default for Ratio {
    fn default() -> Self {
        Self(1.0)
    }
}

/// The way to the collector.
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Begins to export, if there is a collector; it is not asked whether it is there.
    pub fn start(settings: &Settings, instance: Uuid) -> anyhow::Result<Option<Self>> {
        let Some(Endpoint(address)) = &settings.endpoint else {
            return Ok(None);
        };
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{address}/v1/traces"))
            .with_timeout(ANSWER)
            .build()?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE)
            .with_max_export_batch_size(BATCH)
            .with_scheduled_delay(EVERY)
            .build();
        let processor = BatchSpanProcessor::builder(Telling::new(exporter))
            .with_batch_config(batches)
            .build();
        let own = [
            KeyValue::new("service.name", "blazing_sun"),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", instance.to_string()),
        ];
        // Whoever began the trace has decided whether it is exported.
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.ratio.0)));
        Ok(Some(Self(
            SdkTracerProvider::builder()
                .with_span_processor(processor)
                .with_sampler(sampler)
                .with_resource(Resource::builder_empty().with_attributes(own).build())
                .build(),
        )))
    }

    /// What takes spans in: those of [`EXPORTED`], and one for each statement that is made in them.
    pub fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let tracer = self.0.tracer("blazing_sun");
        let spans = tracing_opentelemetry::layer()
            .with_tracer(tracer.clone())
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_level(false)
            .with_tracked_inactivity(false)
            .with_filter(
                tracing_subscriber::filter::Targets::new()
                    .with_target(EXPORTED, tracing::Level::INFO),
            );
        spans.and_then(statements::layer(tracer))
    }

    /// Sends what still waits, for as long as `limit`.
    pub async fn end(self, limit: Duration) {
        let flushing = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(limit));
        // The exporter has told what was not taken.
        drop(flushing.await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_named_by_a_plain_address() {
        for good in [
            "http://jaeger:4318",
            "https://example.org/a/b",
            "http://[::1]:4318/",
        ] {
            assert!(good.parse::<Endpoint>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "jaeger:4318",
            "http://",
            "http://example.org:secret@localhost",
            "http://localhost?b=c",
            "grpc://a",
        ] {
            assert!(bad.parse::<Endpoint>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_share_is_between_nothing_and_all() {
        for good in ["0", "0.25", "1"] {
            assert!(good.parse::<Ratio>().is_ok(), "{good}");
        }
        for bad in ["", "-0.1", "1.1", "NaN", "half"] {
            assert!(bad.parse::<Ratio>().is_err(), "{bad}");
        }
    }
}
