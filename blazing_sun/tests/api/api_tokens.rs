//! API tokens: made, used within their scopes, revoked.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::harness::{Browser, Machine, Program, Response, TestApp, World, member};

const ADA: &str = "ada@example.org";
const BOB: &str = "bob@example.org";
const TOKENS: &str = "/api/v1/tokens";

fn wanted() -> Value {
    json!({ "name": " Backup ", "scopes": ["profile:read"], "days": 30 })
}

/// A program that uses the token which an answer shows.
fn program_of(app: &TestApp, answer: &Response) -> Program {
    assert_eq!(answer.status, 201, "{answer:?}");
    Program::with(app, answer.json()["token"].as_str().expect("a token"))
}

/// What becomes of a token where it may do nothing: whether it is one at all.
async fn is_one(program: &Program) -> bool {
    let answer = program.get("/api/v1/sessions").await;
    match (answer.status, answer.problem().as_str()) {
        (403, "session_required") => true,
        (401, "not_signed_in") => false,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_token_is_shown_once_and_kept_as_a_hash() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;

    let made = ada.post(TOKENS, &wanted()).await;
    let token = made.json()["token"].as_str().expect("a token").to_owned();
    let listed = ada.get(TOKENS).await;

    assert_eq!(
        (made.status, made.header("cache-control")),
        (201, Some("no-store"))
    );
    assert!(token.starts_with("bs_pat_") && token.len() == 55, "{token}");
    let id = made.json()["id"].as_str().expect("an id").to_owned();
    assert_eq!(
        made.header("location"),
        Some(format!("{TOKENS}/{id}").as_str())
    );
    assert!(!listed.body.contains(&token));
    let expected = json!({
        "id": id, "name": "Backup", "scopes": ["profile:read"], "seen_at": null,
        "created_at": "1970-01-01T00:00:00Z", "expires_at": "1970-01-31T00:00:00Z",
    });
    assert_eq!(listed.json(), json!({ "tokens": [expected] }));
    let kept: String = sqlx::query_scalar("SELECT row_to_json(api_tokens)::text FROM api_tokens")
        .fetch_one(&world.pool())
        .await
        .expect("a row");
    assert!(!kept.contains(&token["bs_pat_".len()..]), "{kept}");
    app.end().await;
}

#[tokio::test]
async fn a_token_reaches_neither_sessions_nor_tokens_nor_the_way_in() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let all = json!({ "name": "All", "scopes": ["profile:read", "profile:write"], "days": 1 });
    let program = program_of(&app, &ada.post(TOKENS, &all).await);
    let sessions = ada.get("/api/v1/sessions").await.json();
    let session = format!(
        "/api/v1/sessions/{}",
        sessions["sessions"][0]["id"].as_str().expect("an id")
    );

    for answer in [
        program.get("/api/v1/auth/validate").await,
        program.get("/api/v1/sessions").await,
        program.delete(&session).await,
        program.get(TOKENS).await,
        program.post(TOKENS, &wanted()).await,
        program.post("/api/v1/auth/sign-out", &json!({})).await,
        program
            .post("/api/v1/auth/sign-out-everywhere", &json!({}))
            .await,
        program
            .post("/api/v1/auth/confirm", &json!({ "password": "x" }))
            .await,
    ] {
        assert_eq!(
            (answer.status, answer.problem()),
            (403, "session_required".to_owned())
        );
    }
    let mut browser = Browser::new(&app);
    browser.plant("__Host-session", &program.access);
    assert_eq!(browser.get("/api/v1/sessions").await.status, 401);
    app.end().await;
}

#[tokio::test]
async fn a_token_does_what_its_scopes_say() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let profile = "/api/v1/profile";
    let mut of_scope = async |scope: &str| {
        let body = json!({ "name": "One", "scopes": [scope], "days": 1 });
        program_of(&app, &ada.post(TOKENS, &body).await)
    };
    let reader = of_scope("profile:read").await;
    let writer = of_scope("profile:write").await;
    let change = async |program: &Program| {
        let headers = [("if-match", "*")];
        program
            .json("PATCH", profile, &headers, &json!({ "name": "Countess" }))
            .await
    };

    assert_eq!(reader.get(profile).await.status, 200);
    assert_eq!(change(&writer).await.status, 200);
    assert_eq!(
        writer.get(profile).await.status,
        200,
        "whoever writes is shown what they wrote"
    );
    let refused = change(&reader).await;
    assert_eq!(
        (refused.status, refused.problem()),
        (403, "insufficient_scope".to_owned())
    );
    app.end().await;
}

