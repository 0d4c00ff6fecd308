//! Passkeys as second factor: added, asked for when signing in and when confirming, removed.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::harness::{
    Browser, Machine, PASSWORD, Passkey, Response, TestApp, World, challenge, member,
    recovery_codes,
};

const ADA: &str = "ada@example.org";
const BOB: &str = "bob@example.org";
const PASSKEYS: &str = "/api/v1/second-factor/passkeys";
const ANSWER: &str = "/api/v1/auth/second-factor";
const CONFIRM_BY_PASSKEY: &str = "/api/v1/auth/confirm/passkey";

async fn started(world: &World) -> (TestApp, Machine, Browser) {
    let app = TestApp::start(world).await;
    let mut machine = Machine::new(world, &app).await;
    let ada = member(world, &app, &mut machine, ADA).await;
    (app, machine, ada)
}

async fn begin(browser: &mut Browser, challenge: &str) -> Value {
    let body = json!({ "challenge": challenge });
    let begun = browser.post(&format!("{ANSWER}/passkey"), &body).await;
    assert_eq!(begun.status, 200, "{begun:?}");
    begun.json()
}

async fn answer(browser: &mut Browser, challenge: &str, credential: &Value) -> Response {
    let body = json!({ "challenge": challenge, "credential": credential });
    browser.post(ANSWER, &body).await
}

/// Signs in with the passkey, as it is now.
async fn sign_in(app: &TestApp, email: &str, passkey: &mut Passkey) -> Response {
    let mut browser = Browser::new(app);
    let challenge = challenge(&mut browser, email).await;
    let options = begin(&mut browser, &challenge).await;
    answer(&mut browser, &challenge, &passkey.get(&options)).await
}

fn is_wrong(answer: &Response) -> bool {
    (answer.status, answer.problem()) == (401, "wrong_code".to_owned())
}

#[tokio::test]
async fn a_passkey_is_added_and_lets_its_owner_in() {
    let world = World::solo().await;
    let (app, mut machine, mut ada) = started(&world).await;
    let mut passkey = Passkey::new();

    let added = passkey.add(&mut ada, " My phone ").await;
    let mut browser = Browser::new(&app);
    let asked = browser.sign_in(ADA, PASSWORD).await.json();
    app.clock.advance(TimeDelta::seconds(1));
    let signed_in = sign_in(&app, ADA, &mut passkey).await;
    let once_more = sign_in(&app, ADA, &mut passkey).await;
    let state = ada.get("/api/v1/second-factor").await.json();
    machine.settle().await;

    assert_eq!(added.status, 201, "{added:?}");
    assert_eq!(added.header("cache-control"), Some("no-store"));
    assert_eq!(recovery_codes(&added.json()).len(), 10);
    assert_eq!(asked["factors"], json!(["passkey", "recovery_code"]));
    assert_eq!(
        (signed_in.status, once_more.status),
        (200, 200),
        "{signed_in:?}"
    );
    assert_eq!(
        state["passkeys"],
        json!([{
            "id": added.json()["id"],
            "name": "My phone",
            "created_at": "1970-01-01T00:00:00Z",
            "used_at": "1970-01-01T00:00:01Z",
        }])
    );
    let factors: Vec<Option<String>> = sqlx::query_scalar(
        "SELECT data->>'second_factor' FROM audit_log WHERE type = 'auth.sign_in.v1' ORDER BY event_id",
    )
    .fetch_all(&world.pool())
    .await
    .expect("the audit");
    let passkey = Some("passkey".to_owned());
    assert_eq!(factors, [None, passkey.clone(), passkey]);
    app.end().await;
}

#[tokio::test]
async fn an_answer_for_another_site_another_question_or_without_a_person_is_refused() {
    let world = World::solo().await.with("THROTTLE_FACTOR", 100);
    let (app, _machine, mut ada) = started(&world).await;
    let mut passkey = Passkey::new();
    assert_eq!(passkey.add(&mut ada, "a key").await.status, 201);
    let mut browser = Browser::new(&app);

    passkey.origin = "https://evil.example".to_owned();
    let other_site = sign_in(&app, ADA, &mut passkey).await;
    passkey.origin = "https://localhost:8443".to_owned();
    let other_port = sign_in(&app, ADA, &mut passkey).await;
    passkey.origin = "https://localhost".to_owned();
    passkey.verifies = false;
    let nobody_there = sign_in(&app, ADA, &mut passkey).await;
    passkey.verifies = true;

    let challenge = challenge(&mut browser, ADA).await;
    let options = begin(&mut browser, &challenge).await;
    let newer = begin(&mut browser, &challenge).await;
    let other_question = answer(&mut browser, &challenge, &passkey.get(&options)).await;
    let late = answer(&mut browser, &challenge, &passkey.get(&newer)).await;
    let mut forged = begin(&mut browser, &challenge).await;
    forged["publicKey"]["rpId"] = json!("evil.example");
    let other_name = answer(&mut browser, &challenge, &passkey.get(&forged)).await;
    let mut stranger = Passkey::new();
    let options = begin(&mut browser, &challenge).await;
    let unknown = answer(&mut browser, &challenge, &stranger.get(&options)).await;

    for refused in [
        other_site,
        other_port,
        nobody_there,
        other_question,
        late,
        other_name,
        unknown,
    ] {
        assert!(is_wrong(&refused), "{refused:?}");
    }
    assert_eq!(sign_in(&app, ADA, &mut passkey).await.status, 200);
    app.end().await;
}

