//! People are told by mail what happens to their accounts: one mail each, to the right person, with nothing secret.

use blazing_sun::kernel::clock::Clock;
use serde_json::json;

use crate::harness::{Browser, PASSWORD, TestApp, World, member, token};

const ADA: &str = "ada@example.org";
const BOB: &str = "bob@example.org";
const NEW_ADDRESS: &str = "lovelace@example.org";
const NEW: &str = "another horse entirely";

/// The mails that came after the first `before`: whom to, the subject, and all of its text on one line.
fn mails(world: &World, before: usize) -> Vec<(String, String, String)> {
    let mails = world.mails();
    let new = mails[before..].iter();
    new.map(|mail| {
        let parsed = mail_parser::MessageParser::default()
            .parse(mail.as_bytes())
            .expect("a mail");
        let to = parsed.to().and_then(|to| to.first()).expect("a recipient");
        let text = parsed.body_text(0).expect("a text");
        let words: Vec<&str> = text.split_whitespace().collect();
        (
            to.address().expect("an address").to_owned(),
            parsed.subject().expect("a subject").to_owned(),
            words.join(" "),
        )
    })
    .collect()
}

async fn set_zone(world: &World) {
    sqlx::query("UPDATE users SET time_zone = 'Europe/Berlin' WHERE email = $1")
        .bind(ADA)
        .execute(&world.pool())
        .await
        .expect("PostgreSQL");
}

/// Has an event happen that no handler of these tests brings about.
async fn emit(world: &World, app: &TestApp, changed: &[&str]) {
    sqlx::query(
        "WITH raised AS (UPDATE users SET version = version + 1 WHERE email = $1 RETURNING id, version),
              made AS (SELECT gen_random_uuid() AS event_id, id, version FROM raised)
         INSERT INTO outbox (id, topic, key, type, body, size, emitted_at)
         SELECT event_id, 'user.events', id, 'user.updated.v1', json_build_object(
                    'specversion', '1.0', 'id', event_id, 'source', '/blazing_sun', 'type', 'user.updated.v1',
                    'subject', id, 'time', '1970-01-01T00:00:00Z', 'datacontenttype', 'application/json',
                    'correlationid', 'test', 'sequence', version,
                    'data', json_build_object('user_id', id, 'version', version, 'changed', $2::text[])),
                100, $3
         FROM made",
    )
    .bind(ADA)
    .bind(changed)
    .bind(app.clock.now())
    .execute(&world.pool())
    .await
    .expect("an event");
}

#[tokio::test]
async fn whoever_changes_a_password_its_owner_is_told_once() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    member(&world, &app, &mut machine, BOB).await;
    set_zone(&world).await;
    let before = world.mails().len();

    let body = json!({ "current_password": PASSWORD, "new_password": NEW });
    assert_eq!(ada.post("/api/v1/auth/password", &body).await.status, 204);
    machine.settle().await;
    machine.deliver_again().await;
    machine.settle().await;

    let mails = mails(&world, before);
    let [(to, subject, text)] = mails.as_slice() else {
        panic!("one mail: {mails:?}");
    };
    assert_eq!(
        (to.as_str(), subject.as_str()),
        (ADA, "Your password was changed")
    );
    assert!(
        text.contains("changed on 1 Jan 1970, 01:00 (Europe/Berlin)."),
        "{text}"
    );
    assert!(!text.contains(NEW) && !text.contains("token="), "{text}");
    app.end().await;
}

#[tokio::test]
async fn a_reset_is_told_once_although_two_events_tell_of_it() {
    let (world, app, mut machine) = World::solo().await.start().await;
    member(&world, &app, &mut machine, ADA).await;
    let mut browser = Browser::new(&app);
    browser
        .post("/api/v1/auth/forgot", &json!({ "email": ADA }))
        .await;
    machine.settle().await;
    let link = token(&world.newest_mail(ADA));
    let before = world.mails().len();

    let body = json!({ "token": link, "password": NEW });
    assert_eq!(browser.post("/api/v1/auth/reset", &body).await.status, 200);
    machine.settle().await;

    let mails = mails(&world, before);
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert_eq!(
        (mails[0].0.as_str(), mails[0].1.as_str()),
        (ADA, "Your password was changed")
    );
    app.end().await;
}

#[tokio::test]
async fn a_sign_in_on_a_new_device_is_told_and_one_on_a_known_device_is_not() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let before = world.mails().len() + 1;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    assert_eq!(mails(&world, before), [], "the first device is no news");

    let mut phone = Browser::new(&app).with("user-agent", "A <phone>");
    phone.sign_in(ADA, PASSWORD).await;
    machine.settle().await;
    ada.sign_in(ADA, PASSWORD).await;
    phone.sign_in(ADA, PASSWORD).await;
    machine.settle().await;
    machine.deliver_again().await;
    machine.settle().await;

    let mails = mails(&world, before);
    let [(to, subject, text)] = mails.as_slice() else {
        panic!("one mail: {mails:?}");
    };
    assert_eq!(
        (to.as_str(), subject.as_str()),
        (ADA, "Somebody signed in to your account on a new device")
    );
    assert!(
        text.contains("Device: A <phone> Address: 127.0.0.1 When: 1 Jan 1970, 00:00 (UTC)"),
        "{text}"
    );
    let raw = world.newest_mail(ADA);
    let parsed = mail_parser::MessageParser::default().parse(raw.as_bytes());
    let html = parsed
        .expect("a mail")
        .body_html(0)
        .expect("HTML")
        .into_owned();
    assert!(
        html.contains("A &lt;phone&gt;") && !html.contains("<phone>"),
        "{html}"
    );
    let cookie = phone.cookie("__Host-session").expect("a session");
    assert!(!html.contains(cookie) && !text.contains(cookie));
    app.end().await;
}

