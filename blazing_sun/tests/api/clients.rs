//! Programs that sign in, and stay signed in with refresh tokens.

use blazing_sun::audit;
use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::json;
use uuid::Uuid;

use crate::harness::{Browser, Machine, PASSWORD, Program, TestApp, World, member, register};

const ADA: &str = "ada@example.org";

#[tokio::test]
async fn a_program_signs_in_is_known_and_gets_no_cookie() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    register(&world, &app, &mut machine, ADA).await;

    let body = json!({ "email": ADA, "password": PASSWORD, "kind": "client" });
    let answer = Browser::new(&app).post("/api/v1/auth/sign-in", &body).await;
    let tokens = answer.json()["tokens"].clone();
    let program = Program::with(&app, tokens["access_token"].as_str().expect("a token"));
    let listed = program.get("/api/v1/sessions").await.json();
    let signed_out = program.post("/api/v1/auth/sign-out", &json!({})).await;

    assert_eq!(answer.headers("set-cookie"), [""; 0]);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in"], 900);
    assert_eq!(
        (
            listed["sessions"][0]["kind"].clone(),
            listed["sessions"][0]["current"].clone()
        ),
        (json!("client"), json!(true))
    );
    assert_eq!((signed_out.status, program.is_known().await), (204, false));
    app.end().await;
}

#[tokio::test]
async fn a_browser_gets_no_tokens() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    register(&world, &app, &mut machine, ADA).await;

    let answer = Browser::new(&app).sign_in(ADA, PASSWORD).await;

    assert_eq!(answer.json().get("tokens"), None);
    app.end().await;
}

#[tokio::test]
async fn an_access_token_lasts_a_quarter_of_an_hour_and_a_refresh_token_gets_the_next() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    register(&world, &app, &mut machine, ADA).await;
    let mut program = Program::sign_in(&app, ADA).await;

    app.clock.advance(TimeDelta::seconds(899));
    let before = program.is_known().await;
    app.clock.advance(TimeDelta::seconds(1));
    let after = program.is_known().await;
    let renewed = program.renew().await;

    assert_eq!((before, after), (true, false));
    assert_eq!(
        (renewed.status, renewed.header("cache-control")),
        (200, Some("no-store"))
    );
    assert!(program.is_known().await);
    app.end().await;
}

#[tokio::test]
async fn a_reused_refresh_token_revokes_its_family() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut browser = member(&world, &app, &mut machine, ADA).await;
    let mut owner = Program::sign_in(&app, ADA).await;
    let mut thief = owner.clone();

    assert_eq!(owner.renew().await.status, 200);
    app.clock.advance(TimeDelta::seconds(10));
    let reused = thief.renew().await;
    machine.settle().await;

    assert_eq!(
        (reused.status, reused.problem()),
        (401, "bad_refresh_token".to_owned())
    );
    assert!(!owner.is_known().await, "the access token is good no more");
    assert_eq!(owner.renew().await.status, 401);
    assert_eq!(
        browser.get("/api/v1/auth/validate").await.status,
        204,
        "another session goes on"
    );
    let id: Uuid = sqlx::query_scalar("SELECT id FROM users")
        .fetch_one(&world.pool())
        .await
        .expect("an account");
    let history = audit::history(&world.pool(), id).await.expect("the audit");
    assert_eq!(history.last().expect("an event").kind, "auth.sign_out.v1");
    app.end().await;
}

#[tokio::test]
async fn for_ten_seconds_a_used_token_gets_the_same_successor() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    register(&world, &app, &mut machine, ADA).await;
    let mut first = Program::sign_in(&app, ADA).await;
    let mut second = first.clone();

    first.renew().await;
    app.clock.advance(TimeDelta::milliseconds(9_999));
    let again = second.renew().await;

    assert_eq!(again.status, 200);
    assert_eq!(first.refresh, second.refresh);
    assert!(first.is_known().await && second.is_known().await);
    app.end().await;
}

#[tokio::test]
async fn once_the_successor_was_used_the_token_before_is_a_stolen_one() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    register(&world, &app, &mut machine, ADA).await;
    let mut owner = Program::sign_in(&app, ADA).await;
    let mut thief = owner.clone();

    owner.renew().await;
    owner.renew().await;
    let reused = thief.renew().await;

    assert_eq!(reused.status, 401);
    assert!(!owner.is_known().await);
    app.end().await;
}

#[tokio::test]
async fn honest_refreshes_at_once_all_get_the_same_successor() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    register(&world, &app, &mut machine, ADA).await;
    let program = Program::sign_in(&app, ADA).await;

    let mut programs = vec![program; 10];
    let answers = join_all(programs.iter_mut().map(Program::renew)).await;

    for answer in &answers {
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let next = programs[0].refresh.clone();
    assert!(programs.iter().all(|program| program.refresh == next));
    assert_eq!(programs[0].renew().await.status, 200);
    assert_eq!(
        world
            .number(&world.pool(), "SELECT count(*) FROM refresh_tokens")
            .await,
        3
    );
    app.end().await;
}

#[tokio::test]
async fn a_refresh_is_use_but_does_not_make_a_session_last_longer_than_a_month() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    register(&world, &app, &mut machine, ADA).await;
    let mut idle = Program::sign_in(&app, ADA).await;
    let mut busy = Program::sign_in(&app, ADA).await;

    for _ in 0..29 {
        app.clock.advance(TimeDelta::days(1));
        assert_eq!(busy.renew().await.status, 200);
    }
    let unused = idle.renew().await;
    app.clock.advance(TimeDelta::days(1));
    let old = busy.renew().await;

    assert_eq!((unused.status, old.status), (401, 401));
    app.end().await;
}

