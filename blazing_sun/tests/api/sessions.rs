//! Signing in, staying signed in, signing out.

use blazing_sun::audit;
use chrono::TimeDelta;
use serde_json::json;
use uuid::Uuid;

use crate::harness::{Browser, Machine, PASSWORD, TestApp, World, member, register};

const ADA: &str = "ada@example.org";
const BOB: &str = "bob@example.org";

async fn user(world: &World, email: &'static str) -> Uuid {
    sqlx::query_scalar("SELECT id FROM users WHERE email = $1")
        .bind(email)
        .fetch_one(&world.pool())
        .await
        .expect("an account")
}

async fn told(world: &World, user: Uuid) -> Vec<String> {
    let history = audit::history(&world.pool(), user)
        .await
        .expect("the audit");
    history.into_iter().map(|entry| entry.kind).collect()
}

#[tokio::test]
async fn who_signs_in_is_known_until_they_sign_out() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    register(&world, &app, &mut machine, ADA).await;
    let mut browser = Browser::new(&app);

    let before = browser.get("/api/v1/auth/validate").await;
    let signed_in = browser.sign_in(ADA, PASSWORD).await;
    let during = browser.get("/api/v1/auth/validate").await;
    let held = browser.clone();
    let signed_out = browser.post("/api/v1/auth/sign-out", &json!({})).await;
    let after = held.clone().get("/api/v1/auth/validate").await;
    machine.settle().await;

    assert_eq!(
        (before.status, before.problem()),
        (401, "not_signed_in".to_owned())
    );
    assert_eq!(signed_in.json()["status"], "signed_in");
    let id = user(&world, ADA).await;
    assert_eq!(during.status, 204);
    assert_eq!(during.header("x-user-id"), Some(id.to_string().as_str()));
    assert_eq!(during.header("x-user-role"), Some("user"));
    assert_eq!((signed_out.status, after.status), (204, 401));
    assert_eq!(browser.cookie("__Host-session"), None, "the cookie is gone");
    assert_eq!(
        told(&world, id).await[2..],
        ["auth.sign_in.v1", "auth.sign_out.v1"]
    );
    app.end().await;
}

#[tokio::test]
async fn the_cookie_is_for_this_host_alone_and_no_script_reads_it() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    register(&world, &app, &mut machine, ADA).await;

    let answer = Browser::new(&app).sign_in(ADA, PASSWORD).await;

    let cookies = answer.headers("set-cookie");
    assert_eq!(cookies.len(), 2, "{cookies:?}");
    for cookie in cookies {
        assert!(cookie.starts_with("__Host-"), "{cookie}");
        for attribute in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/", "Max-Age="] {
            assert!(cookie.contains(attribute), "{cookie}: {attribute}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
    }
    app.end().await;
}

#[tokio::test]
async fn nobody_is_told_which_of_the_two_was_wrong() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    register(&world, &app, &mut machine, ADA).await;
    let body = json!({ "email": BOB, "password": PASSWORD });
    let pending = Browser::new(&app).post("/api/v1/auth/sign-up", &body).await;

    let wrong = Browser::new(&app).sign_in(ADA, "another horse").await;
    let unknown = Browser::new(&app)
        .sign_in("nobody@example.org", PASSWORD)
        .await;
    let not_active = Browser::new(&app).sign_in(BOB, PASSWORD).await;
    machine.settle().await;

    assert_eq!(pending.status, 202);
    assert_eq!(
        (wrong.status, wrong.problem()),
        (401, "wrong_credentials".to_owned())
    );
    assert_eq!((unknown.status, &unknown.body), (401, &wrong.body));
    assert_eq!((not_active.status, &not_active.body), (401, &wrong.body));
    let reasons: Vec<String> = sqlx::query_scalar(
        "SELECT data->>'reason' FROM audit_log WHERE type = 'auth.sign_in_failed.v1' ORDER BY event_id",
    )
    .fetch_all(&world.pool())
    .await
    .expect("the audit");
    assert_eq!(reasons, ["password", "unknown", "not_active"]);
    app.end().await;
}

#[tokio::test]
async fn a_session_ends_when_it_was_not_used_for_a_week_and_after_a_month_in_any_case() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut idle = member(&world, &app, &mut machine, ADA).await;
    let mut busy = idle.clone();
    busy.sign_in(ADA, PASSWORD).await;

    for _ in 0..29 {
        app.clock.advance(TimeDelta::days(1));
        assert_eq!(busy.get("/api/v1/auth/validate").await.status, 204);
    }
    let unused = idle.get("/api/v1/auth/validate").await;
    app.clock.advance(TimeDelta::days(1));
    let old = busy.get("/api/v1/auth/validate").await;

    assert_eq!((unused.status, old.status), (401, 401));
    app.end().await;
}