#[tokio::test]
async fn whoever_signs_out_quickly_is_told_of_all_the_same() {
    let (world, app, mut machine) = World::solo().await.start().await;
    member(&world, &app, &mut machine, ADA).await;
    let before = world.mails().len();

    let mut stranger = Browser::new(&app);
    stranger.sign_in(ADA, PASSWORD).await;
    stranger.post("/api/v1/auth/sign-out", &json!({})).await;
    machine.settle().await;

    let mails = mails(&world, before);
    assert_eq!(mails.len(), 1);
    assert!(
        mails[0]
            .2
            .contains("Device: one whose session has ended already"),
        "{mails:?}"
    );
    app.end().await;
}

#[tokio::test]
async fn a_device_that_says_nothing_of_itself_is_told_of_too() {
    let (world, app, mut machine) = World::solo().await.start().await;
    member(&world, &app, &mut machine, ADA).await;
    let before = world.mails().len();

    Browser::new(&app).sign_in(ADA, PASSWORD).await;
    machine.settle().await;

    let mails = mails(&world, before);
    assert_eq!(mails.len(), 1);
    assert!(
        mails[0]
            .2
            .contains("Device: one that says nothing of itself Address: 127.0.0.1"),
        "{mails:?}"
    );
    app.end().await;
}

#[tokio::test]
async fn both_addresses_are_told_of_a_change_of_address() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    set_zone(&world).await;
    let path = "/api/v1/profile/email";
    assert_eq!(
        ada.post(path, &json!({ "email": NEW_ADDRESS }))
            .await
            .status,
        202
    );
    machine.settle().await;
    let before = world.mails().len();

    for address in [ADA, NEW_ADDRESS] {
        let body = json!({ "token": token(&world.newest_mail(address)) });
        let answer = Browser::new(&app)
            .post("/api/v1/profile/email/confirm", &body)
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    machine.settle().await;
    machine.deliver_again().await;
    machine.settle().await;

    let mut mails = mails(&world, before);
    mails.sort();
    let to: Vec<_> = mails
        .iter()
        .map(|(to, subject, _)| (to.as_str(), subject.as_str()))
        .collect();
    let subject = "The address of your account has changed";
    assert_eq!(to, [(ADA, subject), (NEW_ADDRESS, subject)]);
    for (_, _, text) in &mails {
        assert!(
            text.contains(&format!("from {ADA} to {NEW_ADDRESS}.")),
            "{text}"
        );
        assert!(
            text.contains("on 1 Jan 1970, 01:00 (Europe/Berlin)"),
            "{text}"
        );
        assert!(!text.contains("token="), "{text}");
    }
    app.end().await;
}

#[tokio::test]
async fn changes_of_the_second_factor_are_told_and_those_of_the_profile_are_not() {
    let (world, app, mut machine) = World::solo().await.start().await;
    member(&world, &app, &mut machine, ADA).await;
    let before = world.mails().len();

    let harmless = [
        "name",
        "locale",
        "time_zone",
        "currency",
        "role",
        "api_token_created",
        "api_token_revoked",
        "deletion_scheduled",
        "deletion_cancelled",
    ];
    emit(&world, &app, &harmless).await;
    machine.settle().await;
    assert_eq!(mails(&world, before), []);

    emit(
        &world,
        &app,
        &[
            "authenticator_removed",
            "authenticator_added",
            "recovery_codes",
        ],
    )
    .await;
    emit(&world, &app, &["passkey_added"]).await;
    emit(&world, &app, &["passkey_removed"]).await;
    machine.settle().await;
    machine.deliver_again().await;
    machine.settle().await;

    let mails = mails(&world, before);
    for (mail, clause) in mails.iter().zip([
        "the authenticator app was removed, an authenticator app was added and new recovery codes were made",
        "a passkey was added",
        "a passkey was removed",
    ]) {
        assert_eq!(
            (mail.0.as_str(), mail.1.as_str()),
            (ADA, "The second factor of your account has changed")
        );
        let told = format!("has changed: {clause}, on 1 Jan 1970, 00:00 (UTC).");
        assert!(mail.2.contains(&told), "{}", mail.2);
    }
    assert_eq!(mails.len(), 3);
    app.end().await;
}

#[tokio::test]
async fn no_job_of_a_mail_carries_more_than_ids_words_and_moments() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let mut phone = Browser::new(&app).with("user-agent", "a phone");
    phone.sign_in(ADA, PASSWORD).await;
    let body = json!({ "current_password": PASSWORD, "new_password": NEW });
    ada.post("/api/v1/auth/password", &body).await;
    Browser::new(&app)
        .post("/api/v1/auth/forgot", &json!({ "email": ADA }))
        .await;
    machine.settle().await;

    let payloads: Vec<String> = sqlx::query_scalar("SELECT payload::text FROM jobs")
        .fetch_all(&world.pool())
        .await
        .expect("jobs");
    assert!(payloads.len() >= 5, "{payloads:?}");
    for payload in payloads {
        for secret in [ADA, PASSWORD, NEW, "a phone", "127.0.0.1"] {
            assert!(!payload.contains(secret), "{payload}");
        }
    }
    app.end().await;
}
