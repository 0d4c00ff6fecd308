//! What the server says no to, and whether another attempt is worth it.

use std::time::Duration;

use blazing_sun::infra::smtp::Encryption;
use tokio::time::timeout;

use crate::harness::{Script, Server, letter, mailbox, permanent, post, settings, temporary};

#[tokio::test]
async fn a_recipient_who_is_busy_is_tried_again() {
    let server =
        Server::start(Script::default().answering("RCPT", "451 4.7.1 come back later")).await;

    let reason = temporary(post(&settings(&server)).send(&letter()).await);

    assert_eq!(
        reason,
        "recipient: transient error (451): 4.7.1 come back later"
    );
}

#[tokio::test]
async fn a_recipient_who_does_not_exist_is_not_tried_again_and_not_named() {
    let reply = "550 5.1.1 <ada@mail.example>: no such user ada";
    let server = Server::start(Script::default().answering("RCPT", reply)).await;

    let reason = permanent(post(&settings(&server)).send(&letter()).await);

    assert_eq!(
        reason,
        "recipient: permanent error (550): 5.1.1 *** no such user ***"
    );
}

#[tokio::test]
async fn a_letter_that_is_refused_after_its_last_line_is_not_tried_again() {
    let server = Server::start(Script::default().answering(".", "554 5.7.1 spam")).await;

    let reason = permanent(post(&settings(&server)).send(&letter()).await);

    assert_eq!(reason, "letter: permanent error (554): 5.7.1 spam");
    assert_eq!(server.letters().len(), 0);
}

#[tokio::test]
async fn too_many_letters_a_second_are_tried_again_although_mailtrap_says_550() {
    let reply = "550 5.7.0 Requested action not taken: too many emails per second";
    let server = Server::start(Script::default().answering("RCPT", reply)).await;

    temporary(post(&settings(&server)).send(&letter()).await);
}

#[tokio::test]
async fn a_refused_sender_is_tried_again_because_settings_can_be_set_right() {
    let server = Server::start(Script::default().answering("MAIL", "553 5.7.1 not yours")).await;

    let reason = temporary(post(&settings(&server)).send(&letter()).await);

    assert_eq!(reason, "sender: permanent error (553): 5.7.1 not yours");
}

#[tokio::test]
async fn a_refused_password_is_tried_again_because_settings_can_be_set_right() {
    let script = Script::default().asking_for_sign_in();
    let server = Server::start(script.answering("AUTH", "535 5.7.8 wrong password")).await;
    let mut settings = settings(&server);
    settings.username = "sun".to_owned();
    settings.encryption = Encryption::None;

    let reason = temporary(post(&settings).send(&letter()).await);

    assert!(
        reason.ends_with("permanent error (535): 5.7.8 wrong password"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_server_that_wants_a_sign_in_is_tried_again() {
    let server = Server::start(Script::default().asking_for_sign_in()).await;

    let reason = temporary(post(&settings(&server)).send(&letter()).await);

    assert_eq!(reason, "sender: permanent error (530): sign in first");
}

#[tokio::test]
async fn an_address_beyond_ascii_is_not_tried_again_where_the_server_cannot_take_it() {
    let server = Server::start(Script::default()).await;
    let mut letter = letter();
    letter.to = mailbox("jörg@mail.example");

    let reason = permanent(post(&settings(&server)).send(&letter).await);

    assert_eq!(reason, "the mail server takes no address beyond ASCII");
}

#[tokio::test]
async fn a_server_that_is_away_is_tried_again() {
    let mut server = Server::start(Script::default()).await;
    server.stop().await;

    let reason = temporary(post(&settings(&server)).send(&letter()).await);

    assert!(reason.contains("Connection refused"), "{reason}");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_in_time() {
    let server = Server::start(Script::default().silent_from(1, "EHLO")).await;
    let mut settings = settings(&server);
    settings.timeout = Duration::from_millis(200);

    let post = post(&settings);
    let in_time = timeout(Duration::from_secs(5), post.send(&letter())).await;

    let reason = temporary(in_time.expect("an end"));
    assert_eq!(reason, "not done within 0.2 s");
}
