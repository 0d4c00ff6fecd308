//! The spine against the real PostgreSQL, RabbitMQ and Kafka that the environment names, without HTTP.
//!
//! Nothing here sleeps: a test steps the relay, the consumers and the workers itself, or waits for what they say.

#![expect(
    clippy::expect_used,
    reason = "a test that cannot set up its world has to stop"
)]

#[macro_use]
mod harness;
mod events;
mod jobs;
#[path = "../support/mod.rs"]
mod support;
