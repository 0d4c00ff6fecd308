//! Setting up the second factor, changing and removing it, and confirming with it.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::harness::{
    App, Browser, Machine, PASSWORD, Passkey, TestApp, World, challenge, member, recovery_codes,
};

const ADA: &str = "ada@example.org";
const STATE: &str = "/api/v1/second-factor";
const AUTHENTICATOR: &str = "/api/v1/second-factor/authenticator";
const CODES: &str = "/api/v1/second-factor/recovery-codes";
const CONFIRM: &str = "/api/v1/auth/confirm";

async fn started(world: &World) -> (TestApp, Machine, Browser) {
    let app = TestApp::start(world).await;
    app.clock.advance(TimeDelta::hours(1));
    let mut machine = Machine::new(world, &app).await;
    let ada = member(world, &app, &mut machine, ADA).await;
    (app, machine, ada)
}

async fn changes(world: &World) -> Vec<Value> {
    sqlx::query_scalar(
        "SELECT data->'changed' FROM audit_log WHERE type = 'user.updated.v1' ORDER BY event_id",
    )
    .fetch_all(&world.pool())
    .await
    .expect("the audit")
}

async fn gets_in(app: &TestApp, field: &str, value: &str) -> bool {
    let mut browser = Browser::new(app);
    let challenge = challenge(&mut browser, ADA).await;
    let body = json!({ "challenge": challenge, field: value });
    browser
        .post("/api/v1/auth/second-factor", &body)
        .await
        .status
        == 200
}

#[tokio::test]
async fn setting_up_an_app_shows_its_secret_and_ten_codes_once() {
    let world = World::solo().await;
    let (app, _machine, mut ada) = started(&world).await;

    let nothing = ada.get(STATE).await.json();
    let begun = ada.post(AUTHENTICATOR, &json!({})).await;
    let setup = begun.json();
    let phone = App::new(setup["secret"].as_str().expect("a secret"));
    let wrong = json!({ "code": phone.wrong_code(&app) });
    let wrong = ada.post(&format!("{AUTHENTICATOR}/confirm"), &wrong).await;
    let still_nothing = ada.get(STATE).await.json();
    let made = phone.confirm(&mut ada, &app).await;
    let again = phone.confirm(&mut ada, &app).await;
    let state = ada.get(STATE).await.json();

    let none = json!({ "authenticator": null, "passkeys": [], "recovery_codes": null });
    assert_eq!((&nothing, &still_nothing), (&none, &none));
    let uri = setup["uri"].as_str().expect("an address");
    assert!(uri.starts_with("otpauth://totp/Blazing%20Sun:ada%40example.org?secret="));
    assert!(
        setup["qr"]
            .as_str()
            .expect("a picture")
            .starts_with("<svg ")
    );
    assert_eq!(
        (wrong.status, wrong.problem()),
        (422, "invalid_fields".to_owned())
    );
    assert_eq!(recovery_codes(&made.json()).len(), 10);
    for shown_once in [&begun, &made] {
        assert_eq!(shown_once.header("cache-control"), Some("no-store"));
    }
    assert_eq!(
        (again.status, again.problem()),
        (409, "nothing_begun".to_owned())
    );
    assert!(state["authenticator"]["created_at"].is_string());
    assert_eq!(state["recovery_codes"], json!({ "left": 10, "total": 10 }));
    app.end().await;
}

#[tokio::test]
async fn an_app_has_ten_minutes_to_show_its_first_code() {
    let world = World::solo().await;
    let (app, _machine, mut ada) = started(&world).await;
    let phone = App::begin(&mut ada).await;

    app.clock.advance(TimeDelta::minutes(11));
    ada.post(CONFIRM, &json!({ "password": PASSWORD })).await;
    let late = phone.confirm(&mut ada, &app).await;

    assert_eq!(
        (late.status, late.problem()),
        (409, "nothing_begun".to_owned())
    );
    app.end().await;
}