#[tokio::test]
async fn a_token_ends_when_it_has_expired_and_when_it_is_revoked() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let short = json!({ "name": "Short", "scopes": ["profile:read"], "days": 1 });
    let short = program_of(&app, &ada.post(TOKENS, &short).await);
    let made = ada.post(TOKENS, &wanted()).await;
    let long = program_of(&app, &made);
    let path = format!("{TOKENS}/{}", made.json()["id"].as_str().expect("an id"));

    app.clock
        .advance(TimeDelta::days(1) - TimeDelta::seconds(1));
    assert!(is_one(&short).await && is_one(&long).await);
    app.clock.advance(TimeDelta::seconds(1));
    assert!(!is_one(&short).await && is_one(&long).await);
    assert_eq!(ada.delete(&path).await.status, 204);
    assert!(!is_one(&long).await);
    assert_eq!(ada.delete(&path).await.status, 404);
    app.end().await;
}

#[tokio::test]
async fn the_tokens_of_another_do_not_exist() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let mut bob = member(&world, &app, &mut machine, BOB).await;
    let made = bob.post(TOKENS, &wanted()).await;
    let bobs = program_of(&app, &made);
    let path = format!("{TOKENS}/{}", made.json()["id"].as_str().expect("an id"));

    let adas = ada.delete(&path).await;
    let unknown = ada.delete(&format!("{TOKENS}/{}", uuid::Uuid::nil())).await;

    assert_eq!((adas.status, &adas.body), (404, &unknown.body));
    assert_eq!(ada.get(TOKENS).await.json(), json!({ "tokens": [] }));
    assert!(is_one(&bobs).await);
    app.end().await;
}

#[tokio::test]
async fn a_token_is_no_better_than_its_owners_account() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let program = program_of(&app, &ada.post(TOKENS, &wanted()).await);

    for (change, good) in [
        ("UPDATE users SET deletion_at = to_timestamp(1)", false),
        ("UPDATE users SET deletion_at = NULL", true),
        ("UPDATE users SET status = 'pending'", false),
        ("UPDATE users SET status = 'active'", true),
        ("DELETE FROM users", false),
    ] {
        sqlx::query(change)
            .execute(&world.pool())
            .await
            .expect("PostgreSQL");
        assert_eq!(is_one(&program).await, good, "{change}");
    }
    app.end().await;
}

#[tokio::test]
async fn making_a_token_needs_a_fresh_confirmation() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;

    app.clock.advance(TimeDelta::minutes(10));
    let refused = ada.post(TOKENS, &wanted()).await;
    assert_eq!(
        (refused.status, refused.problem()),
        (403, "confirmation_required".to_owned())
    );
    app.end().await;
}

#[tokio::test]
async fn all_that_is_wrong_with_a_token_is_told_at_once() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;

    let nothing = json!({ "name": " ", "scopes": [], "days": 0 });
    let too_much =
        json!({ "name": "a".repeat(101), "scopes": ["profile:read", "all"], "days": 366 });
    for body in [nothing, too_much] {
        let answer = ada.post(TOKENS, &body).await;
        assert_eq!(
            (answer.status, answer.problem()),
            (422, "invalid_fields".to_owned())
        );
        let errors = answer.json()["errors"].clone();
        let pointers: Vec<&str> = errors
            .as_array()
            .expect("a list")
            .iter()
            .map(|error| error["pointer"].as_str().expect("a pointer"))
            .collect();
        assert_eq!(pointers, ["/name", "/scopes", "/days"]);
    }
    let mut unknown = wanted();
    unknown["user_id"] = json!("00000000-0000-0000-0000-000000000000");
    assert_eq!(ada.post(TOKENS, &unknown).await.status, 400);
    app.end().await;
}

#[tokio::test]
async fn an_account_has_fifty_tokens_at_most_however_they_are_asked_for() {
    let world = World::solo().await.patient();
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let ada = member(&world, &app, &mut machine, ADA).await;

    let mut asking = vec![ada; 60];
    let body = wanted();
    let answers =
        futures_util::future::join_all(asking.iter_mut().map(|ada| ada.post(TOKENS, &body))).await;

    let with = |status: u16| {
        answers
            .iter()
            .filter(|answer| answer.status == status)
            .count()
    };
    assert_eq!((with(201), with(409)), (50, 10));
    app.end().await;
}

#[tokio::test]
async fn it_is_noted_when_a_token_was_used_to_within_minutes() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let program = program_of(&app, &ada.post(TOKENS, &wanted()).await);

    let mut seen = Vec::new();
    for seconds in [60, 299, 1] {
        app.clock.advance(TimeDelta::seconds(seconds));
        is_one(&program).await;
        let listed = ada.get(TOKENS).await.json();
        seen.push(
            listed["tokens"][0]["seen_at"]
                .as_str()
                .expect("a time")
                .to_owned(),
        );
    }
    assert_eq!(
        seen,
        [
            "1970-01-01T00:01:00Z",
            "1970-01-01T00:01:00Z",
            "1970-01-01T00:06:00Z"
        ]
    );
    app.end().await;
}

