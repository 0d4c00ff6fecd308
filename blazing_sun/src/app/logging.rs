//! Logs: one line an event on standard output, and panics among them.

use tracing_subscriber::prelude::*;
use tracing_subscriber::{fmt, registry};

use crate::app::config::{LogFormat, Logs};

/// Sends everything that is logged to standard output; called once, by the binary.
pub fn start(logs: &Logs) {
    let lines = match logs.format {
        LogFormat::Json => fmt::layer()
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .boxed(),
        LogFormat::Pretty => fmt::layer().boxed(),
    };
    registry().with(lines).with(logs.filter.clone()).init();
    std::panic::set_hook(Box::new(
        |panic| tracing::error!(panic.message = %panic, "a task panicked"),
    ));
}