#[tokio::test]
async fn the_old_app_counts_until_the_new_one_has_shown_a_code() {
    let world = World::solo().await;
    let (app, mut machine, mut ada) = started(&world).await;
    let (old, codes) = App::set_up(&mut ada, &app).await;

    let abandoned = App::begin(&mut ada).await;
    let new = App::begin(&mut ada).await;
    let by_old = gets_in(&app, "code", &old.code(&app)).await;
    let by_new_too_early = gets_in(&app, "code", &new.code(&app)).await;
    let replaced = abandoned.confirm(&mut ada, &app).await;
    let made = new.confirm(&mut ada, &app).await;
    app.clock.advance(TimeDelta::seconds(30));
    let by_old_too_late = gets_in(&app, "code", &old.code(&app)).await;
    let by_new = gets_in(&app, "code", &new.code(&app)).await;
    let by_recovery_code = gets_in(&app, "recovery_code", &codes[0]).await;
    machine.settle().await;

    assert_eq!(replaced.status, 422, "it is another secret: {replaced:?}");
    assert_eq!(
        made.json(),
        json!({ "recovery_codes": null }),
        "there are some"
    );
    assert_eq!((by_old, by_new_too_early), (true, false));
    assert_eq!(
        (by_old_too_late, by_new, by_recovery_code),
        (false, true, true)
    );
    assert_eq!(
        changes(&world).await[1],
        json!(["authenticator_removed", "authenticator_added"])
    );
    app.end().await;
}

#[tokio::test]
async fn with_the_last_factor_go_the_recovery_codes() {
    let world = World::solo().await;
    let (app, mut machine, mut ada) = started(&world).await;
    App::set_up(&mut ada, &app).await;
    let added = Passkey::new().add(&mut ada, "a key").await.json();

    let removed = ada.delete(AUTHENTICATOR).await;
    let with_passkey = ada.get(STATE).await.json();
    let again = ada.delete(AUTHENTICATOR).await;
    let id = added["id"].as_str().expect("an id");
    let last = ada.delete(&format!("{STATE}/passkeys/{id}")).await;
    let nothing = ada.get(STATE).await.json();
    let signed_in = Browser::new(&app).sign_in(ADA, PASSWORD).await;
    let codes = world
        .number(&world.pool(), "SELECT count(*) FROM recovery_codes")
        .await;
    machine.settle().await;

    assert_eq!((removed.status, again.status, last.status), (204, 404, 204));
    assert_eq!(with_passkey["recovery_codes"]["left"], 10);
    assert_eq!((codes, &nothing["recovery_codes"]), (0, &Value::Null));
    assert_eq!(signed_in.json()["status"], "signed_in");
    assert_eq!(
        changes(&world).await,
        [
            json!(["authenticator_added", "recovery_codes"]),
            json!(["passkey_added"]),
            json!(["authenticator_removed"]),
            json!(["passkey_removed"]),
        ]
    );
    app.end().await;
}

#[tokio::test]
async fn new_recovery_codes_make_the_old_ones_void() {
    let world = World::solo().await;
    let (app, mut machine, mut ada) = started(&world).await;

    let none = ada.post(CODES, &json!({})).await;
    let (_, old) = App::set_up(&mut ada, &app).await;
    let renewed = ada.post(CODES, &json!({})).await;
    let new = recovery_codes(&renewed.json());
    let by_old = gets_in(&app, "recovery_code", &old[0]).await;
    let by_new = gets_in(&app, "recovery_code", &new[0]).await;
    machine.settle().await;

    assert_eq!(
        (none.status, none.problem()),
        (409, "no_second_factor".to_owned())
    );
    assert_eq!(renewed.header("cache-control"), Some("no-store"));
    assert_eq!(new.len(), 10);
    assert_eq!((by_old, by_new), (false, true));
    assert_eq!(changes(&world).await[1], json!(["recovery_codes"]));
    app.end().await;
}

#[tokio::test]
async fn a_change_ends_the_other_sessions_unless_they_shall_stay() {
    let world = World::solo().await;
    let (app, _machine, mut ada) = started(&world).await;
    let (phone, codes) = App::set_up(&mut ada, &app).await;
    let mut other = Browser::new(&app);
    let challenge = challenge(&mut other, ADA).await;
    let body = json!({ "challenge": challenge, "recovery_code": codes[0] });
    other.post("/api/v1/auth/second-factor", &body).await;
    let validate = "/api/v1/auth/validate";

    let body = json!({ "end_other_sessions": false });
    assert_eq!(ada.post(CODES, &body).await.status, 200);
    let stays = other.get(validate).await;
    let path = format!("{AUTHENTICATOR}?end_other_sessions=false");
    assert_eq!(ada.delete(&path).await.status, 204);
    let stays_still = other.get(validate).await;
    drop(phone);
    App::set_up(&mut ada, &app).await;
    let ended = other.get(validate).await;
    let own = ada.get(validate).await;

    assert_eq!((stays.status, stays_still.status), (204, 204));
    assert_eq!((ended.status, own.status), (401, 204));
    app.end().await;
}