#[tokio::test]
async fn tokens_are_made_and_revoked_on_a_page_without_a_script() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let page = "/profile/tokens";
    let form = |name, scopes: &[&'static str]| {
        let scopes = scopes.iter().map(|scope| ("scopes", *scope));
        let mut fields = vec![("do", "create"), ("name", name), ("days", "30")];
        fields.extend(scopes);
        fields
    };

    let empty = ada.get(page).await;
    let wrong = ada.form(page, &form("<b>", &[])).await;
    let made = ada
        .form(page, &form("Backup", &["profile:read", "profile:write"]))
        .await;
    let start = made.body.find("bs_pat_").expect("the token");
    let program = Program::with(&app, &made.body[start..start + 55]);
    let is_good = is_one(&program).await;
    let listed = ada.get(page).await;
    let id = ada.get(TOKENS).await.json()["tokens"][0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let revoked = ada.form(page, &[("do", "revoke"), ("id", &id)]).await;
    let told = ada.get(page).await;
    let nonsense = ada.form(page, &[("do", "x")]).await;

    assert!(empty.body.contains("You have no tokens."));
    assert_eq!(wrong.status, 422);
    assert!(
        wrong.body.contains("Has no letter.") && wrong.body.contains("Choose one at least")
            || wrong.body.contains("choose one at least")
    );
    assert!(
        wrong.body.contains("value=\"&lt;b&gt;\""),
        "the form comes back"
    );
    assert_eq!(
        (made.status, made.header("cache-control")),
        (200, Some("no-store"))
    );
    assert!(is_good);
    assert!(listed.body.contains("Backup") && listed.body.contains("profile:read, profile:write"));
    assert!(!listed.body.contains("bs_pat_"), "shown once");
    assert_eq!(
        (revoked.status, revoked.header("location")),
        (303, Some(page))
    );
    assert!(told.body.contains("The token is revoked."));
    assert!(!is_one(&program).await);
    assert_eq!(nonsense.status, 400);

    app.clock.advance(TimeDelta::minutes(10));
    let first = ada.get(page).await;
    assert_eq!(
        first.header("location"),
        Some("/confirm?next=/profile/tokens")
    );
    app.end().await;
}

#[tokio::test]
async fn making_and_revoking_a_token_is_in_the_audit_log_and_neither_secret_nor_name_is() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let before = ada.get("/api/v1/profile").await.json();
    let id = before["id"].as_str().expect("an id").parse().expect("one");

    let made = ada.post(TOKENS, &wanted()).await.json();
    let token = format!("{TOKENS}/{}", made["id"].as_str().expect("an id"));
    assert_eq!(ada.delete(&token).await.status, 204);
    assert_eq!(ada.delete(&token).await.status, 404);
    machine.settle().await;

    let history = blazing_sun::audit::history(&world.pool(), id).await;
    let told: Vec<Value> = history
        .expect("the audit")
        .into_iter()
        .filter(|entry| entry.kind == "user.updated.v1" && entry.actor_id == Some(id))
        .map(|entry| entry.data)
        .collect();
    assert_eq!(
        told,
        [
            json!({ "user_id": id, "version": 3, "changed": ["api_token_created"] }),
            json!({ "user_id": id, "version": 4, "changed": ["api_token_revoked"] }),
        ]
    );
    app.end().await;
}

#[tokio::test]
async fn tokens_that_are_not_good_are_counted_by_address_and_those_that_are_good_are_not() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let good = program_of(&app, &ada.post(TOKENS, &wanted()).await);
    let mut client = Program::sign_in(&app, ADA).await;
    let profile = "/api/v1/profile";
    let unknown = format!("{}x", good.access);
    let guesses = [unknown.as_str(), "bs_pat_", "a.b.c", ".", "nothing"];
    let guesses = guesses.map(|guess| Program::with(&app, guess));

    for _ in 0..40 {
        assert_eq!(good.get(profile).await.status, 200);
        assert_eq!(client.get(profile).await.status, 200);
    }
    for number in 0..30 {
        let answer = guesses[number % 5].get(profile).await;
        assert_eq!(answer.status, 401, "{number}: {answer:?}");
    }
    let mut refused = Vec::new();
    for guess in &guesses {
        refused.push(guess.get(profile).await);
    }
    let on_a_page = Browser::new(&app)
        .with("authorization", "Bearer nothing")
        .get("/sign-in")
        .await;
    let meanwhile = (good.get(profile).await.status, client.renew().await.status);
    app.clock.advance(TimeDelta::seconds(2));
    let later = guesses[0].get(profile).await;

    for answer in &refused {
        assert_eq!(
            (answer.status, answer.header("retry-after")),
            (429, Some("2"))
        );
    }
    assert_eq!(on_a_page.status, 429);
    assert_eq!(meanwhile, (200, 200), "who has a good one is not kept out");
    assert_eq!(later.status, 401, "nobody is locked out");
    app.end().await;
}
