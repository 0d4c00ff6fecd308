//! The files of `docs/events`, made from the catalogue: tables for people, schemas and the AsyncAPI document for tools.

use std::collections::BTreeMap;
use std::fmt::Write;

use schemars::{Schema, schema_for};
use serde_json::Value;

use crate::flow::asyncapi;
use crate::flow::catalogue::{Catalogue, EventType};
use crate::flow::job::Ticket;
use crate::infra::rabbitmq::JOBS;

/// What makes the files again, typed in the application's folder.
pub const COMMAND: &str = "cargo run -- events docs ../docs/events";

/// Every file: its path below the folder, with `/`, and its text. The same catalogue gives the same bytes.
#[must_use]
pub fn pages(catalogue: &Catalogue) -> BTreeMap<String, String> {
    let mut pages = BTreeMap::from([
        ("README.md".to_owned(), readme(catalogue)),
        (
            "asyncapi.json".to_owned(),
            pretty(&asyncapi::document(catalogue)),
        ),
        (
            "envelope.schema.json".to_owned(),
            schema("envelope", asyncapi::envelope()),
        ),
        (
            "ticket.schema.json".to_owned(),
            schema("ticket", schema_for!(Ticket)),
        ),
    ]);
    for event in catalogue.events() {
        let page = schema(event.kind, event.schema.clone());
        pages.insert(format!("{}.schema.json", event.kind), page);
    }
    for job in catalogue.jobs() {
        let page = schema(job.name, job.schema.clone());
        pages.insert(format!("jobs/{}.schema.json", job.name), page);
    }
    pages
}

/// A schema under its frozen name: what a Rust type is called is nobody's business.
fn schema(name: &str, mut schema: Schema) -> String {
    schema.insert("title".to_owned(), name.into());
    let mut value = schema.to_value();
    value.sort_all_objects();
    pretty(&value)
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn readme(catalogue: &Catalogue) -> String {
    let events = catalogue.events().map(|event| {
        [
            format!("[{0}]({0}.schema.json)", event.kind),
            code(event.topic.name()),
            event.summary.to_owned(),
            consumers_of(catalogue, event),
        ]
    });
    let consumers = catalogue.reactions().iter().map(|reaction| {
        let topics = reaction.topics().iter().map(|topic| code(topic.name()));
        [
            code(reaction.consumer()),
            topics.collect::<Vec<_>>().join(", "),
            reaction.summary().to_owned(),
        ]
    });
    let jobs = catalogue.jobs().map(|job| {
        [
            format!("[{0}](jobs/{0}.schema.json)", job.name),
            job.priority.to_string(),
            job.max_attempts.to_string(),
            format!("{} s", job.timeout.as_secs()),
            job.summary.to_owned(),
        ]
    });
    format!(
        "# Events and jobs

Made from the code; a test fails where the two differ. Again, in `blazing_sun/`: `{COMMAND}`.
How they travel: [messaging](../messaging.md). For tools: [asyncapi.json](asyncapi.json).

## Events

A record's value is a CloudEvent 1.0 in structured JSON, with this [envelope](envelope.schema.json); its `data` has the schema
of its type. Its key is the `subject`, the aggregate's id: the events of one aggregate come in order. Each comes at least once:
remember the `id`. Pass over fields that you do not know: a type only ever gets optional ones, anything else is a new type.

{}
## Consumers

{}
## Jobs

The queue `{JOBS}` carries a [ticket](ticket.schema.json); the payload waits in PostgreSQL. From 10 to 0, a higher priority
goes first.

{}",
        table(["Type", "Topic", "What it says", "Consumers"], events),
        table(["Consumer", "Topics", "What it does"], consumers),
        table(["Job", "Priority", "Attempts", "Time for one", "What it does"], jobs),
    )
}

fn consumers_of(catalogue: &Catalogue, event: &EventType) -> String {
    let names: Vec<String> = catalogue
        .reactions()
        .iter()
        .filter(|reaction| asyncapi::takes(reaction.as_ref(), event))
        .map(|reaction| code(reaction.consumer()))
        .collect();
    if names.is_empty() {
        "-".to_owned()
    } else {
        names.join(", ")
    }
}

fn code(name: &str) -> String {
    format!("`{name}`")
}

fn table<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut table = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(N));
    for row in rows {
        // A bar would end the cell.
        let row = row.map(|cell| cell.replace('|', "\\|"));
        let _ = writeln!(table, "| {} |", row.join(" | "));
    }
    table
}
