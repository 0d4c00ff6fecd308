//! Blazing Sun, read from the bottom up: a module may use those above it in this list, never those below.
//! `tests/architecture.rs` holds the rule.

/// Pure types without I/O: time and identifiers.
pub mod kernel;

/// One thin adapter for each service: PostgreSQL, Redis, RabbitMQ, Kafka.
pub mod infra;

/// The spine: events and jobs that commit with state, and their way to their effect.
pub mod flow;

/// What every HTTP answer shares: problems, request ids, health, metrics, pages.
pub mod web;

/// The only room that knows all others: configuration, routes and the commands.
pub mod app;
