//! Reading and changing one's profile.

use blazing_sun::audit;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Browser, Machine, Response, TestApp, World, member};

const ADA: &str = "ada@example.org";
const BOB: &str = "bob@example.org";
const PATH: &str = "/api/v1/profile";

async fn patch(browser: &mut Browser, etag: &str, body: &Value) -> Response {
    browser
        .json("PATCH", PATH, &[("if-match", etag)], body)
        .await
}

#[tokio::test]
async fn a_profile_is_read_and_changed_and_the_event_says_what_differs() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;

    let read = ada.get(PATH).await;
    let etag = read.header("etag").expect("a version").to_owned();
    let body = json!({ "name": " Ada Lovelace ", "locale": "EN-gb", "time_zone": "Europe/London", "currency": "EUR" });
    let changed = patch(&mut ada, &etag, &body).await;
    let new_etag = changed.header("etag").expect("a version").to_owned();
    let again = patch(&mut ada, &new_etag, &body).await;
    machine.settle().await;

    assert_eq!(read.json()["email"], ADA);
    assert_eq!(read.header("cache-control"), Some("no-store"));
    assert_eq!(changed.status, 200, "{changed:?}");
    let profile = changed.json();
    assert_eq!(
        (&profile["name"], &profile["locale"]),
        (&json!("Ada Lovelace"), &json!("en-GB"))
    );
    assert_ne!(etag, new_etag);
    assert_eq!(
        again.header("etag"),
        Some(new_etag.as_str()),
        "nothing differed"
    );
    let id: Uuid = profile["id"]
        .as_str()
        .expect("an id")
        .parse()
        .expect("an id");
    let history = audit::history(&world.pool(), id).await.expect("the audit");
    let updates: Vec<&Value> = history
        .iter()
        .filter(|entry| entry.kind == "user.updated.v1")
        .map(|entry| &entry.data["changed"])
        .collect();
    assert_eq!(updates, [&json!(["name", "locale", "time_zone"])]);
    app.end().await;
}

#[tokio::test]
async fn a_change_names_the_version_that_it_was_made_of() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let etag = ada
        .get(PATH)
        .await
        .header("etag")
        .expect("a version")
        .to_owned();

    let without = ada
        .json("PATCH", PATH, &[], &json!({ "name": "Ada" }))
        .await;
    let stale = patch(&mut ada, "\"1\"", &json!({ "name": "Ada" })).await;
    let attempts = (0..8).map(|number| {
        let (mut ada, etag) = (ada.clone(), etag.clone());
        async move {
            let body = json!({ "name": format!("Ada {number}") });
            patch(&mut ada, &etag, &body).await.status
        }
    });
    let answers = futures_util::future::join_all(attempts).await;

    assert_eq!(
        (without.status, without.problem().as_str()),
        (428, "if_match_required")
    );
    assert_eq!(
        (stale.status, stale.problem().as_str()),
        (412, "changed_meanwhile")
    );
    let count = |status| answers.iter().filter(|answer| **answer == status).count();
    assert_eq!((count(200), count(412)), (1, 7), "{answers:?}");
    app.end().await;
}

#[tokio::test]
async fn of_two_changes_of_one_version_at_the_same_moment_one_is_made() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let read = ada.get(PATH).await;
    let etag = read.header("etag").expect("a version");
    let (mut one, mut other) = (ada.clone(), ada.clone());
    let pool = world.pool();
    let mut gate = pool.begin().await.expect("a transaction");
    sqlx::query("SELECT FROM users FOR UPDATE")
        .execute(&mut *gate)
        .await
        .expect("the row");

    // Both have come as far as they can before either goes on.
    let (one_name, other_name) = (json!({ "name": "One" }), json!({ "name": "Other" }));
    let changes = futures_util::future::join(
        patch(&mut one, etag, &one_name),
        patch(&mut other, etag, &other_name),
    );
    let waiting = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let opening = async {
        world.until(waiting, 2).await;
        gate.commit().await.expect("the end");
    };
    let ((one, other), ()) = futures_util::future::join(changes, opening).await;

    let mut statuses = [one.status, other.status];
    statuses.sort();
    assert_eq!(statuses, [200, 412]);
    app.end().await;
}

#[tokio::test]
async fn everything_wrong_with_a_profile_is_told_at_once() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let etag = ada
        .get(PATH)
        .await
        .header("etag")
        .expect("a version")
        .to_owned();

    let body = json!({ "name": "a\u{7}b", "locale": "nonsense!", "time_zone": "Mars/Olympus", "currency": "XXX" });
    let answer = patch(&mut ada, &etag, &body).await;
    let unknown = patch(&mut ada, &etag, &json!({ "role": "admin" })).await;

    assert_eq!(answer.status, 422);
    let errors = answer.json()["errors"].clone();
    let pointers: Vec<&str> = errors
        .as_array()
        .expect("errors")
        .iter()
        .filter_map(|error| error["pointer"].as_str())
        .collect();
    assert_eq!(pointers, ["/name", "/locale", "/time_zone", "/currency"]);
    assert_eq!(
        (unknown.status, unknown.problem().as_str()),
        (400, "malformed_json")
    );
    assert_eq!(ada.get(PATH).await.header("etag"), Some(etag.as_str()));
    app.end().await;
}

