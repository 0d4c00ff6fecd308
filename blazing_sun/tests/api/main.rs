//! The real application over HTTP and as a process, against the real services that the environment names.

#![expect(
    clippy::expect_used,
    reason = "a test that cannot set up its world has to stop"
)]

mod access_tokens;
mod accounts;
mod alike;
mod api_tokens;
mod clients;
mod commands;
mod cors;
mod data;
mod dev_mails;
mod email_change;
mod erasure;
mod feed;
mod fields;
mod harness;
mod health;
mod http;
mod idempotency;
mod invitations;
mod leaving;
mod ledger;
mod lifecycle;
mod links;
mod log_levels;
mod logs;
mod lost_factor;
mod metrics;
mod monitor;
mod notifications;
mod openapi;
mod pages;
mod passkeys;
mod passwords;
mod passwords_chosen;
mod people;
mod profile;
mod purge;
mod rules;
mod second_factor;
mod second_factor_changes;
mod second_factor_pages;
mod secrets;
mod session_cache;
mod sessions;
mod signing_keys;
mod spine;
#[path = "../support/mod.rs"]
mod support;
mod throttles;
mod traces;
mod user_commands;
mod wrong_codes;
