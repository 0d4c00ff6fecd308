//! Signing in with a second factor: codes of an app and recovery codes, each good once.

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{
    App, Browser, Machine, PASSWORD, Response, TestApp, World, challenge, member,
};

const ADA: &str = "ada@example.org";
const BOB: &str = "bob@example.org";
const ANSWER: &str = "/api/v1/auth/second-factor";

/// A world with an application in which an hour has passed since 1970, before which no app shows codes.
async fn started(world: &World) -> (TestApp, Machine) {
    let app = TestApp::start(world).await;
    app.clock.advance(TimeDelta::hours(1));
    let machine = Machine::new(world, &app).await;
    (app, machine)
}

async fn answer(browser: &mut Browser, challenge: &str, field: &str, value: &str) -> Response {
    let body = json!({ "challenge": challenge, field: value });
    browser.post(ANSWER, &body).await
}

fn refusal(answer: &Response) -> (u16, String) {
    (answer.status, answer.problem())
}

fn wrong() -> (u16, String) {
    (401, "wrong_code".to_owned())
}

fn over() -> (u16, String) {
    (401, "challenge_over".to_owned())
}

async fn events(world: &World, kind: &'static str) -> Vec<Value> {
    sqlx::query_scalar("SELECT data FROM audit_log WHERE type = $1 ORDER BY event_id")
        .bind(kind)
        .fetch_all(&world.pool())
        .await
        .expect("the audit")
}

#[tokio::test]
async fn the_password_alone_is_not_enough_any_more() {
    let world = World::solo().await;
    let (app, mut machine) = started(&world).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let (phone, codes) = App::set_up(&mut ada, &app).await;
    let mut browser = Browser::new(&app);

    let asked = browser.sign_in(ADA, PASSWORD).await;
    let before = browser.get("/api/v1/auth/validate").await;
    let challenge = asked.json()["challenge"].as_str().expect("one").to_owned();
    let signed_in = answer(&mut browser, &challenge, "code", &phone.code(&app)).await;
    let after = browser.get("/api/v1/auth/validate").await;
    machine.settle().await;

    assert_eq!(
        asked.json()["factors"],
        json!(["authenticator", "recovery_code"])
    );
    let cookies = asked.headers("set-cookie");
    let of_the_challenge = |cookie: &&str| cookie.starts_with("__Host-challenge=");
    assert!(cookies.iter().all(of_the_challenge), "{cookies:?}");
    assert_eq!(before.status, 401);
    assert_eq!(signed_in.json()["status"], "signed_in");
    assert_eq!(after.status, 204);
    assert_eq!(codes.len(), 10);
    let updated = events(&world, "user.updated.v1").await;
    assert_eq!(
        updated[0]["changed"],
        json!(["authenticator_added", "recovery_codes"])
    );
    assert_eq!(updated[0]["version"], 3);
    let signed_in = events(&world, "auth.sign_in.v1").await;
    assert_eq!(signed_in[1]["second_factor"], "authenticator");
    app.end().await;
}

#[tokio::test]
async fn a_code_is_good_once_whoever_else_tries_it_at_the_same_time() {
    let world = World::solo().await.with("THROTTLE_FACTOR", 100);
    let (app, mut machine) = started(&world).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let phone = App::begin(&mut ada).await;
    assert_eq!(phone.confirm(&mut ada, &app).await.status, 200);

    let mut browser = Browser::new(&app);
    let first = challenge(&mut browser, ADA).await;
    let used_for_setting_up = answer(&mut browser, &first, "code", &phone.code(&app)).await;
    app.clock.advance(TimeDelta::seconds(30));
    let code = phone.code(&app);
    let mut tries = Vec::new();
    for _ in 0..20 {
        let mut browser = Browser::new(&app);
        let challenge = challenge(&mut browser, ADA).await;
        let code = code.clone();
        tries.push(async move { answer(&mut browser, &challenge, "code", &code).await.status });
    }
    let statuses = join_all(tries).await;
    let replayed = answer(&mut browser, &first, "code", &code).await;

    assert_eq!(refusal(&used_for_setting_up), wrong());
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1);
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 19);
    assert_eq!(refusal(&replayed), wrong());
    app.end().await;
}

