//! Asking for links by mail: a new password, the activation once more.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde_json::json;

use crate::harness::{Browser, Machine, Response, TestApp, World, admin, register, token};

const ADA: &str = "ada@example.org";
const BOB: &str = "bob@example.org";
const CARL: &str = "carl@example.org";
const NOBODY: &str = "nobody@example.org";
const FORGOT: &str = "/api/v1/auth/forgot";
const RESEND: &str = "/api/v1/auth/resend";

async fn ask(app: &TestApp, path: &str, email: &str) -> Response {
    Browser::new(app)
        .post(path, &json!({ "email": email }))
        .await
}

/// Signs up, and does not activate the account.
async fn pending(world: &World, app: &TestApp, machine: &mut Machine, email: &str) -> String {
    let body = json!({ "email": email, "password": "correct horse battery" });
    let answer = Browser::new(app).post("/api/v1/auth/sign-up", &body).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    machine.settle().await;
    token(&world.newest_mail(email))
}

/// Invites somebody, who does not accept.
async fn invite(world: &World, app: &TestApp, machine: &mut Machine, email: &str) -> String {
    let mut root = admin(world, app, machine, "root@example.org").await;
    let body = json!({ "email": email });
    let answer = root.post("/api/v1/invitations", &body).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    machine.settle().await;
    token(&world.newest_mail(email))
}

/// The subjects of the mails that came after the first `before`.
fn subjects(world: &World, before: usize) -> Vec<String> {
    let mails = world.mails();
    let new = mails[before..].iter();
    new.map(|mail| {
        let line = mail.lines().find_map(|line| line.strip_prefix("Subject: "));
        line.expect("a subject").to_owned()
    })
    .collect()
}

#[tokio::test]
async fn the_answer_is_the_same_for_every_address() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    register(&world, &app, &mut machine, ADA).await;
    pending(&world, &app, &mut machine, BOB).await;
    invite(&world, &app, &mut machine, CARL).await;

    for path in [FORGOT, RESEND] {
        let mut seen = BTreeSet::new();
        for email in [ADA, BOB, CARL, NOBODY] {
            let answer = ask(&app, path, email).await;
            let headers: Vec<_> = [
                "content-type",
                "content-length",
                "set-cookie",
                "cache-control",
            ]
            .iter()
            .map(|name| answer.header(name).map(str::to_owned))
            .collect();
            seen.insert((answer.status, answer.body, headers));
        }
        assert_eq!(seen.len(), 1, "{path}: {seen:?}");
        assert_eq!(seen.first().expect("an answer").0, 202);
    }
    app.end().await;
}

#[tokio::test]
async fn the_request_writes_the_same_rows_for_every_address_and_looks_nobody_up() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    register(&world, &app, &mut machine, ADA).await;
    let pool = world.pool();
    let count = async |query| world.number(&pool, query).await;
    let written = async || {
        [
            count("SELECT count(*) FROM link_requests").await,
            count("SELECT count(*) FROM jobs WHERE state <> 'done'").await,
            count("SELECT count(*) FROM user_tokens WHERE used_at IS NULL").await,
            count("SELECT count(*) FROM outbox").await,
        ]
    };

    ask(&app, FORGOT, ADA).await;
    let known = written().await;
    ask(&app, FORGOT, NOBODY).await;
    let unknown = written().await;

    assert_eq!(known, [1, 1, 0, 0]);
    assert_eq!(unknown, [2, 2, 0, 0]);
    let payload: serde_json::Value =
        sqlx::query_scalar("SELECT payload FROM jobs WHERE name = 'answer_link_request' LIMIT 1")
            .fetch_one(&pool)
            .await
            .expect("a job");
    let fields: Vec<_> = payload.as_object().expect("fields").keys().collect();
    assert_eq!(fields, ["request_id"], "no address lies in a job");
    machine.settle().await;
    assert_eq!(
        count("SELECT count(*) FROM link_requests").await,
        0,
        "the address is forgotten when it is answered"
    );
    app.end().await;
}

#[tokio::test]
async fn who_gets_which_mail_depends_on_the_account_alone() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    register(&world, &app, &mut machine, ADA).await;
    pending(&world, &app, &mut machine, BOB).await;
    invite(&world, &app, &mut machine, CARL).await;

    for (path, email, expected) in [
        (FORGOT, ADA, vec!["Set a new password"]),
        (FORGOT, "ADA@Example.org", vec!["Set a new password"]),
        (FORGOT, BOB, vec![]),
        (FORGOT, CARL, vec!["You are invited"]),
        (FORGOT, NOBODY, vec![]),
        (RESEND, ADA, vec!["You have an account already"]),
        (RESEND, BOB, vec!["Activate your account"]),
        (RESEND, CARL, vec!["You are invited"]),
        (RESEND, NOBODY, vec![]),
    ] {
        let before = world.mails().len();
        assert_eq!(ask(&app, path, email).await.status, 202);
        machine.settle().await;
        assert_eq!(subjects(&world, before), expected, "{path} {email}");
        for mail in &world.mails()[before..] {
            let to = format!("To: {}", email.to_lowercase());
            assert!(mail.lines().any(|line| line == to), "{mail}");
        }
    }
    app.end().await;
}