#[tokio::test]
async fn an_ended_session_and_an_account_that_is_not_active_get_nothing() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut browser = member(&world, &app, &mut machine, ADA).await;
    let mut ended = Program::sign_in(&app, ADA).await;
    let mut graced = ended.clone();
    ended.renew().await;
    let everywhere = "/api/v1/auth/sign-out-everywhere";

    assert_eq!(browser.post(everywhere, &json!({})).await.status, 204);
    assert_eq!(ended.renew().await.status, 401);
    assert_eq!(
        graced.renew().await.status,
        401,
        "not within ten seconds either"
    );
    let mut closed = Program::sign_in(&app, ADA).await;
    sqlx::query("UPDATE users SET status = 'pending'")
        .execute(&world.pool())
        .await
        .expect("PostgreSQL");
    assert!(!closed.is_known().await);
    assert_eq!(closed.renew().await.status, 401);
    app.end().await;
}

#[tokio::test]
async fn what_a_program_may_the_account_says_and_not_the_token() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    register(&world, &app, &mut machine, ADA).await;
    let program = Program::sign_in(&app, ADA).await;

    sqlx::query("UPDATE users SET role = 'operator'")
        .execute(&world.pool())
        .await
        .expect("PostgreSQL");

    let answer = program.get("/api/v1/auth/validate").await;
    assert_eq!(answer.header("x-user-role"), Some("operator"));
    app.end().await;
}

#[tokio::test]
async fn a_new_access_token_is_no_confirmation() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    register(&world, &app, &mut machine, ADA).await;
    let mut program = Program::sign_in(&app, ADA).await;
    let exports = "/api/v1/profile/exports";

    app.clock.advance(TimeDelta::minutes(10));
    assert_eq!(program.renew().await.status, 200);
    let refused = program.post(exports, &json!({})).await;
    let confirm = json!({ "password": PASSWORD });
    let confirmed = program.post("/api/v1/auth/confirm", &confirm).await;
    // The token is the same as before; its session is not.
    let granted = program.post(exports, &json!({})).await;

    assert_eq!(
        (refused.status, refused.problem()),
        (403, "confirmation_required".to_owned())
    );
    assert_eq!((confirmed.status, granted.status), (204, 202));
    app.end().await;
}

#[tokio::test]
async fn what_a_program_says_of_itself_counts_before_a_cookie() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let ada = member(&world, &app, &mut machine, ADA).await;
    register(&world, &app, &mut machine, "bob@example.org").await;
    let bob = Program::sign_in(&app, "bob@example.org").await;
    let validate = "/api/v1/auth/validate";
    let with = |authorization: &str| ada.clone().with("authorization", authorization);

    let by_cookie = ada.clone().get(validate).await;
    let by_token = with(&format!("Bearer {}", bob.access)).get(validate).await;
    let any_case = with(&format!("bearer  {}", bob.access)).get(validate).await;
    let mut refused = Vec::new();
    for authorization in ["Bearer x", "Bearer", "Basic YWRhOng=", ""] {
        refused.push(with(authorization).get(validate).await.status);
    }
    let another_scheme = format!("Basic {}", bob.access);
    refused.push(with(&another_scheme).get(validate).await.status);

    let id = by_cookie.header("x-user-id");
    let bobs = by_token.header("x-user-id");
    assert!(id.is_some() && bobs.is_some() && id != bobs);
    assert_eq!(any_case.header("x-user-id"), bobs);
    assert_eq!(refused, [401; 5]);
    app.end().await;
}

#[tokio::test]
async fn each_kind_of_token_is_good_in_its_own_place_alone() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let browser = member(&world, &app, &mut machine, ADA).await;
    let program = Program::sign_in(&app, ADA).await;
    let cookie = browser.cookie("__Host-session").expect("a cookie");

    for token in [cookie, &program.refresh] {
        assert!(!Program::with(&app, token).is_known().await);
    }
    for token in [&program.access, &program.refresh] {
        let mut browser = Browser::new(&app);
        browser.plant("__Host-session", token);
        assert_eq!(browser.get("/api/v1/auth/validate").await.status, 401);
    }
    for token in ["", "x", cookie, &program.access] {
        let mut other = program.clone();
        other.refresh = token.to_owned();
        assert_eq!(other.renew().await.status, 401);
    }
    assert!(program.is_known().await, "none of it ended the session");
    app.end().await;
}

#[tokio::test]
async fn a_session_is_refreshed_so_often_and_then_has_to_wait() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    register(&world, &app, &mut machine, ADA).await;
    let mut program = Program::sign_in(&app, ADA).await;

    for _ in 0..30 {
        assert_eq!(program.renew().await.status, 200);
    }
    let refused = program.renew().await;
    app.clock.advance(TimeDelta::seconds(30));
    let later = program.renew().await;

    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (429, Some("30"))
    );
    assert_eq!(later.status, 200);
    app.end().await;
}

#[tokio::test]
async fn tokens_are_tried_so_often_from_one_address() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut guesser = Program::with(&app, "");
    guesser.refresh = "guess".to_owned();

    for _ in 0..60 {
        assert_eq!(guesser.renew().await.status, 401);
    }
    assert_eq!(guesser.renew().await.status, 429);
    app.end().await;
}