#[tokio::test]
async fn a_code_may_be_five_seconds_late() {
    let world = World::solo().await;
    let (app, mut machine) = started(&world).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let (phone, _) = App::set_up(&mut ada, &app).await;
    let mut browser = Browser::new(&app);
    let first = challenge(&mut browser, ADA).await;
    let second = challenge(&mut browser, ADA).await;

    let code = phone.code(&app);
    app.clock.advance(TimeDelta::seconds(34));
    let late = answer(&mut browser, &first, "code", &code).await;
    app.clock.advance(TimeDelta::seconds(26));
    let code = phone.code(&app);
    app.clock.advance(TimeDelta::seconds(35));
    let too_late = answer(&mut browser, &second, "code", &code).await;

    assert_eq!(late.status, 200);
    assert_eq!(refusal(&too_late), wrong());
    app.end().await;
}

#[tokio::test]
async fn fifty_uses_of_a_recovery_code_let_one_in() {
    let world = World::solo().await.patient().with("THROTTLE_FACTOR", 100);
    let (app, mut machine) = started(&world).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let (_, codes) = App::set_up(&mut ada, &app).await;

    let mut tries = Vec::new();
    for _ in 0..50 {
        let mut browser = Browser::new(&app);
        let challenge = challenge(&mut browser, ADA).await;
        let code = codes[0].to_lowercase();
        tries.push(async move {
            answer(&mut browser, &challenge, "recovery_code", &code)
                .await
                .status
        });
    }
    let statuses = join_all(tries).await;
    let state = ada.get("/api/v1/second-factor").await.json();
    machine.settle().await;

    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1);
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 49);
    assert_eq!(state["recovery_codes"], json!({ "left": 9, "total": 10 }));
    let signed_in = events(&world, "auth.sign_in.v1").await;
    assert_eq!(signed_in[1]["second_factor"], "recovery_code");
    app.end().await;
}

#[tokio::test]
async fn a_challenge_takes_five_answers_also_when_they_come_at_once() {
    let world = World::solo().await.with("THROTTLE_FACTOR", 100);
    let (app, mut machine) = started(&world).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let (phone, _) = App::set_up(&mut ada, &app).await;
    let mut browser = Browser::new(&app);
    let challenge = challenge(&mut browser, ADA).await;

    let wrong_code = phone.wrong_code(&app);
    let tries = (0..20).map(|_| {
        let (mut browser, challenge, code) = (browser.clone(), &challenge, &wrong_code);
        async move { refusal(&answer(&mut browser, challenge, "code", code).await) }
    });
    let refusals = join_all(tries).await;
    let right = answer(&mut browser, &challenge, "code", &phone.code(&app)).await;
    machine.settle().await;

    assert_eq!(
        refusals
            .iter()
            .filter(|refused| **refused == wrong())
            .count(),
        5
    );
    assert_eq!(
        refusals
            .iter()
            .filter(|refused| **refused == over())
            .count(),
        15
    );
    assert_eq!(refusal(&right), over());
    let failed = events(&world, "auth.sign_in_failed.v1").await;
    let reasons: Vec<&Value> = failed.iter().map(|event| &event["reason"]).collect();
    assert_eq!(reasons, ["second_factor"; 5]);
    app.end().await;
}

#[tokio::test]
async fn guessing_codes_has_to_wait_while_the_owner_gets_in_with_a_recovery_code() {
    let world = World::solo().await;
    let (app, mut machine) = started(&world).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let (phone, codes) = App::set_up(&mut ada, &app).await;
    let mut browser = Browser::new(&app);

    for _ in 0..2 {
        let challenge = challenge(&mut browser, ADA).await;
        for _ in 0..5 {
            let code = phone.wrong_code(&app);
            let refused = answer(&mut browser, &challenge, "code", &code).await;
            assert_eq!(refusal(&refused), wrong());
        }
    }
    let challenge = challenge(&mut browser, ADA).await;
    let right = answer(&mut browser, &challenge, "code", &phone.code(&app)).await;
    let recovered = answer(&mut browser, &challenge, "recovery_code", &codes[0]).await;

    assert_eq!(refusal(&right), (429, "too_many_requests".to_owned()));
    assert_eq!(right.header("retry-after"), Some("900"));
    assert_eq!(recovered.status, 200, "{recovered:?}");
    app.end().await;
}

