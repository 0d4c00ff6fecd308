//! Signing up and activating, over HTTP and through the spine.

use blazing_sun::audit;
use chrono::TimeDelta;
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use crate::harness::{Machine, Response, TestApp, World, post, send, token};

const ADA: &str = "ada@example.org";

async fn sign_up(app: &TestApp, email: &str, password: &str) -> Response {
    let body = json!({ "email": email, "password": password });
    post(app.address, "/api/v1/auth/sign-up", &body).await
}

async fn activate(app: &TestApp, token: &str) -> Response {
    post(
        app.address,
        "/api/v1/auth/activate",
        &json!({ "token": token }),
    )
    .await
}

async fn account(pool: &PgPool) -> (Uuid, String, i64) {
    sqlx::query_as("SELECT id, status, version FROM users")
        .fetch_one(pool)
        .await
        .expect("one account")
}

#[tokio::test]
async fn a_sign_up_becomes_a_mail_whose_token_activates_the_account() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;

    let answer = sign_up(&app, ADA, "correct horse").await;
    machine.settle().await;
    let mails = world.mails();
    let activated = activate(&app, &token(&mails[0])).await;
    machine.settle().await;

    assert_eq!(answer.status, 202, "{answer:?}");
    assert!(mails.len() == 1 && mails[0].contains(&format!("To: {ADA}")));
    assert_eq!(activated.status, 200, "{activated:?}");
    let (id, status, version) = account(&world.pool()).await;
    assert_eq!((status.as_str(), version), ("active", 2));
    let history = audit::history(&world.pool(), id).await.expect("the audit");
    let told: Vec<_> = history
        .iter()
        .map(|entry| (entry.kind.as_str(), entry.sequence))
        .collect();
    assert_eq!(told, [("user.created.v1", 1), ("user.activated.v1", 2)]);
    app.end().await;
}

#[tokio::test]
async fn what_follows_from_a_request_carries_its_id() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;

    let answer = sign_up(&app, ADA, "correct horse").await;
    machine.settle().await;

    let id = answer.header("x-request-id").expect("an id");
    let (account, ..) = account(&world.pool()).await;
    let history = audit::history(&world.pool(), account)
        .await
        .expect("the audit");
    assert_eq!(history[0].correlation_id, id);
    app.end().await;
}

#[tokio::test]
async fn a_known_address_gets_the_same_answer_and_its_owner_a_mail_without_a_link_to_activate() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let first = sign_up(&app, ADA, "correct horse").await;
    machine.settle().await;
    activate(&app, &token(&world.mails()[0])).await;

    let again = sign_up(&app, "ADA@example.org", "another horse").await;
    machine.settle().await;

    assert_eq!((again.status, &again.body), (first.status, &first.body));
    let mails = world.mails();
    assert_eq!(mails.len(), 2);
    assert!(mails[1].contains(&format!("To: {ADA}")) && !mails[1].contains("token="));
    assert_eq!(account(&world.pool()).await.2, 2, "nothing was changed");
    app.end().await;
}

#[tokio::test]
async fn of_several_sign_ups_with_a_pending_address_the_newest_counts() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let hash = async || -> String {
        sqlx::query_scalar("SELECT password_hash FROM users")
            .fetch_one(&world.pool())
            .await
            .expect("a hash")
    };

    sign_up(&app, ADA, "of a stranger").await;
    machine.settle().await;
    let strangers = hash().await;
    sign_up(&app, ADA, "of the owner").await;
    machine.settle().await;
    let mails = world.mails();

    assert_ne!(hash().await, strangers);
    assert_eq!(activate(&app, &token(&mails[0])).await.status, 422);
    assert_eq!(activate(&app, &token(&mails[1])).await.status, 200);
    app.end().await;
}

#[tokio::test]
async fn a_token_works_once_even_if_many_use_it_at_the_same_time() {
    let world = World::solo().await.patient().with("THROTTLE_FACTOR", 10);
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    sign_up(&app, ADA, "correct horse").await;
    machine.settle().await;
    let token = token(&world.mails()[0]);

    let attempts = (0..50).map(|_| activate(&app, &token));
    let answers = futures_util::future::join_all(attempts).await;

    let count = |status| {
        answers
            .iter()
            .filter(|answer| answer.status == status)
            .count()
    };
    assert_eq!((count(200), count(422)), (1, 49));
    app.end().await;
}

#[tokio::test]
async fn a_token_expires_after_a_day() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    sign_up(&app, ADA, "correct horse").await;
    machine.settle().await;
    let token = token(&world.mails()[0]);

    app.clock.advance(TimeDelta::hours(24));

    let answer = activate(&app, &token).await;
    assert_eq!(answer.json()["type"], "/problems/bad_link");
    assert_eq!(account(&world.pool()).await.1, "pending");
    app.end().await;
}

#[tokio::test]
async fn a_mail_that_comes_too_late_is_not_sent() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    sign_up(&app, ADA, "correct horse").await;

    app.clock.advance(TimeDelta::hours(25));
    machine.settle().await;

    assert_eq!(world.mails().len(), 0);
    app.end().await;
}