#[tokio::test]
async fn an_answer_is_good_once() {
    let world = World::solo().await.with("THROTTLE_FACTOR", 100);
    let (app, _machine, mut ada) = started(&world).await;
    let mut passkey = Passkey::new();
    assert_eq!(passkey.add(&mut ada, "a key").await.status, 201);
    let mut browser = Browser::new(&app);
    let first = challenge(&mut browser, ADA).await;
    let second = challenge(&mut browser, ADA).await;

    let options = begin(&mut browser, &first).await;
    let credential = passkey.get(&options);
    begin(&mut browser, &second).await;
    let right = answer(&mut browser, &first, &credential).await;
    let again = answer(&mut browser, &first, &credential).await;
    let elsewhere = answer(&mut browser, &second, &credential).await;

    assert_eq!(right.status, 200, "{right:?}");
    assert_eq!(again.problem(), "challenge_over");
    assert!(is_wrong(&elsewhere), "{elsewhere:?}");
    app.end().await;
}

#[tokio::test]
async fn of_many_who_bring_one_answer_at_the_same_time_one_gets_in() {
    let world = World::solo().await.with("THROTTLE_FACTOR", 100);
    let (app, _machine, mut ada) = started(&world).await;
    let mut passkey = Passkey::new();
    // Without a counter, which would find the others out by itself.
    passkey.counts = false;
    assert_eq!(passkey.add(&mut ada, "a key").await.status, 201);
    let mut browser = Browser::new(&app);
    let challenge = challenge(&mut browser, ADA).await;
    let options = begin(&mut browser, &challenge).await;
    let credential = passkey.get(&options);

    let tries = (0..20).map(|_| {
        let (mut browser, challenge, credential) = (browser.clone(), &challenge, &credential);
        async move { answer(&mut browser, challenge, credential).await.status }
    });
    let statuses = futures_util::future::join_all(tries).await;
    let begun = ada.post(CONFIRM_BY_PASSKEY, &json!({})).await.json();
    let body = json!({ "password": PASSWORD, "credential": passkey.get(&begun) });
    let confirmations = (0..20).map(|_| {
        let (mut ada, body) = (ada.clone(), &body);
        async move { ada.post("/api/v1/auth/confirm", body).await.status }
    });
    let confirmed = futures_util::future::join_all(confirmations).await;

    let count = |all: &[u16], status| all.iter().filter(|found| **found == status).count();
    assert_eq!((count(&statuses, 200), count(&statuses, 401)), (1, 19));
    assert_eq!(count(&confirmed, 204), 1, "{confirmed:?}");
    app.end().await;
}

#[tokio::test]
async fn a_passkey_whose_counter_does_not_rise_may_be_a_copy() {
    let world = World::solo().await.with("THROTTLE_FACTOR", 100);
    let (app, _machine, mut ada) = started(&world).await;
    let mut passkey = Passkey::new();
    assert_eq!(passkey.add(&mut ada, "a key").await.status, 201);
    assert_eq!(sign_in(&app, ADA, &mut passkey).await.status, 200);

    passkey.counter -= 1;
    let the_same = sign_in(&app, ADA, &mut passkey).await;
    passkey.counter -= 2;
    let lower = sign_in(&app, ADA, &mut passkey).await;

    // Both began when the counter was lower than either: the database decides, not what was remembered.
    let mut browser = Browser::new(&app);
    let (first, second) = (
        challenge(&mut browser, ADA).await,
        challenge(&mut browser, ADA).await,
    );
    let one = begin(&mut browser, &first).await;
    let other = begin(&mut browser, &second).await;
    passkey.counter += 10;
    let original = answer(&mut browser, &first, &passkey.get(&one)).await;
    passkey.counter -= 1;
    let copy = answer(&mut browser, &second, &passkey.get(&other)).await;

    assert!(is_wrong(&the_same) && is_wrong(&lower));
    assert_eq!(original.status, 200, "{original:?}");
    assert!(is_wrong(&copy), "{copy:?}");
    app.end().await;
}