#[tokio::test]
async fn sessions_are_listed_and_ended_by_their_owner_alone() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let mut phone = Browser::new(&app).with("user-agent", "a phone");
    phone.sign_in(ADA, PASSWORD).await;
    let mut bob = member(&world, &app, &mut machine, BOB).await;

    let listed = ada.get("/api/v1/sessions").await.json();
    let sessions = listed["sessions"].as_array().expect("a list");
    let phones = sessions[0]["id"].as_str().expect("an id");
    let path = format!("/api/v1/sessions/{phones}");
    let bobs = bob.delete(&path).await;
    let still = phone.get("/api/v1/auth/validate").await;
    let ended = ada.delete(&path).await;
    let gone = phone.get("/api/v1/auth/validate").await;
    let again = ada.delete(&path).await;

    assert_eq!(sessions.len(), 2);
    assert_eq!(sessions[0]["agent"], "a phone");
    assert_eq!(
        (
            sessions[0]["current"].clone(),
            sessions[1]["current"].clone()
        ),
        (json!(false), json!(true))
    );
    assert_eq!((bobs.status, still.status), (404, 204));
    assert_eq!((ended.status, gone.status, again.status), (204, 401, 404));
    app.end().await;
}

#[tokio::test]
async fn signing_out_everywhere_ends_every_session() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let mut phone = Browser::new(&app);
    phone.sign_in(ADA, PASSWORD).await;

    let answer = ada
        .post("/api/v1/auth/sign-out-everywhere", &json!({}))
        .await;

    assert_eq!(answer.status, 204);
    assert_eq!(phone.get("/api/v1/auth/validate").await.status, 401);
    app.end().await;
}

#[tokio::test]
async fn an_account_has_a_hundred_sessions_at_most_and_the_oldest_makes_room() {
    let world = World::solo().await.with("THROTTLE_FACTOR", 100);
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut first = member(&world, &app, &mut machine, ADA).await;
    let mut last = Browser::new(&app);
    for _ in 0..100 {
        last = Browser::new(&app);
        assert_eq!(last.sign_in(ADA, PASSWORD).await.status, 200);
    }

    let sessions = world
        .number(&world.pool(), "SELECT count(*) FROM sessions")
        .await;
    assert_eq!(sessions, 100);
    assert_eq!(first.get("/api/v1/auth/validate").await.status, 401);
    assert_eq!(last.get("/api/v1/auth/validate").await.status, 204);
    app.end().await;
}

#[tokio::test]
async fn a_confirmation_gives_the_browser_another_token() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let mut old = ada.clone();
    let confirm = "/api/v1/auth/confirm";

    let wrong = ada
        .post(confirm, &json!({ "password": "another horse" }))
        .await;
    let right = ada.post(confirm, &json!({ "password": PASSWORD })).await;

    assert_eq!(
        (wrong.status, wrong.problem()),
        (422, "invalid_fields".to_owned())
    );
    assert_eq!(right.status, 204);
    assert_eq!(old.get("/api/v1/auth/validate").await.status, 401);
    assert_eq!(ada.get("/api/v1/auth/validate").await.status, 204);
    app.end().await;
}

#[tokio::test]
async fn too_many_tries_have_to_wait_but_not_on_a_device_that_the_owner_uses() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let mut stranger = Browser::new(&app);

    // Signing in for the first time was a try of a device that nobody knew.
    for _ in 0..9 {
        assert_eq!(stranger.sign_in(ADA, "another horse").await.status, 401);
    }
    let refused = stranger.sign_in(ADA, PASSWORD).await;
    let owner = ada.sign_in(ADA, PASSWORD).await;
    app.clock.advance(TimeDelta::seconds(60));
    let later = stranger.sign_in(ADA, PASSWORD).await;

    assert_eq!(
        (refused.status, refused.problem()),
        (429, "too_many_requests".to_owned())
    );
    assert_eq!(refused.header("retry-after"), Some("60"));
    assert_eq!(owner.status, 200);
    assert_eq!(later.status, 200, "nobody is locked out");
    app.end().await;
}

#[tokio::test]
async fn a_request_that_another_site_began_changes_nothing() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let ada = member(&world, &app, &mut machine, ADA).await;

    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ] {
        let mut abused = ada.clone().with(name, value);
        let answer = abused.post("/api/v1/auth/sign-out", &json!({})).await;
        assert_eq!(
            (answer.status, answer.problem()),
            (403, "cross_site".to_owned())
        );
    }
    let mut own = ada.clone().with("sec-fetch-site", "same-origin");
    assert_eq!(own.get("/api/v1/auth/validate").await.status, 204);
    assert_eq!(
        own.post("/api/v1/auth/sign-out", &json!({})).await.status,
        204
    );
    app.end().await;
}

#[tokio::test]
async fn who_gives_a_token_of_nobody_is_nobody() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;

    for value in ["", "x", "%00", &"a".repeat(4000)] {
        let mut browser = Browser::new(&app);
        browser.plant("__Host-session", value);
        assert_eq!(browser.get("/api/v1/auth/validate").await.status, 401);
        let bearer = format!("Bearer {value}");
        let mut program = Browser::new(&app).with("authorization", &bearer);
        assert_eq!(program.get("/api/v1/auth/validate").await.status, 401);
    }
    app.end().await;
}
