//! When a password and a letter may travel in clear text, and when they may not.

use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use blazing_sun::infra::smtp::{Encryption, Post, Settings};
use tempfile::TempDir;

use crate::harness::{PASSWORD, Script, Server, letter, post, settings, temporary};

#[tokio::test]
async fn a_password_is_not_sent_in_clear_text_unless_that_is_asked_for() {
    let server = Server::start(Script::default().asking_for_sign_in()).await;

    let reason = temporary(
        signing_in(&server, Encryption::Opportunistic)
            .send(&letter())
            .await,
    );

    assert!(
        reason.contains("does not offer STARTTLS, and the password is not sent"),
        "{reason}"
    );
    assert!(!shows_password(&server), "{}", server.plain());
    assert_eq!(server.letters().len(), 0);
}

#[tokio::test]
async fn none_signs_in_in_clear_text() {
    let server = Server::start(Script::default().asking_for_sign_in()).await;

    let sent = signing_in(&server, Encryption::None).send(&letter()).await;

    sent.expect("sent");
    assert!(server.letters()[0].signed_in);
    assert!(shows_password(&server), "{}", server.plain());
}

#[tokio::test]
async fn none_leaves_starttls_alone() {
    let (script, _) = Script::default().with_tls(false);
    let server = Server::start(script).await;
    let mut settings = settings(&server);
    settings.encryption = Encryption::None;

    post(&settings).send(&letter()).await.expect("sent");

    assert!(!server.letters()[0].encrypted);
}

#[tokio::test]
async fn without_a_password_a_server_without_starttls_is_fine() {
    let server = Server::start(Script::default()).await;

    post(&settings(&server))
        .send(&letter())
        .await
        .expect("sent");

    assert_eq!(server.letters().len(), 1);
}

#[tokio::test]
async fn starttls_that_is_required_and_not_offered_sends_nothing() {
    let server = Server::start(Script::default()).await;
    let mut settings = settings(&server);
    settings.encryption = Encryption::StartTls;

    let reason = temporary(post(&settings).send(&letter()).await);

    assert!(
        reason.contains("which MAIL_ENCRYPTION=starttls requires"),
        "{reason}"
    );
    assert_eq!(server.letters().len(), 0);
}

#[tokio::test]
async fn starttls_is_used_where_it_is_offered() {
    for encryption in [Encryption::Opportunistic, Encryption::StartTls] {
        let (script, certificate) = Script::default().asking_for_sign_in().with_tls(false);
        let server = Server::start(script).await;
        let (settings, _folder) = trusting(&server, encryption, &certificate);

        post(&settings).send(&letter()).await.expect("sent");

        let letters = server.letters();
        assert!(letters[0].encrypted && letters[0].signed_in, "{letters:?}");
        assert!(!shows_password(&server), "{}", server.plain());
    }
}

#[tokio::test]
async fn tls_encrypts_from_the_first_byte() {
    let (script, certificate) = Script::default().asking_for_sign_in().with_tls(true);
    let server = Server::start(script).await;
    let (settings, _folder) = trusting(&server, Encryption::Tls, &certificate);

    post(&settings).send(&letter()).await.expect("sent");

    let letters = server.letters();
    assert!(letters[0].encrypted && letters[0].signed_in, "{letters:?}");
    assert_eq!(server.plain(), "");
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    for (encryption, from_the_start) in [
        (Encryption::Opportunistic, false),
        (Encryption::StartTls, false),
        (Encryption::Tls, true),
    ] {
        let (script, _) = Script::default().with_tls(from_the_start);
        let server = Server::start(script).await;
        let (_, other) = Script::default().with_tls(false);
        let (settings, _folder) = trusting(&server, encryption, &other);

        let reason = temporary(post(&settings).send(&letter()).await);

        assert!(reason.contains("invalid peer certificate"), "{reason}");
        assert_eq!(server.letters().len(), 0);
    }
}

#[tokio::test]
async fn a_file_of_certificates_that_cannot_be_read_is_named_at_once() {
    let server = Server::start(Script::default()).await;
    let mut settings = settings(&server);
    settings.ca_file = Some(PathBuf::from("/nowhere/ca.pem"));

    let error = Post::new(&settings).err().expect("an error");

    assert_eq!(error.to_string(), "MAIL_CA_FILE /nowhere/ca.pem");
}

fn signing_in(server: &Server, encryption: Encryption) -> Post {
    let mut settings = settings(server);
    settings.username = "sun".to_owned();
    settings.encryption = encryption;
    post(&settings)
}

/// Settings that sign in and trust one certificate more, which is in the folder.
fn trusting(server: &Server, encryption: Encryption, certificate: &str) -> (Settings, TempDir) {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, certificate).expect("a file");
    let mut settings = settings(server);
    settings.username = "sun".to_owned();
    settings.encryption = encryption;
    settings.ca_file = Some(path);
    (settings, folder)
}

/// Whether the password came in outside TLS, as it is or as AUTH wraps it.
fn shows_password(server: &Server) -> bool {
    let wrapped = BASE64_STANDARD.encode(format!("\0sun\0{PASSWORD}"));
    let plain = server.plain();
    let secrets = [
        PASSWORD.to_owned(),
        wrapped,
        BASE64_STANDARD.encode(PASSWORD),
    ];
    secrets.iter().any(|secret| plain.contains(secret))
}
