//! A span for each statement. sqlx says of every statement, when it has ended, what it was and how long it took; here that
//! becomes a span of the work that asked. The statement's text has placeholders where its values are.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use opentelemetry::trace::{Span, SpanBuilder, SpanKind, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{self, Filter};
use tracing_subscriber::registry::LookupSpan;

/// Where sqlx says it.
const STATEMENTS: &str = "sqlx::query";

/// Makes spans of what sqlx says of statements.
struct Asked<T> {
    tracer: T,
}

/// Gives the spans to this tracer.
pub(super) fn layer<S, T>(tracer: T) -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    T: Tracer + Send + Sync + 'static,
{
    Asked { tracer }.with_filter(OfSampled)
}

/// What sqlx has to say only if the work that asks is exported: otherwise it would write each text for nobody.
struct OfSampled;

impl<S> Filter<S> for OfSampled {
    fn enabled(&self, metadata: &Metadata<'_>, _: &layer::Context<'_, S>) -> bool {
        metadata.target() == STATEMENTS
            && metadata.is_event()
            && Context::map_current(|context| context.span().span_context().is_sampled())
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if metadata.target() == STATEMENTS {
            Interest::sometimes()
        } else {
            Interest::never()
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::DEBUG)
    }
}

impl<S, T> Layer<S> for Asked<T>
where
    S: Subscriber,
    T: Tracer + Send + Sync + 'static,
{
    fn on_event(&self, event: &Event<'_>, _: layer::Context<'_, S>) {
        let mut statement = Statement::default();
        event.record(&mut statement);
        let text = statement.text();
        let mut attributes = vec![KeyValue::new("db.system.name", "postgresql")];
        if let Some(rows) = statement.rows {
            attributes.push(KeyValue::new("db.response.returned_rows", rows));
        }
        let name = summary(text);
        attributes.push(KeyValue::new("db.query.summary", name.clone()));
        attributes.push(KeyValue::new("db.query.text", text.to_owned()));
        let ended = opentelemetry::time::now();
        let span = SpanBuilder::from_name(name)
            .with_kind(SpanKind::Client)
            .with_start_time(ended - statement.took)
            .with_attributes(attributes);
        Context::map_current(|context| {
            self.tracer
                .build_with_context(span, context)
                .end_with_timestamp(ended);
        });
    }
}

/// What sqlx says of a statement.
#[derive(Default)]
struct Statement {
    /// The first words, or all of them if there are no more.
    words: String,
    /// All of them, if there are more.
    whole: String,
    rows: Option<i64>,
    took: Duration,
}

impl Statement {
    fn text(&self) -> &str {
        match self.whole.trim() {
            "" => &self.words,
            whole => whole,
        }
    }
}

impl Visit for Statement {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "summary" => self.words = value.to_owned(),
            "db.statement" => self.whole = value.to_owned(),
            _ => {}
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "rows_returned" {
            self.rows = i64::try_from(value).ok();
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name() == "elapsed_secs" {
            self.took = Duration::try_from_secs_f64(value).unwrap_or_default();
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

/// What a statement does and to which table, as the conventions name a span: `INSERT outbox`.
fn summary(text: &str) -> Cow<'static, str> {
    let is_end = |c: char| !(c.is_alphanumeric() || "_.".contains(c));
    let mut words = text.split_whitespace();
    let verb = words.next().unwrap_or("statement").to_uppercase();
    let verb = verb.trim_end_matches(is_end);
    let table = match verb {
        "UPDATE" => words.next(),
        "INSERT" | "DELETE" | "SELECT" => {
            let mut rest =
                words.skip_while(|word| !["INTO", "FROM", "into", "from"].contains(word));
            rest.next();
            rest.next()
        }
        _ => None,
    };
    let table = table.map(|word| word.split(is_end).next().unwrap_or_default());
    match table.filter(|table| !table.is_empty()) {
        Some(table) => format!("{verb} {table}").into(),
        None => verb.to_owned().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::summary;

    #[test]
    fn a_statement_is_named_by_what_it_does_and_to_what() {
        for (text, name) in [
            (
                "INSERT INTO outbox (id, topic) VALUES ($1, $2)",
                "INSERT outbox",
            ),
            ("UPDATE jobs SET state = 'done'", "UPDATE jobs"),
            ("SELECT id, name\n FROM users WHERE id = $1", "SELECT users"),
            ("DELETE FROM sessions WHERE id = $1", "DELETE sessions"),
            (
                "SELECT count(*) FROM (SELECT FROM outbox LIMIT 1) counted",
                "SELECT",
            ),
            ("SELECT pg_advisory_xact_lock($1)", "SELECT"),
            ("WITH held AS (SELECT FROM leases) SELECT 1", "WITH"),
            ("COMMIT", "COMMIT"),
            ("commit;", "COMMIT"),
            ("", "STATEMENT"),
        ] {
            assert_eq!(summary(text), name, "{text}");
        }
    }
}