#[tokio::test]
async fn a_passkey_without_a_counter_is_good_as_well() {
    let world = World::solo().await;
    let (app, _machine, mut ada) = started(&world).await;
    let mut passkey = Passkey::new();
    passkey.counts = false;
    assert_eq!(passkey.add(&mut ada, "a key").await.status, 201);

    assert_eq!(sign_in(&app, ADA, &mut passkey).await.status, 200);
    assert_eq!(sign_in(&app, ADA, &mut passkey).await.status, 200);
    app.end().await;
}

#[tokio::test]
async fn a_false_registration_adds_nothing_and_is_over() {
    let world = World::solo().await;
    let (app, _machine, mut ada) = started(&world).await;
    let mut passkey = Passkey::new();

    passkey.origin = "https://evil.example".to_owned();
    let other_site = passkey.add(&mut ada, "a key").await;
    passkey.origin = "https://localhost".to_owned();
    let begun = ada
        .post(&format!("{PASSKEYS}/begin"), &json!({}))
        .await
        .json();
    let newer = ada
        .post(&format!("{PASSKEYS}/begin"), &json!({}))
        .await
        .json();
    let body = |begun: &Value, credential: Value| json!({ "registration": begun["registration"], "name": "a key", "credential": credential });
    let replaced = body(&begun, passkey.create(&begun["options"]));
    let replaced = ada.post(PASSKEYS, &replaced).await;
    let other_question = body(&newer, passkey.create(&begun["options"]));
    let other_question = ada.post(PASSKEYS, &other_question).await;
    let taken = body(&newer, passkey.create(&newer["options"]));
    let taken = ada.post(PASSKEYS, &taken).await;
    let late = ada
        .post(&format!("{PASSKEYS}/begin"), &json!({}))
        .await
        .json();
    app.clock.advance(TimeDelta::minutes(10));
    ada.post("/api/v1/auth/confirm", &json!({ "password": PASSWORD }))
        .await;
    let late = body(&late, passkey.create(&late["options"]));
    let late = ada.post(PASSKEYS, &late).await;
    let state = ada.get("/api/v1/second-factor").await.json();

    for refused in [other_site, other_question] {
        assert_eq!(refused.status, 422, "{refused:?}");
        assert_eq!(refused.json()["errors"][0]["pointer"], "/credential");
    }
    for refused in [replaced, taken, late] {
        assert_eq!(
            (refused.status, refused.problem()),
            (409, "nothing_begun".to_owned())
        );
    }
    assert_eq!(state["passkeys"], json!([]));
    app.end().await;
}

#[tokio::test]
async fn wrong_fields_of_a_new_passkey_are_told_at_once() {
    let world = World::solo().await;
    let (app, _machine, mut ada) = started(&world).await;

    let body = json!({ "registration": uuid::Uuid::nil(), "name": "a\u{7}", "credential": 1 });
    let refused = ada.post(PASSKEYS, &body).await;

    assert_eq!(refused.status, 422);
    let errors = refused.json()["errors"].clone();
    assert_eq!(errors[0]["pointer"], "/name");
    assert_eq!(errors[1]["pointer"], "/credential");
    app.end().await;
}

#[tokio::test]
async fn an_account_has_ten_passkeys_at_most_and_each_once() {
    let world = World::solo().await;
    let (app, _machine, mut ada) = started(&world).await;
    let mut first = Passkey::new();
    assert_eq!(first.add(&mut ada, "a key").await.status, 201);
    let twice = first.add(&mut ada, "the same").await;
    for _ in 0..8 {
        assert_eq!(Passkey::new().add(&mut ada, "a key").await.status, 201);
    }
    assert_eq!(Passkey::new().add(&mut ada, "the tenth").await.status, 201);

    let eleventh = ada.post(&format!("{PASSKEYS}/begin"), &json!({})).await;

    assert_eq!(twice.status, 422);
    assert_eq!(twice.json()["errors"][0]["pointer"], "/credential");
    assert_eq!(
        (eleventh.status, eleventh.problem()),
        (409, "too_many_passkeys".to_owned())
    );
    app.end().await;
}