#[tokio::test]
async fn a_name_can_be_taken_away_and_nothing_else() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;

    for without in [json!(null), json!(""), json!(" ")] {
        let named = patch(&mut ada, "*", &json!({ "name": "Ada" })).await;
        let unnamed = patch(&mut ada, "*", &json!({ "name": without })).await;

        assert_eq!(named.json()["name"], "Ada");
        assert_eq!((unnamed.status, &unnamed.json()["name"]), (200, &json!("")));
        assert_ne!(named.header("etag"), unnamed.header("etag"));
    }
    for field in ["locale", "time_zone", "currency"] {
        let answer = patch(&mut ada, "*", &json!({ field: null })).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (400, "malformed_json")
        );
    }
    let nothing = patch(&mut ada, "*", &json!({})).await;
    assert_eq!(
        (nothing.status, nothing.problem().as_str()),
        (422, "invalid_fields")
    );
    app.end().await;
}

#[tokio::test]
async fn everybody_sees_their_own_profile_alone() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let mut bob = member(&world, &app, &mut machine, BOB).await;

    assert_eq!(ada.get(PATH).await.json()["email"], ADA);
    assert_eq!(bob.get(PATH).await.json()["email"], BOB);
    app.end().await;
}

#[tokio::test]
async fn the_page_shows_the_profile_and_saves_it() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let fields = |zone| {
        [
            ("name", "Ada"),
            ("locale", "de-CH"),
            ("time_zone", zone),
            ("currency", "CHF"),
        ]
    };

    let saved = ada.form("/profile", &fields("Europe/Zurich")).await;
    let page = ada.get("/profile").await;
    let wrong = ada.form("/profile", &fields("Mars/Olympus")).await;

    assert_eq!(saved.status, 303, "{saved:?}");
    assert!(page.body.contains("Your profile is saved."));
    assert!(page.body.contains("Zurich\" selected"));
    assert_eq!(wrong.status, 422);
    app.end().await;
}

#[tokio::test]
async fn saving_the_page_as_it_is_changes_nothing_whatever_was_chosen_before() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    // None of these is among the usual choices.
    let body = json!({ "locale": "rm-CH", "time_zone": "Japan", "currency": "XPF" });
    let rare = patch(&mut ada, "*", &body).await;

    let page = ada.get("/profile").await;
    let chosen: Vec<&str> = page
        .body
        .lines()
        .filter(|line| line.contains(" selected>"))
        .filter_map(|line| line.split('"').nth(1))
        .collect();
    let fields = [
        ("name", ""),
        ("locale", "rm-CH"),
        ("time_zone", "Japan"),
        ("currency", "XPF"),
    ];
    let saved = ada.form("/profile", &fields).await;
    let after = ada.get(PATH).await;

    assert_eq!(rare.status, 200, "{rare:?}");
    assert_eq!(chosen, ["rm-CH", "Japan", "XPF"]);
    assert_eq!(saved.status, 303, "{saved:?}");
    assert_eq!(after.header("etag"), rare.header("etag"));
    app.end().await;
}

#[tokio::test]
async fn the_page_takes_a_name_away_when_its_field_is_emptied() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    patch(&mut ada, "*", &json!({ "name": "Ada" })).await;

    let fields = [
        ("name", ""),
        ("locale", "en"),
        ("time_zone", "UTC"),
        ("currency", "EUR"),
    ];
    let saved = ada.form("/profile", &fields).await;

    assert_eq!(saved.status, 303, "{saved:?}");
    assert_eq!(ada.get(PATH).await.json()["name"], "");
    app.end().await;
}

#[tokio::test]
async fn a_program_reads_and_changes_a_profile_as_its_token_says() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let mut answers = Vec::new();

    for scope in ["profile:read", "profile:write"] {
        let wanted = json!({ "name": scope, "scopes": [scope], "days": 1 });
        let made = ada.post("/api/v1/tokens", &wanted).await.json();
        let bearer = format!("Bearer {}", made["token"].as_str().expect("a token"));
        let mut program = Browser::new(&app).with("authorization", &bearer);
        answers.push(program.get(PATH).await);
        answers.push(patch(&mut program, "*", &json!({ "name": scope })).await);
    }

    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 403, 200, 200]);
    assert_eq!(answers[1].problem(), "insufficient_scope");
    assert_eq!(ada.get(PATH).await.json()["name"], "profile:write");
    app.end().await;
}
