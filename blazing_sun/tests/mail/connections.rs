//! Connections are used again, and a bad one never costs a letter.

use std::time::Duration;

use tokio::time::timeout;

use crate::harness::{Script, Server, letter, mailbox, permanent, post, settings};

#[tokio::test]
async fn letters_share_a_connection() {
    let server = Server::start(Script::default()).await;
    let post = post(&settings(&server));

    for _ in 0..3 {
        post.send(&letter()).await.expect("sent");
    }

    assert_eq!(server.letters().len(), 3);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn the_letter_after_a_restart_of_the_server_is_sent() {
    let server = Server::start(Script::default()).await;
    let post = post(&settings(&server));
    post.send(&letter()).await.expect("sent before the restart");

    let server = server.restart().await;
    post.send(&letter()).await.expect("sent after the restart");

    assert_eq!(server.letters().len(), 2);
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_waiting_connection_that_fell_silent_is_replaced() {
    let server = Server::start(Script::default().silent_from(1, "NOOP")).await;
    let post = post(&settings(&server));
    post.send(&letter()).await.expect("sent while it answered");

    post.send(&letter())
        .await
        .expect("sent over a new connection");

    assert_eq!(server.letters().len(), 2);
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_letter_given_up_half_way_leaves_no_connection_behind_for_the_next() {
    let server = Server::start(Script::default().silent_from(1, "DATA")).await;
    let post = post(&settings(&server));
    let given_up = timeout(Duration::from_millis(200), post.send(&letter())).await;
    assert!(given_up.is_err(), "the server was to fall silent");

    let next = letter();
    post.send(&next).await.expect("sent");

    let letters = server.letters();
    assert_eq!(letters.len(), 1);
    assert!(letters[0].wire.contains(&next.id.to_string()));
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_refused_letter_does_not_disturb_the_next() {
    let server = Server::start(Script::default().answering("eve@mail.example", "550 no")).await;
    let post = post(&settings(&server));
    let mut refused = letter();
    refused.to = mailbox("eve@mail.example");

    permanent(post.send(&refused).await);
    post.send(&letter()).await.expect("sent");

    assert_eq!(server.letters().len(), 1);
}

#[tokio::test]
async fn closing_says_goodbye() {
    let server = Server::start(Script::default()).await;
    let post = post(&settings(&server));
    post.send(&letter()).await.expect("sent");

    post.close().await;

    assert!(server.plain().ends_with("QUIT\r\n"), "{}", server.plain());
}

#[tokio::test]
async fn asking_sends_nothing_and_keeps_the_connection() {
    let server = Server::start(Script::default()).await;
    let post = post(&settings(&server));

    post.check().await.expect("an answer");
    assert_eq!((server.letters().len(), server.connections()), (0, 1));
    post.send(&letter()).await.expect("sent");

    assert_eq!(server.connections(), 1);
}