#[tokio::test]
async fn adding_and_removing_a_passkey_ends_the_other_sessions_too() {
    let world = World::solo().await;
    let (app, _machine, mut ada) = started(&world).await;
    let mut other = Browser::new(&app);
    other.sign_in(ADA, PASSWORD).await;
    let validate = "/api/v1/auth/validate";

    let before = other.get(validate).await.status;
    let added = Passkey::new().add(&mut ada, "a key").await.json();
    let after_adding = other.get(validate).await.status;
    let asked = challenge(&mut other, ADA).await;
    let code = &recovery_codes(&added)[0];
    let body = json!({ "challenge": asked, "recovery_code": code });
    other.post("/api/v1/auth/second-factor", &body).await;
    let between = other.get(validate).await.status;
    let id = added["id"].as_str().expect("an id");
    ada.delete(&format!("{STATE}/passkeys/{id}")).await;
    let after_removing = other.get(validate).await.status;

    assert_eq!((before, after_adding), (204, 401));
    assert_eq!((between, after_removing), (204, 401));
    assert_eq!(ada.get(validate).await.status, 204);
    app.end().await;
}

#[tokio::test]
async fn every_change_asks_for_a_proof_of_the_last_ten_minutes() {
    let world = World::solo().await;
    let (app, _machine, mut ada) = started(&world).await;
    app.clock.advance(TimeDelta::minutes(10));

    let id = "/passkeys/00000000-0000-0000-0000-000000000000";
    for (method, path, body) in [
        ("POST", "/authenticator", json!({})),
        (
            "POST",
            "/authenticator/confirm",
            json!({ "code": "123456" }),
        ),
        ("DELETE", "/authenticator", json!({})),
        ("POST", "/recovery-codes", json!({})),
        ("POST", "/passkeys/begin", json!({})),
        (
            "POST",
            "/passkeys",
            json!({ "registration": uuid::Uuid::nil(), "name": "a", "credential": {} }),
        ),
        ("DELETE", id, json!({})),
    ] {
        let path = format!("{STATE}{path}");
        let refused = ada.json(method, &path, &[], &body).await;
        let expected = (403, "confirmation_required".to_owned());
        assert_eq!(
            (refused.status, refused.problem()),
            expected,
            "{method} {path}"
        );
        let nobody = Browser::new(&app).json(method, &path, &[], &body).await;
        assert_eq!(
            (nobody.status, nobody.problem()),
            (401, "not_signed_in".to_owned())
        );
    }
    app.end().await;
}

#[tokio::test]
async fn confirming_takes_the_password_and_the_second_factor() {
    let world = World::solo().await;
    let (app, _machine, mut ada) = started(&world).await;
    let (phone, codes) = App::set_up(&mut ada, &app).await;
    app.clock.advance(TimeDelta::minutes(10));
    let code = phone.code(&app);

    let password_alone = ada.post(CONFIRM, &json!({ "password": PASSWORD })).await;
    let wrong_password = json!({ "password": "another horse", "code": code });
    let wrong_password = ada.post(CONFIRM, &wrong_password).await;
    let wrong_code = json!({ "password": PASSWORD, "code": phone.wrong_code(&app) });
    let wrong_code = ada.post(CONFIRM, &wrong_code).await;
    let still = ada.post(CODES, &json!({})).await;
    let both = json!({ "password": PASSWORD, "code": code });
    let right = ada.post(CONFIRM, &both).await;
    let replayed = ada.post(CONFIRM, &both).await;
    let now = ada.post(CODES, &json!({})).await;
    let void = json!({ "password": PASSWORD, "recovery_code": codes[0] });
    let void = ada.post(CONFIRM, &void).await;
    let recovery = json!({ "password": PASSWORD, "recovery_code": recovery_codes(&now.json())[0] });
    let recovered = ada.post(CONFIRM, &recovery).await;

    for (refused, pointer) in [
        (&password_alone, "/code"),
        (&wrong_password, "/password"),
        (&wrong_code, "/code"),
        (&replayed, "/code"),
        (&void, "/recovery_code"),
    ] {
        assert_eq!(refused.status, 422, "{refused:?}");
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer);
    }
    assert_eq!(still.status, 403);
    assert_eq!(
        (right.status, now.status, recovered.status),
        (204, 200, 204)
    );
    app.end().await;
}
