//! The contracts as an AsyncAPI 3 document, made from the catalogue: what is said where, by which name, in which form.

use std::collections::BTreeSet;

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{Schema, schema_for};
use serde_json::{Map, Value, json};

use crate::flow::catalogue::{Catalogue, EventType, JobType};
use crate::flow::event::{CONTENT_TYPE, CloudEvent, SOURCE};
use crate::flow::job::Ticket;
use crate::flow::jobs::Listed;
use crate::flow::reaction::{Reaction, Wanted};
use crate::infra::rabbitmq::{JOBS, JOBS_FAILED};

/// The version of the specification.
const ASYNCAPI: &str = "3.0.0";
/// The version of its Kafka bindings.
const KAFKA_BINDING: &str = "0.5.0";
/// The version of its AMQP bindings.
const AMQP_BINDING: &str = "0.3.0";
/// The components that no type of event and no job can be called, as their names are in lower case.
const ENVELOPE: &str = "CloudEvent";
const TICKET: &str = "Ticket";
const FAILED_JOB: &str = "FailedJob";

/// The whole document. The same catalogue gives the same bytes.
#[must_use]
pub fn document(catalogue: &Catalogue) -> Value {
    let mut document = json!({
        "asyncapi": ASYNCAPI,
        "info": {
            "title": "Blazing Sun",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Events say what happened: Kafka carries them as CloudEvents, in order for each aggregate and at \
                            least once. Jobs say what to do: RabbitMQ carries their tickets.",
            "license": { "name": env!("CARGO_PKG_LICENSE") },
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": channels(catalogue),
        "operations": operations(catalogue),
        "components": {
            "messages": messages(catalogue),
            "messageTraits": { "event": what_events_share() },
            "schemas": schemas(catalogue),
        },
    });
    // serde_json sorts by itself, until some dependency turns that off for all.
    document.sort_all_objects();
    document
}

/// Whether a reaction is given events of a type.
pub(super) fn takes(reaction: &dyn Reaction, event: &EventType) -> bool {
    let wanted = match reaction.wanted() {
        Wanted::Everything => true,
        Wanted::Types(types) => types.contains(&event.kind),
    };
    wanted && reaction.topics().contains(&event.topic)
}

/// The schema of the envelope, with what is always the same in it.
pub(super) fn envelope() -> Schema {
    let mut envelope = schema_for!(CloudEvent);
    for (property, always) in [
        ("specversion", "1.0"),
        ("source", SOURCE),
        ("datacontenttype", "application/json"),
    ] {
        if let Some(Value::Object(property)) =
            envelope.pointer_mut(&format!("/properties/{property}"))
        {
            property.insert("const".to_owned(), always.into());
        }
    }
    envelope
}

fn channels(catalogue: &Catalogue) -> Value {
    let published = catalogue.events().map(|event| event.topic);
    let followed = catalogue
        .reactions()
        .iter()
        .flat_map(|reaction| reaction.topics().iter().copied());
    let topics: BTreeSet<_> = published.chain(followed).collect();
    let mut channels: Map<String, Value> = topics
        .into_iter()
        .map(|topic| {
            let events = catalogue.events().filter(|event| event.topic == topic);
            let channel = json!({
                "address": topic.name(),
                "messages": by_name(events.map(|event| (event.kind, component("messages", event.kind)))),
                "bindings": { "kafka": { "bindingVersion": KAFKA_BINDING } },
            });
            (topic.name().to_owned(), channel)
        })
        .collect();
    let mut jobs = queue(
        JOBS,
        TICKET,
        "Jobs to do, the most urgent first. A ticket says which; the payload stays in PostgreSQL.",
    );
    jobs["x-jobs"] = by_name(catalogue.jobs().map(|job| (job.name, about(job))));
    channels.insert(JOBS.to_owned(), jobs);
    let failed = "A copy of each job that was given up, the newest ones only, to look at.";
    channels.insert(
        JOBS_FAILED.to_owned(),
        queue(JOBS_FAILED, FAILED_JOB, failed),
    );
    channels.into()
}

fn queue(name: &str, message: &str, description: &str) -> Value {
    json!({
        "address": name,
        "description": description,
        "messages": { message: component("messages", message) },
        "bindings": { "amqp": {
            "is": "queue",
            "queue": { "name": name, "durable": true, "exclusive": false, "autoDelete": false },
            "bindingVersion": AMQP_BINDING,
        } },
    })
}

/// What a ticket does not say. AsyncAPI has no word for it, hence an extension.
fn about(job: &JobType) -> Value {
    json!({
        "summary": job.summary,
        "priority": job.priority,
        "maxAttempts": job.max_attempts,
        "timeoutSeconds": job.timeout.as_secs(),
        "payload": component("schemas", &of_job(job)),
    })
}

fn operations(catalogue: &Catalogue) -> Value {
    let mut operations = Map::new();
    for topic in catalogue
        .events()
        .map(|event| event.topic.name())
        .collect::<BTreeSet<_>>()
    {
        operations.insert(
            format!("send.{topic}"),
            json!({
                "action": "send",
                "channel": reference(&["channels", topic]),
                "summary": "Publishes what was committed.",
            }),
        );
    }
    for reaction in catalogue.reactions() {
        let consumer = reaction.consumer();
        for topic in reaction.topics() {
            let taken: Vec<Value> = catalogue
                .events()
                .filter(|event| event.topic == *topic && takes(reaction.as_ref(), event))
                .map(|event| reference(&["channels", topic.name(), "messages", event.kind]))
                .collect();
            operations.insert(
                format!("{consumer}.{}", topic.name()),
                json!({
                    "action": "receive",
                    "channel": reference(&["channels", topic.name()]),
                    "summary": reaction.summary(),
                    "messages": taken,
                    "bindings": { "kafka": {
                        "groupId": { "type": "string", "const": consumer },
                        "bindingVersion": KAFKA_BINDING,
                    } },
                }),
            );
        }
    }
    for (name, action, queue, summary) in [
        ("send.jobs", "send", JOBS, "Sends the tickets of due jobs."),
        (
            "worker.jobs",
            "receive",
            JOBS,
            "Claims a ticket's job and runs it.",
        ),
        (
            "send.jobs_failed",
            "send",
            JOBS_FAILED,
            "Reports a job that was given up.",
        ),
    ] {
        operations.insert(
            name.to_owned(),
            json!({ "action": action, "channel": reference(&["channels", queue]), "summary": summary }),
        );
    }
    operations.into()
}

fn messages(catalogue: &Catalogue) -> Value {
    let mut messages: Map<String, Value> = catalogue
        .events()
        .map(|event| (event.kind.to_owned(), message(event)))
        .collect();
    for (name, summary) in [
        (TICKET, "Which job is due, and which attempt at it."),
        (FAILED_JOB, "A job that was given up, with its history."),
    ] {
        messages.insert(
            name.to_owned(),
            json!({
                "name": name,
                "summary": summary,
                "contentType": "application/json",
                "payload": component("schemas", name),
            }),
        );
    }
    messages.into()
}

fn message(event: &EventType) -> Value {
    let mut message = json!({
        "name": event.kind,
        "summary": event.summary,
        "payload": { "allOf": [
            component("schemas", ENVELOPE),
            { "properties": { "type": { "const": event.kind }, "data": component("schemas", event.kind) } },
        ] },
        "traits": [component("messageTraits", "event")],
    });
    if let Some(Value::Array(examples)) = event.schema.get("examples") {
        message["examples"] = examples
            .iter()
            .map(|data| json!({ "payload": example(event.kind, data) }))
            .collect();
    }
    message
}

fn what_events_share() -> Value {
    json!({
        "contentType": CONTENT_TYPE,
        "correlationId": { "location": "$message.payload#/correlationid" },
        "bindings": { "kafka": {
            "key": {
                "type": "string",
                "format": "uuid",
                "description": "The subject: the aggregate's id. It keeps the events of one aggregate in order.",
            },
            "bindingVersion": KAFKA_BINDING,
        } },
    })
}

/// An envelope around the data of an example; its ids and its time stand for any.
fn example(kind: &str, data: &Value) -> Value {
    json!({
        "specversion": "1.0",
        "id": "019b76da-a800-7000-8000-000000000001",
        "source": SOURCE,
        "type": kind,
        "subject": "019b76da-a800-7000-8000-000000000002",
        "time": "2026-01-01T00:00:00Z",
        "datacontenttype": "application/json",
        "correlationid": "019b76da-a800-7000-8000-000000000003",
        "sequence": 1,
        "data": data,
    })
}

fn schemas(catalogue: &Catalogue) -> Value {
    let events = catalogue
        .events()
        .map(|event| (event.kind.to_owned(), &event.schema));
    let jobs = catalogue.jobs().map(|job| (of_job(job), &job.schema));
    let mut schemas: Map<String, Value> = events
        .chain(jobs)
        .map(|(name, schema)| (name.clone(), placed(&name, schema.clone())))
        .collect();
    for (name, schema) in [
        (ENVELOPE, envelope()),
        (TICKET, schema_for!(Ticket)),
        (FAILED_JOB, schema_for!(Listed)),
    ] {
        schemas.insert(name.to_owned(), placed(name, schema));
    }
    schemas.into()
}

/// A schema as a component: in the document's dialect, which extends draft 7, and with its references below its new place.
fn placed(name: &str, mut schema: Schema) -> Value {
    for transform in &mut SchemaSettings::draft07().transforms {
        transform.transform(&mut schema);
    }
    let root = format!("#/components/schemas/{name}");
    RecursiveTransform(|part: &mut Schema| {
        if let Some(Value::String(target)) = part.get_mut("$ref") {
            let below = target
                .replacen('#', "", 1)
                .replacen("/$defs/", "/definitions/", 1);
            *target = format!("{root}{below}");
        }
    })
    .transform(&mut schema);
    if let Some(definitions) = schema.remove("$defs") {
        schema.insert("definitions".to_owned(), definitions);
    }
    schema.remove("$schema");
    schema.insert("title".to_owned(), name.into());
    schema.to_value()
}

fn of_job(job: &JobType) -> String {
    format!("job.{}", job.name)
}

fn component(room: &str, name: &str) -> Value {
    reference(&["components", room, name])
}

/// A reference into the document. Names hold no character that a JSON pointer would have to escape.
fn reference(path: &[&str]) -> Value {
    json!({ "$ref": format!("#/{}", path.join("/")) })
}

fn by_name<'a>(entries: impl Iterator<Item = (&'a str, Value)>) -> Value {
    entries
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