#[tokio::test]
async fn sign_ups_are_counted_for_known_and_unknown_addresses_alike() {
    for known in [true, false] {
        let world = World::solo().await;
        let app = TestApp::start(&world).await;
        let mut machine = Machine::new(&world, &app).await;
        if known {
            sign_up(&app, ADA, "correct horse").await;
            machine.settle().await;
            activate(&app, &token(&world.mails()[0])).await;
            app.clock.advance(TimeDelta::minutes(5));
        }

        for _ in 0..5 {
            assert_eq!(sign_up(&app, ADA, "correct horse").await.status, 202);
        }
        let refused = sign_up(&app, "ADA@example.org", "correct horse").await;
        let other = sign_up(&app, "bob@example.org", "correct horse").await;
        app.clock.advance(TimeDelta::minutes(5));
        let later = sign_up(&app, ADA, "correct horse").await;

        assert_eq!(
            (refused.status, refused.header("retry-after")),
            (429, Some("300"))
        );
        assert_eq!((other.status, later.status), (202, 202));
        app.end().await;
    }
}

#[tokio::test]
async fn one_client_cannot_sign_everybody_up() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;

    for number in 0..20 {
        let email = format!("{number}@example.org");
        assert_eq!(sign_up(&app, &email, "correct horse").await.status, 202);
    }
    let refused = sign_up(&app, ADA, "correct horse").await;

    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (429, Some("10"))
    );
    app.end().await;
}

#[tokio::test]
async fn links_that_are_tried_are_counted() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;

    for _ in 0..30 {
        assert_eq!(activate(&app, "nothing").await.status, 422);
    }

    assert_eq!(activate(&app, "nothing").await.status, 429);
    app.end().await;
}

#[tokio::test]
async fn the_newest_sign_up_brings_its_name_and_who_was_invited_keeps_theirs() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let name = async || -> String {
        sqlx::query_scalar("SELECT name FROM users")
            .fetch_one(&world.pool())
            .await
            .expect("a name")
    };
    let named = async |name: &str| {
        let body = json!({ "email": ADA, "name": name, "password": "correct horse" });
        post(app.address, "/api/v1/auth/sign-up", &body).await
    };

    named("A Stranger").await;
    sign_up(&app, ADA, "correct horse").await;
    let without = name().await;
    named("Ada").await;
    let with = name().await;
    sqlx::query("UPDATE users SET password_hash = NULL, name = 'Miss Lovelace'")
        .execute(&world.pool())
        .await
        .expect("an invitation");
    sign_up(&app, ADA, "correct horse").await;

    assert_eq!((without.as_str(), with.as_str()), ("", "Ada"));
    assert_eq!(name().await, "Miss Lovelace");
    app.end().await;
}

#[tokio::test]
async fn everything_wrong_with_a_form_is_told_at_once_and_nothing_is_kept() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;

    let answer = sign_up(&app, "ada@", "short").await;

    assert_eq!(answer.status, 422);
    assert_eq!(
        answer.json(),
        json!({
            "type": "/problems/invalid_fields",
            "title": "Unprocessable Entity",
            "status": 422,
            "errors": [
                { "pointer": "/email", "detail": "is not an e-mail address such as ada@example.org" },
                { "pointer": "/password", "detail": "has fewer than 8 characters" },
            ],
        })
    );
    assert_eq!(
        world
            .number(&world.pool(), "SELECT count(*) FROM users")
            .await,
        0
    );
    app.end().await;
}

#[tokio::test]
async fn a_body_that_is_not_the_form_is_refused() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let path = "/api/v1/auth/sign-up";

    let unknown = json!({ "email": ADA, "password": "correct horse", "role": "admin" });
    let unknown = post(app.address, path, &unknown).await;
    let none = send(app.address, "POST", path, &[("content-length", "0")]).await;
    let method = send(app.address, "GET", path, &[]).await;

    assert_eq!(
        (unknown.status, unknown.json()["type"].as_str()),
        (400, Some("/problems/malformed_json"))
    );
    assert!(unknown.body.contains("unknown field `role`"));
    assert_eq!(none.status, 415);
    assert_eq!((method.status, method.header("allow")), (405, Some("POST")));
    app.end().await;
}

#[tokio::test]
async fn the_page_behind_the_link_activates_only_when_its_button_is_pressed() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    sign_up(&app, ADA, "correct horse").await;
    machine.settle().await;
    let token = token(&world.mails()[0]);
    let press = async || {
        let form = format!("token={token}");
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("content-length", &form.len().to_string()),
        ];
        crate::harness::send_with(app.address, "POST", "/activate", &headers, &form).await
    };

    let page = app.get(&format!("/activate?token={token}")).await;
    let before = account(&world.pool()).await.1;
    let done = press().await;
    let again = press().await;

    assert!(page.body.contains("<form method=\"post\"") && page.body.contains(&token));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(before, "pending");
    assert!(done.body.contains("Your account is active"), "{done:?}");
    assert!(again.body.contains("not good any more"), "{again:?}");
    app.end().await;
}

#[tokio::test]
async fn what_a_link_carries_is_shown_as_text() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;

    let page = app
        .get("/activate?token=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
        .await;

    assert_eq!(page.status, 200);
    assert!(!page.body.contains("<script"), "{page:?}");
    app.end().await;
}
