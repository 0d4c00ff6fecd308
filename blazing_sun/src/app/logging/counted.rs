//! Lines of the log are counted by their level.

use prometheus::{IntCounter, IntCounterVec};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use crate::infra::measures::Measures;

/// Counts lines by their level.
pub struct Counted {
    error: IntCounter,
    warn: IntCounter,
    info: IntCounter,
    debug: IntCounter,
    trace: IntCounter,
}

impl Counted {
    /// Declares the metric.
    pub fn new(measures: &Measures) -> prometheus::Result<Self> {
        let lines: IntCounterVec = measures.counters(
            "log_lines_total",
            "Lines of the log, by level (error, warn, info, debug or trace).",
            &["level"],
        )?;
        let of = |level| lines.with_label_values(&[level]);
        Ok(Self {
            error: of("error"),
            warn: of("warn"),
            info: of("info"),
            debug: of("debug"),
            trace: of("trace"),
        })
    }
}

impl<S: Subscriber> Layer<S> for Counted {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let lines = match *event.metadata().level() {
            Level::ERROR => &self.error,
            Level::WARN => &self.warn,
            Level::INFO => &self.info,
            Level::DEBUG => &self.debug,
            Level::TRACE => &self.trace,
        };
        lines.inc();
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::filter::LevelFilter;
    use tracing_subscriber::prelude::*;

    use super::*;

    #[test]
    fn lines_are_counted_by_level_and_only_those_that_are_written() {
        let counted = Counted::new(&Measures::default()).expect("a metric");
        let (errors, infos, debugs) = (
            counted.error.clone(),
            counted.info.clone(),
            counted.debug.clone(),
        );
        let subscriber =
            tracing_subscriber::registry().with(counted.with_filter(LevelFilter::INFO));

        tracing::subscriber::with_default(subscriber, || {
            tracing::error!("one");
            tracing::info!("two");
            tracing::info!("three");
            tracing::debug!("not written");
        });

        assert_eq!((errors.get(), infos.get(), debugs.get()), (1, 2, 0));
    }
}
