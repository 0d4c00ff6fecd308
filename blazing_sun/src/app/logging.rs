//! Logs: one line an event on standard output, and panics among them. Beside them, what a collector of traces is told.

mod counted;
mod json;

use std::time::Duration;

use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_log::LogTracer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::{Registry, fmt, registry};

use crate::app::config::{LogFormat, Logs};
use crate::infra::measures::Measures;
use crate::infra::traces::{EXPORTED, LINES, Settings, Traces};
use crate::kernel::id;

pub use counted::Counted;

/// What the collector may still take when everything else has ended.
const FLUSHING: Duration = Duration::from_secs(3);

/// The log of a process, and what it tells a collector.
pub struct Logging {
    levels: Levels,
    traces: Option<Traces>,
}

/// Which lines are written; it can be changed while the process runs.
#[derive(Clone)]
pub struct Levels {
    configured: Targets,
    handle: Handle<Targets, Registry>,
}

/// Sends everything that is logged to standard output and counts it, and traces to the collector; called once, by the binary.
pub fn start(logs: &Logs, traces: &Settings, measures: &Measures) -> anyhow::Result<Logging> {
    let (filter, handle) = reload::Layer::new(filter_of(&logs.filter, []));
    let counted = Counted::new(measures)?;
    let lines = match logs.format {
        LogFormat::Json => fmt::layer()
            .with_ansi(false)
            .fmt_fields(json::Members)
            .event_format(json::Lines)
            .boxed(),
        LogFormat::Pretty => fmt::layer().boxed(),
    };
    let traces = Traces::start(traces, id::new())?;
    let subscriber = registry()
        .with(lines.and_then(counted).with_filter(filter))
        .with(traces.as_ref().map(Traces::layer));
    tracing::subscriber::set_global_default(subscriber)?;
    // What uses the other way to log says everything: the filter judges it, now and after a change.
    LogTracer::builder()
        .with_max_level(tracing_log::log::LevelFilter::Trace)
        .init()?;
    std::panic::set_hook(Box::new(
        |panic| tracing::error!(panic.message = %panic, "a task panicked"),
    ));
    Ok(Logging {
        levels: Levels {
            configured: logs.filter.clone(),
            handle,
        },
        traces,
    })
}

impl Logging {
    /// Which lines are written.
    #[must_use]
    pub fn levels(&self) -> Levels {
        self.levels.clone()
    }

    /// Tells the collector what it was not told yet; the log goes on.
    pub async fn end(self) {
        if let Some(traces) = self.traces {
            traces.end(FLUSHING).await;
        }
    }
}

impl Levels {
    /// From now on modules are heard from these levels on, and all others as configured.
    pub fn set<'a>(&self, modules: impl IntoIterator<Item = (&'a str, Level)>) {
        let filter = filter_of(&self.configured, modules);
        // Fails when there is no log any more.
        drop(self.handle.reload(filter));
    }
}

/// What is configured, with other levels for some modules. Ids stand in each line, however few are written.
fn filter_of<'a>(
    configured: &Targets,
    modules: impl IntoIterator<Item = (&'a str, Level)>,
) -> Targets {
    let modules = modules
        .into_iter()
        .map(|(module, level)| (module.to_owned(), level));
    configured
        .clone()
        .with_targets(modules)
        .with_target(LINES, LevelFilter::ERROR)
        .with_target(EXPORTED, LevelFilter::OFF)
}

#[cfg(test)]
mod tests;
