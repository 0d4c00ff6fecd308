//! The trace that a piece of work belongs to: what somebody's request sets off, in whichever process, has one id, which stands
//! in each line of the log and, if there is a collector, in each exported span.
//!
//! The context travels as a W3C `traceparent`: in the request's header, in the row of a job, in the envelope of an event.
//! Without a collector it travels all the same, so that the lines of one request can be found in all logs.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::{Instrument, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::flow::ctx::Cause;
use crate::infra::traces::LINES;
use crate::kernel::id;

/// The header, and the name of the field in an envelope.
pub const TRACEPARENT: &str = "traceparent";

/// How much of a request id stands in a line, in characters: it may come from anywhere.
const ID_LENGTH: usize = 64;

/// A piece of work that was set off by a request, perhaps in another process.
pub struct Work {
    lines: Span,
    exported: Span,
    traceparent: String,
}

impl Work {
    /// Begins it under the id of the request, within the trace of `parent`; without one, or with one that cannot be read, it
    /// begins a trace. `exported` is what the collector is told of it.
    #[must_use]
    pub fn begin(request_id: &str, parent: Option<&str>, exported: Span) -> Self {
        let parent = parent.and_then(read);
        let around = match &parent {
            Some(parent) => Context::new().with_remote_span_context(parent.clone()),
            None => Context::new(),
        };
        adopt(&exported, around);
        let own = exported.context().span().span_context().clone();
        let own = match parent {
            _ if own.is_valid() => own,
            Some(parent) => parent,
            None => untold(),
        };
        Self {
            lines: lines(request_id, &own),
            exported,
            traceparent: write(&own),
        }
    }

    /// Does it.
    pub async fn run<F: Future>(&self, work: F) -> F::Output {
        work.instrument(self.exported.clone())
            .instrument(self.lines.clone())
            .await
    }

    /// Does something short of it, such as writing a line.
    pub fn in_scope<T>(&self, work: impl FnOnce() -> T) -> T {
        self.lines.in_scope(|| self.exported.in_scope(work))
    }

    /// What the collector is told of it.
    #[must_use]
    pub fn exported(&self) -> &Span {
        &self.exported
    }

    /// The context for what it sets off.
    #[must_use]
    pub fn traceparent(&self) -> &str {
        &self.traceparent
    }
}

/// What gives lines the ids of a piece of work that has ended.
#[must_use]
pub fn lines_of(cause: &Cause) -> Span {
    let context = cause.traceparent.as_deref().and_then(read);
    lines(&cause.correlation, &context.unwrap_or_else(untold))
}

fn lines(request_id: &str, context: &SpanContext) -> Span {
    tracing::error_span!(
        target: LINES,
        "work",
        request_id = shortened(request_id),
        trace_id = %context.trace_id(),
    )
}

/// The context for what follows from a span; none if it is not exported.
#[must_use]
pub fn of(span: &Span) -> Option<String> {
    let context = span.context();
    let own = context.span().span_context().clone();
    own.is_valid().then(|| write(&own))
}

/// Puts a span into the trace that a row or an envelope names. `false`: it names none.
pub fn continue_in(span: &Span, traceparent: Option<&str>) -> bool {
    let parent = traceparent.and_then(read);
    if let Some(parent) = &parent {
        adopt(
            span,
            Context::new().with_remote_span_context(parent.clone()),
        );
    }
    parent.is_some()
}

fn adopt(span: &Span, parent: Context) {
    // Fails if nothing is exported, which is no failure.
    drop(span.set_parent(parent));
}

/// A trace that nobody is told of.
fn untold() -> SpanContext {
    let (trace, span) = (id::new().into_bytes(), id::new().into_bytes());
    let mut last = [0; 8];
    last.copy_from_slice(&span[8..]);
    SpanContext::new(
        TraceId::from_bytes(trace),
        SpanId::from_bytes(last),
        TraceFlags::default(),
        false,
        TraceState::NONE,
    )
}

/// Reads what the W3C says: version, trace, span and flags in hexadecimal digits, and perhaps more in a version to come.
fn read(traceparent: &str) -> Option<SpanContext> {
    let mut parts = traceparent.split('-');
    let mut digits = |count: usize| {
        let is_digit = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
        let part = parts.next()?;
        (part.len() == count && part.bytes().all(is_digit)).then_some(part)
    };
    let (version, trace, span, flags) = (digits(2)?, digits(32)?, digits(16)?, digits(2)?);
    if version == "ff" || (version == "00" && parts.next().is_some()) {
        return None;
    }
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED,
        true,
        TraceState::NONE,
    );
    context.is_valid().then_some(context)
}

fn write(context: &SpanContext) -> String {
    format!(
        "00-{}-{}-{:02x}",
        context.trace_id(),
        context.span_id(),
        context.trace_flags(),
    )
}

fn shortened(request_id: &str) -> &str {
    match request_id.char_indices().nth(ID_LENGTH) {
        Some((end, _)) => &request_id[..end],
        None => request_id,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn without_a_collector_a_context_is_handed_on_as_it_came() {
        let work = Work::begin("request", Some(GIVEN), Span::none());

        assert_eq!(work.traceparent(), GIVEN);
    }

    #[test]
    fn what_cannot_be_read_begins_a_trace_that_nobody_is_told_of() {
        for bad in [
            "",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473+-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            let work = Work::begin("request", Some(bad), Span::none());
            let other = Work::begin("request", Some(bad), Span::none());

            assert_ne!(work.traceparent(), bad);
            assert!(work.traceparent().ends_with("-00"));
            assert!(read(work.traceparent()).is_some());
            assert_ne!(work.traceparent(), other.traceparent());
        }
    }

    #[test]
    fn of_a_version_to_come_is_read_what_is_known() {
        let coming = format!("cc{}f-what-comes", &GIVEN[2..GIVEN.len() - 1]);

        let work = Work::begin("request", Some(&coming), Span::none());

        assert_eq!(work.traceparent(), GIVEN);
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd_to_be_refused(text in ".*") {
            let work = Work::begin(&text, Some(&text), Span::none());
            prop_assert!(read(work.traceparent()).is_some());
        }
    }
}
