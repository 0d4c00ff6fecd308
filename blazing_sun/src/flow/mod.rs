//! The spine, which knows no feature: what commits together with state, and how it gets from there to its effect.
//!
//! A request writes rows: state, events (`outbox::emit`), jobs (`outbox::enqueue`). The `relay` carries them: events to
//! Kafka, due jobs to RabbitMQ. A `worker` runs a job, a `consumer` gives an event to a `reaction`; both commit the effect
//! together with the note that it happened. What cannot be taken becomes a `dead_letter`.

pub mod asyncapi;
pub mod catalogue;
pub mod consumer;
pub mod ctx;
pub mod dead_letter;
pub mod delete_blobs;
pub mod documents;
pub mod event;
pub mod event_log;
pub mod faults;
pub mod freshness;
pub mod idempotency;
pub mod inbox;
pub mod job;
pub mod jobs;
pub mod lease;
pub mod metrics;
pub mod outbox;
pub mod personal_data;
pub mod purge;
pub mod reaction;
pub mod rebuild;
pub mod relay;
pub mod schedule;
pub mod trace;
pub mod verify;
pub mod worker;
