//! The folder that stands in for a mail server.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use blazing_sun::infra::smtp::{Mailer, Post};
use mail_parser::MessageParser;
use tempfile::TempDir;

use crate::harness::{Script, Server, letter, post, settings, temporary};

#[tokio::test]
async fn a_letter_becomes_one_private_file_named_after_its_message_id() {
    let home = TempDir::new().expect("a folder");
    let folder = home.path().join("storage/mails");
    let post = writing_to(&folder).await;
    let letter = letter();

    post.send(&letter).await.expect("written");

    let name = format!("{}@sun.example.eml", letter.id);
    assert_eq!(names(&folder), std::slice::from_ref(&name));
    let mode = |path: &Path| fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
    assert_eq!(mode(&folder.join(&name)), 0o600);
    assert_eq!(mode(&folder), 0o700);
    let file = fs::read(folder.join(&name)).expect("the letter");
    let mail = MessageParser::default().parse(&file).expect("a mail");
    assert_eq!(mail.subject(), Some("Hello"));
    assert!(mail.body_text(0).expect("a text").contains("Grüße"));
}

#[tokio::test]
async fn a_letter_that_is_sent_again_replaces_its_file() {
    let folder = TempDir::new().expect("a folder");
    let post = writing_to(folder.path()).await;
    let mut letter = letter();
    post.send(&letter).await.expect("written");

    letter.subject = "Second attempt".to_owned();
    post.send(&letter).await.expect("written again");

    let names = names(folder.path());
    assert_eq!(names.len(), 1, "{names:?}");
    let file = fs::read_to_string(folder.path().join(&names[0])).expect("the letter");
    assert!(file.contains("Second attempt"), "{file}");
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_to_is_tried_again_and_nothing_is_left_behind() {
    let home = TempDir::new().expect("a folder");
    let blocked = home.path().join("a file");
    fs::write(&blocked, "in the way").expect("a file");
    let post = writing_to(&blocked).await;

    let reason = temporary(post.send(&letter()).await);
    temporary(post.check().await);

    assert!(reason.starts_with("MAIL_FOLDER: "), "{reason}");
}

#[tokio::test]
async fn a_letter_whose_place_is_taken_leaves_no_draft_behind() {
    let folder = TempDir::new().expect("a folder");
    let post = writing_to(folder.path()).await;
    let letter = letter();
    let place = folder.path().join(format!("{}@sun.example.eml", letter.id));
    fs::create_dir(&place).expect("a folder in the way");

    temporary(post.send(&letter).await);

    assert_eq!(names(folder.path()).len(), 1, "{:?}", names(folder.path()));
}

#[tokio::test]
async fn asking_leaves_nothing_behind() {
    let folder = TempDir::new().expect("a folder");

    writing_to(folder.path())
        .await
        .check()
        .await
        .expect("writable");

    assert_eq!(names(folder.path()), [""; 0]);
}

async fn writing_to(folder: &Path) -> Post {
    let mut settings = settings(&Server::start(Script::default()).await);
    settings.mailer = Mailer::Log;
    settings.folder = folder.to_owned();
    post(&settings)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder");
    entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect()
}
