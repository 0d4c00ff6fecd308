//! What an event is: the trait of the code and its envelope on the wire, a CloudEvent 1.0 in structured JSON.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::flow::ctx::{Cause, Tx};
use crate::kernel::id;

/// The media type of a record's value.
pub const CONTENT_TYPE: &str = "application/cloudevents+json";
/// `source` of every event of this application.
pub const SOURCE: &str = "/blazing_sun";
/// The largest envelope in bytes: what a topic takes (1 MiB and 12 bytes by default), less room for key and headers.
pub const MAX_BYTES: usize = 1_000_000;

/// A topic, by the name that contracts use. The broker may know it with a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(&'static str);

impl Topic {
    /// Declares a topic; it must exist in Kafka.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0
    }
}

/// Something that happened to an aggregate.
///
/// The serialised form is a contract: fields may be added as optional ones; anything else is a new type, `.v2`, beside the
/// old one. Never put a password, a token or the body of a mail into an event.
pub trait Event: Serialize + DeserializeOwned + JsonSchema + Send + Sync {
    /// The frozen name with its version, such as `user.created.v1`.
    const TYPE: &'static str;
    /// Where it is published.
    const TOPIC: Topic;
    /// What it says, in one sentence, for the documents.
    const SUMMARY: &'static str;

    /// The aggregate it happened to. Events of one aggregate keep their order.
    fn subject(&self) -> Uuid;

    /// The version of the aggregate's row after it.
    fn sequence(&self) -> i64;
}

/// The envelope.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CloudEvent {
    /// Always `1.0`.
    pub specversion: String,
    /// The event's id: a UUID of version 7. Consumers remember it to take each event once.
    pub id: Uuid,
    /// Always `/blazing_sun`.
    pub source: String,
    /// The frozen name with its version.
    #[serde(rename = "type")]
    pub kind: String,
    /// The aggregate's id, also the record's key.
    pub subject: Uuid,
    /// When it happened.
    pub time: DateTime<Utc>,
    /// Always `application/json`.
    pub datacontenttype: String,
    /// The account that acted, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actorid: Option<Uuid>,
    /// What everything that followed from one request has in common.
    pub correlationid: String,
    /// The event or job that led to this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub causationid: Option<Uuid>,
    /// The version of the aggregate after the event.
    pub sequence: i64,
    /// The W3C trace context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// What happened; its form follows from the type.
    pub data: Value,
}

/// Reads a JSON object. serde would also take an array for a structure, field by field.
pub(super) fn read_object<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(serde_json::Error::custom("not a JSON object"));
    }
    serde_json::from_slice(bytes)
}

/// Why bytes are not an event.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Not JSON, or not of the envelope's form.
    #[error("not a CloudEvent: {0}")]
    Form(#[from] serde_json::Error),
    /// A version of CloudEvents that this code does not know.
    #[error("CloudEvents version {0:?} is not known")]
    Version(String),
}

impl CloudEvent {
    /// Wraps an event that happens now, in `tx`.
    pub(super) fn wrap<E: Event>(tx: &Tx, event: &E) -> serde_json::Result<Self> {
        let cause = tx.cause().clone();
        Ok(Self {
            specversion: "1.0".to_owned(),
            id: id::new(),
            source: SOURCE.to_owned(),
            kind: E::TYPE.to_owned(),
            subject: event.subject(),
            time: tx.now(),
            datacontenttype: "application/json".to_owned(),
            actorid: cause.actor,
            correlationid: cause.correlation,
            causationid: cause.causation,
            sequence: event.sequence(),
            traceparent: cause.traceparent,
            data: serde_json::to_value(event)?,
        })
    }

    /// Reads a record's value.
    pub fn parse(value: &[u8]) -> Result<Self, Unreadable> {
        let event: Self = read_object(value)?;
        if event.specversion != "1.0" {
            return Err(Unreadable::Version(event.specversion));
        }
        Ok(event)
    }

    /// The trace context in an envelope, if it has one.
    pub(super) fn traceparent_in(body: &str) -> Option<String> {
        #[derive(Deserialize)]
        struct Traced {
            traceparent: Option<String>,
        }
        serde_json::from_str::<Traced>(body).ok()?.traceparent
    }

    /// The event, if it is an `E`. An error means: it says that it is one, and is not.
    pub fn decode<E: Event>(&self) -> serde_json::Result<Option<E>> {
        if self.kind == E::TYPE {
            E::deserialize(&self.data).map(Some)
        } else {
            Ok(None)
        }
    }

    /// The cause of what follows from this event.
    #[must_use]
    pub fn as_cause(&self) -> Cause {
        Cause {
            actor: self.actorid,
            correlation: self.correlationid.clone(),
            causation: Some(self.id),
            traceparent: self.traceparent.clone(),
        }
    }
}
