//! Blazing Sun, read from the bottom up: a module may use those above it in this list, never those below.
//! `tests/architecture.rs` holds the rule.

/// Pure types without I/O: time, identifiers, addresses.
pub mod kernel;

/// One thin adapter for each service: PostgreSQL, Redis, RabbitMQ, Kafka, SMTP.
pub mod infra;

/// The spine: events and jobs that commit with state, and their way to their effect.
pub mod flow;

/// Mails: what a mail is, how it looks, and the job that sends it.
pub mod mail;

/// What every HTTP answer shares: problems, request ids, health, metrics, pages.
pub mod web;

/// Accounts: who people are, how they show it, and what belongs to them.
pub mod accounts;

/// The ledger: books with wallets, categories and transactions.
pub mod ledger;

/// The audit log: every event, once.
pub mod audit;

/// The feed: what happened to somebody, as sentences.
pub mod feed;

/// What the system says about itself: its health, its failures, what is about to go wrong.
pub mod monitor;

/// The only room that knows all others: configuration, routes and the commands.
pub mod app;