#[tokio::test]
async fn a_challenge_is_good_once_and_for_ten_minutes() {
    let world = World::solo().await;
    let (app, mut machine) = started(&world).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let (_, codes) = App::set_up(&mut ada, &app).await;
    let mut browser = Browser::new(&app);
    let first = challenge(&mut browser, ADA).await;
    let second = challenge(&mut browser, ADA).await;

    let right = answer(&mut browser, &first, "recovery_code", &codes[0]).await;
    let again = answer(&mut browser, &first, "recovery_code", &codes[1]).await;
    app.clock.advance(TimeDelta::minutes(10));
    let late = answer(&mut browser, &second, "recovery_code", &codes[1]).await;
    let third = challenge(&mut browser, ADA).await;
    let unused = answer(&mut browser, &third, "recovery_code", &codes[1]).await;
    let foreign = answer(&mut browser, "x", "recovery_code", &codes[2]).await;

    assert_eq!((right.status, unused.status), (200, 200));
    for refused in [again, late, foreign] {
        assert_eq!(refusal(&refused), over());
    }
    app.end().await;
}

#[tokio::test]
async fn nobody_gets_in_with_the_codes_of_somebody_else() {
    let world = World::solo().await;
    let (app, mut machine) = started(&world).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let mut bob = member(&world, &app, &mut machine, BOB).await;
    let (phone, codes) = App::set_up(&mut ada, &app).await;
    App::set_up(&mut bob, &app).await;
    let mut browser = Browser::new(&app);
    let challenge = challenge(&mut browser, BOB).await;

    let code = answer(&mut browser, &challenge, "code", &phone.code(&app)).await;
    let recovery = answer(&mut browser, &challenge, "recovery_code", &codes[0]).await;
    let left = ada.get("/api/v1/second-factor").await.json();

    assert_eq!((refusal(&code), refusal(&recovery)), (wrong(), wrong()));
    assert_eq!(left["recovery_codes"]["left"], 10);
    app.end().await;
}

#[tokio::test]
async fn an_account_that_is_not_active_any_more_lets_nobody_in() {
    let world = World::solo().await;
    let (app, mut machine) = started(&world).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let (phone, _) = App::set_up(&mut ada, &app).await;
    let mut browser = Browser::new(&app);
    let challenge = challenge(&mut browser, ADA).await;
    sqlx::query("UPDATE users SET status = 'pending'")
        .execute(&world.pool())
        .await
        .expect("PostgreSQL");

    let refused = answer(&mut browser, &challenge, "code", &phone.code(&app)).await;

    assert_eq!(refusal(&refused), over());
    app.end().await;
}

#[tokio::test]
async fn what_is_no_answer_is_refused_and_counts_as_none() {
    let world = World::solo().await;
    let (app, mut machine) = started(&world).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let (phone, codes) = App::set_up(&mut ada, &app).await;
    let mut browser = Browser::new(&app);
    let challenge = challenge(&mut browser, ADA).await;

    for (body, pointer) in [
        (json!({ "code": "12345" }), "/code"),
        (json!({ "code": "a".repeat(10_000) }), "/code"),
        (json!({ "recovery_code": "short" }), "/recovery_code"),
        (json!({ "credential": {} }), "/credential"),
        (json!({ "code": "123456", "recovery_code": codes[0] }), ""),
        (json!({}), ""),
    ] {
        let mut body = body;
        body["challenge"] = json!(challenge);
        let refused = browser.post(ANSWER, &body).await;
        assert_eq!(refused.status, 422, "{refused:?}");
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer);
    }
    let unknown = json!({ "challenge": challenge, "code": "123456", "more": 1 });
    let unknown = browser.post(ANSWER, &unknown).await;
    let right = answer(&mut browser, &challenge, "code", &phone.code(&app)).await;

    assert_eq!(refusal(&unknown), (400, "malformed_json".to_owned()));
    assert_eq!(right.status, 200);
    app.end().await;
}

