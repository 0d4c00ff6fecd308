//! The system's events. They carry names of its own parts and the ids of requests; nothing about people.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::flow::event::{Event, Topic};
use crate::monitor::log_levels::Level;
use crate::web::health::Status;

/// Where the system speaks about itself.
pub const SYSTEM_EVENTS: Topic = Topic::new("system.events");

/// How the services do: whenever that changes, and every hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HealthChecked {
    /// Always the same: the aggregate of these events.
    pub system_id: Uuid,
    /// Which event of them this is, from 1.
    pub version: i64,
    /// Each service and how it does, as whoever leads the schedules sees it.
    pub services: BTreeMap<String, Status>,
    /// Which of them do otherwise than in the last event; none in one that is told by the clock.
    pub changed: Vec<String>,
    /// When somebody looked last, if that was more than a minute before: PostgreSQL was away, or nobody was there to look.
    pub unwatched_since: Option<DateTime<Utc>>,
}

impl Event for HealthChecked {
    const TYPE: &'static str = "system.health_check.v1";
    const TOPIC: Topic = SYSTEM_EVENTS;
    const SUMMARY: &'static str =
        "How the services do: told when one goes or comes back, and every hour.";

    fn subject(&self) -> Uuid {
        self.system_id
    }

    fn sequence(&self) -> i64 {
        self.version
    }
}

/// A request failed by our own fault. The log has the cause, under the request's id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RequestFailed {
    /// The process that answered, by the id of its start: the aggregate of its failures.
    pub process_id: Uuid,
    /// Which of those that it told this is, from 1.
    pub number: i64,
    /// The request's id.
    pub request_id: String,
    /// Its method, or `other`.
    pub method: String,
    /// The pattern of its route, without what the request had in its place.
    pub route: String,
    /// The status of the answer: 500 or more.
    pub status: u16,
    /// `panic`, or the kind of problem that was answered.
    pub kind: String,
    /// How many others of this process were not told since the last one: there were too many in a minute.
    pub left_out: i64,
}

impl Event for RequestFailed {
    const TYPE: &'static str = "system.error.v1";
    const TOPIC: Topic = SYSTEM_EVENTS;
    const SUMMARY: &'static str =
        "A request failed by our own fault: a panic, or an answer of 500 or more.";

    fn subject(&self) -> Uuid {
        self.process_id
    }

    fn sequence(&self) -> i64 {
        self.number
    }
}

/// What a warning is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Matter {
    /// How long ago, in seconds, the oldest event happened that a consumer has not had.
    ConsumerLag,
    /// For how long, in seconds, the oldest event has been waiting in the outbox.
    OutboxBacklog,
    /// For how long, in seconds, the oldest due job has been waiting for a worker.
    JobBacklog,
    /// How full the file system of private files is, in percent.
    Disk,
    /// How large the database is, in MiB.
    Database,
}

/// Something is over its limit, or well again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Warned {
    /// What is warned of: the aggregate.
    pub warning_id: Uuid,
    /// Which event about it this is, from 1.
    pub version: i64,
    /// What it is about.
    pub matter: Matter,
    /// The consumer, if it is about one.
    pub consumer: Option<String>,
    /// Whether it is over its limit; otherwise it is well again.
    pub raised: bool,
    /// How much it is.
    pub value: i64,
    /// Its limit.
    pub limit: i64,
}

impl Event for Warned {
    const TYPE: &'static str = "system.warning.v1";
    const TOPIC: Topic = SYSTEM_EVENTS;
    const SUMMARY: &'static str =
        "A backlog, a consumer's lag or a disk is over its limit, or well again: told once each.";

    fn subject(&self) -> Uuid {
        self.warning_id
    }

    fn sequence(&self) -> i64 {
        self.version
    }
}

/// A module is logged from another level on, or as configured again. The actor is whoever changed it; without one it was done
/// at the command line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogLevelChanged {
    /// Always the same: the aggregate of these events.
    pub log_levels_id: Uuid,
    /// Which change this is, from 1.
    pub version: i64,
    /// The module, by its path in Rust.
    pub module: String,
    /// The level; none if it is as configured again.
    pub level: Option<Level>,
    /// Until when it holds.
    pub until: Option<DateTime<Utc>>,
}

impl Event for LogLevelChanged {
    const TYPE: &'static str = "system.log_level_changed.v1";
    const TOPIC: Topic = SYSTEM_EVENTS;
    const SUMMARY: &'static str =
        "A module is logged from another level on for a while, or as configured again.";

    fn subject(&self) -> Uuid {
        self.log_levels_id
    }

    fn sequence(&self) -> i64 {
        self.version
    }
}