#[tokio::test]
async fn who_is_invited_gets_the_invitation_again_as_long_as_it_is_good() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let first = invite(&world, &app, &mut machine, CARL).await;

    ask(&app, RESEND, CARL).await;
    machine.settle().await;
    let again = token(&world.newest_mail(CARL));
    app.clock.advance(TimeDelta::days(7));
    let before = world.mails().len();
    ask(&app, RESEND, CARL).await;
    machine.settle().await;

    assert_eq!(again, first, "the same link");
    assert_eq!(world.mails().len(), before);
    app.end().await;
}

#[tokio::test]
async fn an_account_without_a_password_can_be_given_one() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    register(&world, &app, &mut machine, ADA).await;
    sqlx::query("UPDATE users SET password_hash = NULL")
        .execute(&world.pool())
        .await
        .expect("PostgreSQL");

    ask(&app, FORGOT, ADA).await;
    machine.settle().await;

    assert!(world.newest_mail(ADA).contains("/reset?token="));
    app.end().await;
}

#[tokio::test]
async fn a_new_activation_link_takes_the_place_of_the_old_one() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let old = pending(&world, &app, &mut machine, BOB).await;
    let activate = async |token: &str| {
        let body = json!({ "token": token });
        let answer = Browser::new(&app)
            .post("/api/v1/auth/activate", &body)
            .await;
        answer.status
    };

    ask(&app, RESEND, BOB).await;
    machine.settle().await;
    let new = token(&world.newest_mail(BOB));

    assert_ne!(new, old);
    assert_eq!(activate(&old).await, 422);
    app.clock.advance(TimeDelta::hours(23));
    assert_eq!(activate(&new).await, 200);
    app.end().await;
}

#[tokio::test]
async fn requests_are_counted_for_known_and_unknown_addresses_alike() {
    for email in [ADA, NOBODY] {
        let world = World::solo().await;
        let app = TestApp::start(&world).await;
        let mut machine = Machine::new(&world, &app).await;
        register(&world, &app, &mut machine, ADA).await;

        for _ in 0..3 {
            assert_eq!(ask(&app, FORGOT, email).await.status, 202);
        }
        let refused = ask(&app, FORGOT, &email.to_uppercase()).await;
        let other = ask(&app, RESEND, email).await;
        app.clock.advance(TimeDelta::minutes(10));
        let later = ask(&app, FORGOT, email).await;

        assert_eq!(
            (refused.status, refused.header("retry-after")),
            (429, Some("600")),
            "{email}"
        );
        assert_eq!((other.status, later.status), (202, 202), "{email}");
        app.end().await;
    }
}

#[tokio::test]
async fn one_client_cannot_have_mails_sent_to_everybody() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;

    for number in 0..20 {
        let email = format!("{number}@example.org");
        assert_eq!(ask(&app, FORGOT, &email).await.status, 202);
    }
    let refused = ask(&app, FORGOT, ADA).await;

    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (429, Some("10"))
    );
    app.end().await;
}

#[tokio::test]
async fn what_is_no_address_is_refused_with_the_reason() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;

    let answer = ask(&app, FORGOT, "ada@").await;

    assert_eq!(
        (answer.status, answer.json()["errors"][0]["pointer"].clone()),
        (422, json!("/email"))
    );
    app.end().await;
}

#[tokio::test]
async fn the_pages_ask_and_answer_without_telling_who_is_known() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    register(&world, &app, &mut machine, ADA).await;
    let mut browser = Browser::new(&app).with("accept", "text/html");

    for path in ["/forgot", "/resend"] {
        let form = browser.get(path).await;
        let known = browser.form(path, &[("email", ADA)]).await;
        let unknown = browser.form(path, &[("email", NOBODY)]).await;
        let wrong = browser.form(path, &[("email", "ada@")]).await;

        let action = format!("<form method=\"post\" action=\"{path}\"");
        assert!(
            form.status == 200 && form.body.contains(&action),
            "{form:?}"
        );
        assert_eq!((known.status, unknown.status), (200, 200));
        assert!(known.body.contains("Look into your mail"), "{known:?}");
        assert_eq!(known.body.replace(ADA, NOBODY), unknown.body);
        assert_eq!(wrong.status, 422);
        assert!(wrong.body.contains("Is not an e-mail address") && wrong.body.contains("ada@"));
    }
    app.end().await;
}
