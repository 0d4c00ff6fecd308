//! Signing in, staying signed in, signing out.

use blazing_sun::audit;
use chrono::TimeDelta;
use serde_json::json;
use uuid::Uuid;

use crate::harness::{
    App, Browser, Machine, PASSWORD, Program, TestApp, World, challenge, member, register, token,
};

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
    let mut seldom = Browser::new(&app);
    let mut busy = Browser::new(&app);
    for browser in [&mut seldom, &mut busy] {
        browser.sign_in(ADA, PASSWORD).await;
    }
    let validate = "/api/v1/auth/validate";
    let second = TimeDelta::seconds(1);

    app.clock.advance(TimeDelta::days(7) - second);
    let still = [
        seldom.get(validate).await.status,
        busy.get(validate).await.status,
    ];
    app.clock.advance(second);
    let unused = idle.get(validate).await.status;
    app.clock.advance(TimeDelta::days(7) - second - second);
    let almost = seldom.get(validate).await.status;
    for _ in 14..29 {
        assert_eq!(busy.get(validate).await.status, 204);
        app.clock.advance(TimeDelta::days(1));
    }
    app.clock.advance(TimeDelta::days(1) + second);
    let last = busy.get(validate).await.status;
    app.clock.advance(second);
    let old = busy.get(validate).await.status;

    assert_eq!((still, unused, almost), ([204, 204], 401, 204));
    assert_eq!((last, old), (204, 401));
    app.end().await;
}

#[tokio::test]
async fn who_signs_in_again_leaves_what_the_browser_held_before() {
    let world = World::cached().await;
    let app = TestApp::start(&world).await;
    app.clock.advance(TimeDelta::hours(1));
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let mut bob = member(&world, &app, &mut machine, BOB).await;
    let (phone, codes) = App::set_up(&mut bob, &app).await;
    let validate = "/api/v1/auth/validate";
    let mut before = Vec::new();

    // By the interface, by the form, and as somebody else with a second factor.
    before.push(ada.clone());
    let again = ada.sign_in(ADA, PASSWORD).await;
    before.push(ada.clone());
    let fields = [("email", ADA), ("password", PASSWORD)];
    let by_form = ada.form("/sign-in", &fields).await;
    before.push(ada.clone());
    let asked = challenge(&mut ada, BOB).await;
    let still = ada.get(validate).await;
    let body = json!({ "challenge": asked, "code": phone.code(&app) });
    let as_bob = ada.post("/api/v1/auth/second-factor", &body).await;
    before.push(ada.clone());
    let asked = challenge(&mut ada, BOB).await;
    let fields = [("challenge", asked.as_str()), ("code", &codes[0])];
    let by_form_too = ada.form("/sign-in/second-factor", &fields).await;
    let body = json!({ "email": ADA, "password": PASSWORD, "kind": "client" });
    let program = ada.post("/api/v1/auth/sign-in", &body).await;
    let wrong = ada.sign_in(ADA, "another horse").await;

    let statuses = [&again, &by_form, &as_bob, &by_form_too, &program, &wrong];
    assert_eq!(
        statuses.map(|answer| answer.status),
        [200, 303, 200, 303, 200, 401]
    );
    assert_eq!(still.status, 204, "half a sign-in ends nothing");
    for mut browser in before {
        assert_eq!(browser.get(validate).await.status, 401);
    }
    assert_eq!(ada.get(validate).await.status, 204);
    assert_eq!(bob.get(validate).await.status, 204, "another browser");
    app.end().await;
}

#[tokio::test]
async fn a_token_that_somebody_planted_is_never_made_a_session() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    register(&world, &app, &mut machine, ADA).await;
    let planted = "A".repeat(43);
    let mut ada = Browser::new(&app);
    ada.plant("__Host-session", &planted);
    let mut thief = ada.clone();

    let signed_in = ada.sign_in(ADA, PASSWORD).await;

    assert_eq!(signed_in.status, 200);
    assert_ne!(ada.cookie("__Host-session"), Some(planted.as_str()));
    assert_eq!(thief.get("/api/v1/auth/validate").await.status, 401);
    app.end().await;
}

#[tokio::test]
async fn sessions_are_ended_after_a_fresh_confirmation_and_ones_own_without() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let mut program = Program::sign_in(&app, ADA).await;
    let mut phone = Browser::new(&app);
    phone.sign_in(ADA, PASSWORD).await;
    app.clock.advance(TimeDelta::minutes(10));
    let page = "/profile/sessions";
    let everywhere = "/api/v1/auth/sign-out-everywhere";

    let listed = ada.get("/api/v1/sessions").await.json();
    let sessions = listed["sessions"].as_array().expect("a list").clone();
    let clients = sessions.iter().find(|session| session["kind"] == "client");
    let id = clients.expect("one")["id"].as_str().expect("an id");
    let path = format!("/api/v1/sessions/{id}");
    let refused = [
        ada.delete(&path).await,
        ada.post(everywhere, &json!({})).await,
    ];
    let buttons = [
        ada.form(page, &[("do", "end"), ("id", id)]).await,
        ada.form(page, &[("do", "end_others")]).await,
    ];
    let before = program.renew().await.status;
    ada.post("/api/v1/auth/confirm", &json!({ "password": PASSWORD }))
        .await;
    let ended = ada.delete(&path).await;
    let after = program.renew().await.status;
    let own = phone.post("/api/v1/auth/sign-out", &json!({})).await;

    assert_eq!(sessions.len(), 3);
    for answer in refused {
        let expected = (403, "confirmation_required".to_owned());
        assert_eq!((answer.status, answer.problem()), expected);
    }
    for answer in buttons {
        let first = answer.header("location").map(str::to_owned);
        assert_eq!(first.as_deref(), Some("/confirm?next=/profile/sessions"));
    }
    assert_eq!((before, ended.status, after), (200, 204, 401));
    assert!(!program.is_known().await);
    assert_eq!(own.status, 204, "without a confirmation");
    app.end().await;
}

#[tokio::test]
async fn no_other_site_signs_anybody_in_and_no_link_does() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    register(&world, &app, &mut machine, ADA).await;
    let mut lured = Browser::new(&app).with("sec-fetch-site", "cross-site");
    let mut old = Browser::new(&app).with("origin", "https://evil.example");
    let fields = [("email", ADA), ("password", PASSWORD)];
    let sign_up = json!({ "email": BOB, "password": PASSWORD });
    Browser::new(&app)
        .post("/api/v1/auth/sign-up", &sign_up)
        .await;
    machine.settle().await;
    let link = token(&world.newest_mail(BOB));
    let mut bob = Browser::new(&app);

    for browser in [&mut lured, &mut old] {
        let answers = [
            browser.sign_in(ADA, PASSWORD).await,
            browser.form("/sign-in", &fields).await,
        ];
        for answer in answers {
            assert_eq!(answer.status, 403);
            assert!(answer.headers("set-cookie").is_empty());
        }
    }
    let opened = bob.get(&format!("/activate?token={link}")).await;
    let pressed = bob.form("/activate", &[("token", &link)]).await;
    let in_address = format!("/sign-in?email={ADA}&password=correct+horse+battery");
    let guessed = bob.get(&in_address).await;

    assert_eq!((opened.status, pressed.status), (200, 200));
    for answer in [opened, pressed, guessed] {
        assert!(answer.headers("set-cookie").is_empty(), "{answer:?}");
    }
    let sessions = "SELECT count(*) FROM sessions";
    assert_eq!(world.number(&world.pool(), sessions).await, 0);
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