#[tokio::test]
async fn nobody_uses_or_removes_the_passkey_of_somebody_else() {
    let world = World::solo().await;
    let (app, mut machine, mut ada) = started(&world).await;
    let mut bob = member(&world, &app, &mut machine, BOB).await;
    let (mut adas, mut bobs) = (Passkey::new(), Passkey::new());
    let added = adas.add(&mut ada, "Ada's").await.json();
    assert_eq!(bobs.add(&mut bob, "Bob's").await.status, 201);
    let path = format!("{PASSKEYS}/{}", added["id"].as_str().expect("an id"));

    let removed_by_bob = bob.delete(&path).await;
    let unknown = bob
        .delete(&format!("{PASSKEYS}/{}", uuid::Uuid::nil()))
        .await;
    let used_by_bob = sign_in(&app, ADA, &mut bobs).await;
    let stolen = adas.add(&mut bob, "Ada's").await;
    let begun = ada
        .post(&format!("{PASSKEYS}/begin"), &json!({}))
        .await
        .json();
    let body = json!({
        "registration": begun["registration"],
        "name": "a key",
        "credential": Passkey::new().create(&begun["options"]),
    });
    let finished_by_bob = bob.post(PASSKEYS, &body).await;
    let still_good = sign_in(&app, ADA, &mut adas).await;
    let removed_by_ada = ada.delete(&path).await;
    let again = ada.delete(&path).await;

    assert_eq!(
        (removed_by_bob.status, &removed_by_bob.body),
        (404, &unknown.body)
    );
    assert!(is_wrong(&used_by_bob));
    assert_eq!(stolen.problem(), "passkey_known");
    assert_eq!(finished_by_bob.problem(), "nothing_begun");
    assert_eq!(still_good.status, 200);
    assert_eq!((removed_by_ada.status, again.status), (204, 404));
    app.end().await;
}

#[tokio::test]
async fn who_has_no_passkey_cannot_be_asked_for_one() {
    let world = World::solo().await;
    let (app, _machine, mut ada) = started(&world).await;
    let mut passkey = Passkey::new();
    let added = passkey.add(&mut ada, "a key").await.json();
    let mut browser = Browser::new(&app);
    let challenge = challenge(&mut browser, ADA).await;
    let options = begin(&mut browser, &challenge).await;
    let path = format!("{PASSKEYS}/{}", added["id"].as_str().expect("an id"));
    assert_eq!(ada.delete(&path).await.status, 204);

    let removed = answer(&mut browser, &challenge, &passkey.get(&options)).await;
    let body = json!({ "challenge": challenge });
    let none = browser.post(&format!("{ANSWER}/passkey"), &body).await;
    let body = json!({ "challenge": "x" });
    let nobody = browser.post(&format!("{ANSWER}/passkey"), &body).await;
    let confirm = ada.post(CONFIRM_BY_PASSKEY, &json!({})).await;

    assert!(is_wrong(&removed), "{removed:?}");
    assert_eq!(
        (none.status, none.problem()),
        (409, "no_passkeys".to_owned())
    );
    assert_eq!(
        (nobody.status, nobody.problem()),
        (401, "challenge_over".to_owned())
    );
    assert_eq!(confirm.status, 409);
    app.end().await;
}

#[tokio::test]
async fn a_passkey_confirms_once_in_the_session_that_asked() {
    let world = World::solo().await;
    let (app, _machine, mut ada) = started(&world).await;
    let mut passkey = Passkey::new();
    passkey.add(&mut ada, "a key").await;
    let confirm = |credential: Value| json!({ "password": PASSWORD, "credential": credential });
    let path = "/api/v1/auth/confirm";

    let unasked = begin_of_another(&app).await;
    let unasked = ada.post(path, &confirm(passkey.get(&unasked))).await;
    let options = ada.post(CONFIRM_BY_PASSKEY, &json!({})).await.json();
    let credential = passkey.get(&options);
    let right = ada.post(path, &confirm(credential.clone())).await;
    let replayed = ada.post(path, &confirm(credential)).await;
    let options = ada.post(CONFIRM_BY_PASSKEY, &json!({})).await.json();
    app.clock.advance(TimeDelta::minutes(10));
    let late = ada.post(path, &confirm(passkey.get(&options))).await;

    assert_eq!(right.status, 204, "{right:?}");
    for refused in [unasked, replayed, late] {
        assert_eq!(refused.status, 422, "{refused:?}");
        assert_eq!(refused.json()["errors"][0]["pointer"], "/credential");
    }
    app.end().await;
}

/// What a sign-in asks the passkey meanwhile.
async fn begin_of_another(app: &TestApp) -> Value {
    let mut browser = Browser::new(app);
    let challenge = challenge(&mut browser, ADA).await;
    begin(&mut browser, &challenge).await
}
