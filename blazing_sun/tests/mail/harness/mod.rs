//! What the tests stand on: a mail server that plays a script, and settings and letters for it.

mod script;
mod server;

use std::time::Duration;

use blazing_sun::infra::smtp::{Encryption, Letter, Mailbox, Mailer, Post, SendError, Settings};
use blazing_sun::kernel::id;
use chrono::DateTime;

pub use script::Script;
pub use server::{Received, Server};

pub const PASSWORD: &str = "p&ss w$rd";

/// Settings that reach `server` as its script's author would set them.
pub fn settings(server: &Server) -> Settings {
    Settings {
        mailer: Mailer::Smtp,
        host: "127.0.0.1".to_owned(),
        port: server.port(),
        username: String::new(),
        password: PASSWORD.into(),
        encryption: Encryption::Opportunistic,
        ca_file: None,
        timeout: Duration::from_secs(10),
        from_address: "noreply@sun.example".parse().expect("an address"),
        from_name: "Blazing Sun".to_owned(),
        folder: "unused".into(),
    }
}

pub fn post(settings: &Settings) -> Post {
    Post::new(settings).expect("usable settings")
}

/// A letter that is like no other but for its text.
pub fn letter() -> Letter {
    Letter {
        id: id::new(),
        date: DateTime::UNIX_EPOCH,
        to: mailbox("Ada <ada@mail.example>"),
        subject: "Hello".to_owned(),
        text: "Good morning\n.\nGrüße\n".to_owned(),
        html: "<p>Good morning</p>\n".to_owned(),
        unsubscribe: None,
    }
}

pub fn mailbox(text: &str) -> Mailbox {
    text.parse().expect("a mailbox")
}

/// The words of a temporary failure; anything else fails the test.
pub fn temporary(result: Result<(), SendError>) -> String {
    match result {
        Err(SendError::Temporary(reason)) => reason,
        other => panic!("expected a temporary failure, got {other:?}"),
    }
}

/// The words of a permanent failure; anything else fails the test.
pub fn permanent(result: Result<(), SendError>) -> String {
    match result {
        Err(SendError::Permanent(reason)) => reason,
        other => panic!("expected a permanent failure, got {other:?}"),
    }
}
