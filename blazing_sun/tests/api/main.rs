//! The real application over HTTP and as a process, against the real services that the environment names.

#![expect(
    clippy::expect_used,
    reason = "a test that cannot set up its world has to stop"
)]

mod accounts;
mod commands;
mod harness;
mod health;
mod http;
mod lifecycle;
mod openapi;
mod pages;
mod sessions;
mod spine;
#[path = "../support/mod.rs"]
mod support;
