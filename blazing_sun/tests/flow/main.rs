//! The spine against the real PostgreSQL, RabbitMQ and Kafka that the environment names, without HTTP.
//!
//! Nothing here sleeps: a test steps the relay, the consumers and the workers itself, or waits for what they say.

#![expect(
    clippy::expect_used,
    reason = "a test that cannot set up its world has to stop"
)]

#[macro_use]
mod harness;
mod consumers;
mod dead_letters;
mod events;
mod freshness;
mod fuzzed;
mod garbage;
mod jobs;
mod laws;
#[path = "../../fuzz/src/lib.rs"]
mod laws_of_bytes;
mod leases;
mod metrics;
mod operator;
mod purge;
mod rebuild;
mod relay;
mod reports;
mod schedule;
#[path = "../support/mod.rs"]
mod support;
mod tickets;
mod verify;
mod worker;