#[tokio::test]
async fn a_program_gets_its_tokens_after_the_second_factor_and_not_before() {
    let world = World::solo().await;
    let (app, mut machine) = started(&world).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let (phone, _) = App::set_up(&mut ada, &app).await;
    let mut program = Browser::new(&app);

    let body = json!({ "email": ADA, "password": PASSWORD, "kind": "client" });
    let asked = program.post("/api/v1/auth/sign-in", &body).await.json();
    let challenge = asked["challenge"].as_str().expect("a challenge");
    let signed_in = answer(&mut program, challenge, "code", &phone.code(&app)).await;
    let token = signed_in.json()["tokens"]["access_token"]
        .as_str()
        .expect("a token")
        .to_owned();
    let mut program = Browser::new(&app).with("authorization", &format!("Bearer {token}"));

    assert_eq!(asked["status"], "second_factor_required");
    assert!(asked.get("tokens").is_none(), "{asked}");
    assert!(signed_in.headers("set-cookie").is_empty());
    assert_eq!(program.get("/api/v1/auth/validate").await.status, 204);
    app.end().await;
}

#[tokio::test]
async fn half_a_sign_in_is_worth_nothing_in_another_browser_and_is_not_used_up_there() {
    let world = World::solo().await;
    let (app, mut machine) = started(&world).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let (phone, _) = App::set_up(&mut ada, &app).await;
    let mut browser = Browser::new(&app);
    let asked = browser.sign_in(ADA, PASSWORD).await;
    let begun = asked.json()["challenge"].as_str().expect("one").to_owned();
    let mut bare = Browser::new(&app);
    // This one has the password too, and a question of its own.
    let mut other = Browser::new(&app);
    let own = challenge(&mut other, ADA).await;
    let mut tab = browser.clone();
    let of_a_tab = challenge(&mut tab, ADA).await;

    let code = phone.code(&app);
    for thief in [&mut bare, &mut other] {
        for _ in 0..3 {
            let refused = answer(thief, &begun, "code", &code).await;
            assert_eq!(refusal(&refused), over());
        }
        let body = json!({ "challenge": begun });
        let refused = thief.post(&format!("{ANSWER}/passkey"), &body).await;
        assert_eq!(refusal(&refused), over());
    }
    let crossed = answer(&mut browser, &own, "code", &code).await;
    let wrong_in_a_tab = answer(&mut tab, &of_a_tab, "code", &phone.wrong_code(&app)).await;
    let let_in = answer(&mut browser, &begun, "code", &code).await;

    let [cookie] = asked.headers("set-cookie")[..] else {
        panic!("one cookie: {asked:?}");
    };
    for attribute in [
        "__Host-challenge=",
        "; HttpOnly",
        "; SameSite=Lax",
        "; Secure",
        "; Path=/",
        "; Max-Age=600",
    ] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert_eq!(asked.header("cache-control"), Some("no-store"));
    assert_eq!(refusal(&crossed), over());
    assert_eq!(
        refusal(&wrong_in_a_tab),
        wrong(),
        "a tab of the same browser"
    );
    assert_eq!(let_in.status, 200, "{let_in:?}");
    app.end().await;
}

#[tokio::test]
async fn a_client_brings_its_challenge_without_a_cookie() {
    let world = World::solo().await;
    let (app, mut machine) = started(&world).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let (phone, _) = App::set_up(&mut ada, &app).await;
    let body = json!({ "email": ADA, "password": PASSWORD, "kind": "client" });
    let asked = Browser::new(&app).post("/api/v1/auth/sign-in", &body).await;
    let challenge = asked.json()["challenge"].as_str().expect("one").to_owned();

    let code = phone.code(&app);
    let let_in = answer(&mut Browser::new(&app), &challenge, "code", &code).await;

    assert!(asked.headers("set-cookie").is_empty(), "{asked:?}");
    assert!(let_in.headers("set-cookie").is_empty(), "{let_in:?}");
    assert!(let_in.json()["tokens"]["access_token"].is_string());
    app.end().await;
}
