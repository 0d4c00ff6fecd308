//! A line for machines: one JSON object with the fields of the event, and the ids of the request that it belongs to.

use std::fmt::{self, Debug};

use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_log::NormalizeEvent;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// What the other way to log says of itself, which stands in the line already.
const OF_LOG: [&str; 4] = ["log.target", "log.module_path", "log.file", "log.line"];

/// Writes lines.
pub(super) struct Lines;

impl<S> FormatEvent<S, Members> for Lines
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, Members>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let normalized = event.normalized_metadata();
        let metadata = normalized.as_ref().unwrap_or_else(|| event.metadata());
        writer.write_str("{\"timestamp\":\"")?;
        SystemTime.format_time(&mut writer)?;
        write!(writer, "\",\"level\":\"{}\"", metadata.level())?;
        context.format_fields(writer.by_ref(), event)?;
        if let Some(span) = context.lookup_current() {
            let extensions = span.extensions();
            if let Some(ids) = extensions.get::<FormattedFields<Members>>() {
                writer.write_str(&ids.fields)?;
            }
        }
        let target = Value::from(metadata.target());
        writeln!(writer, ",\"target\":{target}}}")
    }
}

/// Writes fields as members of an object, each with a comma before it.
pub(super) struct Members;

impl<'writer> FormatFields<'writer> for Members {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut members = Writing {
            writer,
            written: Ok(()),
        };
        fields.record(&mut members);
        members.written
    }
}

struct Writing<'writer> {
    writer: Writer<'writer>,
    written: fmt::Result,
}

impl Writing<'_> {
    fn member(&mut self, field: &Field, value: impl Into<Value>) {
        if self.written.is_ok() && !OF_LOG.contains(&field.name()) {
            let name = Value::from(field.name());
            self.written = write!(self.writer, ",{name}:{}", value.into());
        }
    }
}

impl Visit for Writing<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.member(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.member(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.member(field, format!("{value:?}"));
    }
}
