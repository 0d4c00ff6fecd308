//! Mails from the payload of a job to a mail server, over real SMTP conversations with a server in this process.

#![expect(
    clippy::expect_used,
    reason = "a test that cannot set up its world has to stop"
)]

mod connections;
mod encryption;
mod folder;
mod harness;
mod mails;
mod refusals;
