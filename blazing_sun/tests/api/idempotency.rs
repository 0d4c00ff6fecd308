//! `Idempotency-Key`: a request that is repeated is done once.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor};
use uuid::Uuid;

use crate::harness::{Browser, Machine, PASSWORD, Response, TestApp, World, admin, member};
use crate::support::soon;

const ADA: &str = "ada@example.org";
const BOB: &str = "bob@example.org";
const EXPORTS: &str = "/api/v1/profile/exports";
const INVITATIONS: &str = "/api/v1/invitations";
const TOKENS: &str = "/api/v1/tokens";
const KEY: &str = "\"8e03978e-40d5-43dd-bc93-6894a57f9324\"";

fn person(email: &str) -> Value {
    json!({ "email": email })
}

async fn post(browser: &mut Browser, path: &str, key: &str, body: &Value) -> Response {
    let headers = [("idempotency-key", key)];
    browser.json("POST", path, &headers, body).await
}

/// Its status, whether it was given before, and the rest of it.
fn told(answer: &Response) -> (u16, bool, Option<&str>, &str) {
    let is_replayed = answer.header("idempotency-replayed") == Some("true");
    let place = answer.header("location");
    (answer.status, is_replayed, place, &answer.body)
}

fn refusal(answer: &Response) -> (u16, String) {
    (answer.status, answer.problem())
}

fn expected(status: u16, kind: &str) -> (u16, String) {
    (status, kind.to_owned())
}

async fn rows(world: &World, table: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {table}")))
        .fetch_one(&world.pool())
        .await
        .expect("a number")
}

async fn run(world: &World, statement: &'static str) {
    world.pool().execute(statement).await.expect(statement);
}

async fn id_of(world: &World, email: &str) -> Uuid {
    sqlx::query_scalar("SELECT id FROM users WHERE email = $1")
        .bind(email)
        .fetch_one(&world.pool())
        .await
        .expect("an account")
}

#[tokio::test]
async fn a_repetition_gets_the_same_answer_and_has_no_effect() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;

    let first = post(&mut ada, INVITATIONS, KEY, &person(BOB)).await;
    let again = post(&mut ada, INVITATIONS, KEY, &person(BOB)).await;
    // The same key, as programs write it that do not know of quotes.
    let bare = post(&mut ada, INVITATIONS, KEY.trim_matches('"'), &person(BOB)).await;

    let place = first.header("location").expect("a place");
    assert_eq!(told(&first), (202, false, Some(place), &*first.body));
    for repeated in [again, bare] {
        assert_eq!(told(&repeated), (202, true, Some(place), &*first.body));
        assert_eq!(
            repeated.header("content-type"),
            first.header("content-type")
        );
        assert_ne!(
            repeated.header("x-request-id"),
            first.header("x-request-id")
        );
    }
    assert_eq!(rows(&world, "invitation_batches").await, 1);
    assert_eq!(rows(&world, "idempotency_keys").await, 1);
    app.end().await;
}

#[tokio::test]
async fn without_a_key_or_with_another_it_is_done_again() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;

    for answer in [
        ada.post(INVITATIONS, &person(BOB)).await,
        ada.post(INVITATIONS, &person(BOB)).await,
        post(&mut ada, INVITATIONS, "one", &person(BOB)).await,
        post(&mut ada, INVITATIONS, "another", &person(BOB)).await,
    ] {
        assert_eq!(told(&answer).0, 202);
        assert!(!told(&answer).1);
    }
    assert_eq!(rows(&world, "invitation_batches").await, 4);
    assert_eq!(rows(&world, "idempotency_keys").await, 2);
    app.end().await;
}

#[tokio::test]
async fn twenty_requests_at_once_with_one_key_have_one_effect() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let ada = admin(&world, &app, &mut machine, ADA).await;

    let answers = join_all((0..20).map(|_| {
        let mut ada = ada.clone();
        async move { post(&mut ada, INVITATIONS, KEY, &person(BOB)).await }
    }))
    .await;

    let (done, others): (Vec<_>, Vec<_>) = answers
        .iter()
        .partition(|answer| answer.status == 202 && !told(answer).1);
    assert_eq!(done.len(), 1, "{answers:?}");
    for other in others {
        if other.status == 202 {
            assert_eq!(other.body, done[0].body);
        } else {
            assert_eq!(refusal(other), expected(409, "idempotency_busy"));
        }
    }
    assert_eq!(rows(&world, "invitation_batches").await, 1);
    app.end().await;
}

#[tokio::test]
async fn a_key_whose_request_is_outstanding_is_busy_and_nobody_waits() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    let mut other = world.pool().begin().await.expect("a transaction");
    sqlx::query("SELECT idempotency_take($1, 'POST ' || $2, sha256('one'), now())")
        .bind(id_of(&world, ADA).await)
        .bind(INVITATIONS)
        .execute(&mut *other)
        .await
        .expect("the key");

    let busy = post(&mut ada, INVITATIONS, "one", &person(BOB)).await;
    let another = post(&mut ada, INVITATIONS, "another", &person(BOB)).await;
    other.rollback().await.expect("an end");
    let free = post(&mut ada, INVITATIONS, "one", &person(BOB)).await;

    assert_eq!(refusal(&busy), expected(409, "idempotency_busy"));
    assert_eq!(told(&another).0, 202);
    assert_eq!((free.status, told(&free).1), (202, false));
    app.end().await;
}

#[tokio::test]
async fn whoever_gets_the_key_sees_what_its_last_holder_wrote() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    drop(member(&world, &app, &mut machine, ADA).await);
    let ada = id_of(&world, ADA).await;
    let pool = world.pool();
    let mut holder = pool.begin().await.expect("a transaction");
    holder
        .execute("SELECT pg_advisory_xact_lock(7, 7)")
        .await
        .expect("a lock");

    // Its statement begins before the row is committed, and takes the key afterwards.
    let late = tokio::spawn(async move {
        sqlx::query_scalar::<_, Option<Vec<u8>>>(
            "SELECT body FROM idempotency_take($1, 'POST /', sha256('k'),
                 CASE WHEN pg_advisory_xact_lock(7, 7) IS NOT NULL THEN '-infinity'::timestamptz END)",
        )
        .bind(ada)
        .fetch_one(&pool)
        .await
        .expect("a key")
    });
    soon("somebody who waits", async {
        let waiting = "pg_locks WHERE locktype = 'advisory' AND NOT granted AND classid = 7 AND
            database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        while rows(&world, waiting).await == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    sqlx::query(
        "INSERT INTO idempotency_keys VALUES ($1, 'POST /', sha256('k'), sha256(''), 201, '{}', 'made', now())",
    )
    .bind(ada)
    .execute(&mut *holder)
    .await
    .expect("a row");
    holder.commit().await.expect("a commit");

    assert_eq!(late.await.expect("an end").as_deref(), Some(&b"made"[..]));
    app.end().await;
}

#[tokio::test]
async fn a_key_is_for_one_request_and_for_no_other() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    let headers = [("content-type", "text/csv"), ("idempotency-key", "file")];

    let first = post(&mut ada, INVITATIONS, KEY, &person(BOB)).await;
    let file = ada
        .send("POST", INVITATIONS, &headers, "email\nbob@example.org\n")
        .await;
    assert_eq!((first.status, file.status), (202, 202));

    for answer in [
        post(&mut ada, INVITATIONS, KEY, &person("carl@example.org")).await,
        post(&mut ada, &format!("{INVITATIONS}?again"), KEY, &person(BOB)).await,
        ada.send("POST", INVITATIONS, &headers, "email\ncarl@example.org\n")
            .await,
    ] {
        assert_eq!(refusal(&answer), expected(422, "idempotency_mismatch"));
    }
    let again = post(&mut ada, INVITATIONS, KEY, &person(BOB)).await;
    assert_eq!((told(&again).1, &again.body), (true, &first.body));
    assert_eq!(rows(&world, "invitation_batches").await, 2);
    app.end().await;
}

#[tokio::test]
async fn the_same_key_of_another_account_or_at_another_address_is_another_key() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let mut bob = member(&world, &app, &mut machine, BOB).await;
    let address = person("countess@example.org");

    let hers = post(&mut ada, EXPORTS, KEY, &json!({})).await;
    let his = post(&mut bob, EXPORTS, KEY, &json!({})).await;
    let elsewhere = post(&mut ada, "/api/v1/profile/email", KEY, &address).await;

    for answer in [&hers, &his, &elsewhere] {
        assert_eq!((answer.status, told(answer).1), (202, false), "{answer:?}");
    }
    assert_ne!(hers.body, his.body);
    let again = post(&mut bob, EXPORTS, KEY, &json!({})).await;
    assert_eq!(
        told(&again),
        (202, true, his.header("location"), &*his.body)
    );
    assert_eq!(rows(&world, "exports").await, 2);
    app.end().await;
}

#[tokio::test]
async fn what_failed_is_not_kept_and_may_be_tried_again_at_once() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;

    let malformed = post(&mut ada, INVITATIONS, KEY, &person("nobody")).await;
    let invited = post(&mut ada, INVITATIONS, KEY, &person(BOB)).await;
    assert_eq!(refusal(&malformed), expected(422, "invalid_fields"));
    assert_eq!((invited.status, told(&invited).1), (202, false));

    assert_eq!(ada.post(EXPORTS, &json!({})).await.status, 202);
    for _ in 0..2 {
        let refused = post(&mut ada, EXPORTS, KEY, &json!({})).await;
        assert_eq!(refusal(&refused), expected(409, "export_in_the_making"));
    }
    assert_eq!(rows(&world, "idempotency_keys").await, 1);
    machine.settle().await;
    let made = post(&mut ada, EXPORTS, KEY, &json!({})).await;
    assert_eq!((made.status, told(&made).1), (202, false));
    app.end().await;
}

#[tokio::test]
async fn an_effect_that_is_not_committed_leaves_no_key_and_a_key_that_is_not_kept_no_effect() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    run(
        &world,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$",
    )
    .await;

    for (refusing, again) in [
        (
            "CREATE CONSTRAINT TRIGGER refusing AFTER INSERT ON invitation_batches
             DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()",
            "DROP TRIGGER refusing ON invitation_batches",
        ),
        (
            "CREATE TRIGGER refusing BEFORE INSERT ON idempotency_keys FOR EACH ROW EXECUTE FUNCTION refuse()",
            "DROP TRIGGER refusing ON idempotency_keys",
        ),
    ] {
        run(&world, refusing).await;
        let failed = post(&mut ada, INVITATIONS, KEY, &person(BOB)).await;
        run(&world, again).await;
        assert_eq!(failed.status, 500, "{failed:?}");
        assert_eq!(rows(&world, "idempotency_keys").await, 0);
        assert_eq!(rows(&world, "invitation_batches").await, 0);
        assert_eq!(rows(&world, "jobs WHERE state = 'ready'").await, 0);
    }
    let done = post(&mut ada, INVITATIONS, KEY, &person(BOB)).await;
    assert_eq!((done.status, told(&done).1), (202, false));
    assert_eq!(rows(&world, "invitation_batches").await, 1);
    app.end().await;
}

#[tokio::test]
async fn a_secret_is_shown_once_and_kept_nowhere() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let wanted = json!({ "name": "Backup", "scopes": ["profile:read"], "days": 30 });
    let other = json!({ "name": "Other", "scopes": ["profile:read"], "days": 30 });

    let made = post(&mut ada, TOKENS, KEY, &wanted).await;
    let again = post(&mut ada, TOKENS, KEY, &wanted).await;
    let another = post(&mut ada, TOKENS, KEY, &other).await;

    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(refusal(&again), expected(409, "idempotency_spent"));
    assert_eq!(refusal(&another), expected(422, "idempotency_mismatch"));
    assert_eq!(rows(&world, "api_tokens").await, 1);
    let token = made.json()["token"].as_str().expect("a token").to_owned();
    let kept: (String, i16, bool) = sqlx::query_as(
        "SELECT kept::text || encode(coalesce(body, ''), 'escape'), status, body IS NULL FROM idempotency_keys kept",
    )
    .fetch_one(&world.pool())
    .await
    .expect("a row");
    assert!(!kept.0.contains(&token), "{kept:?}");
    assert_eq!((kept.1, kept.2), (201, true));
    app.end().await;
}

#[tokio::test]
async fn a_key_counts_for_a_day_and_is_purged_after_it() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    let moment = TimeDelta::milliseconds(1);
    for key in ["one", "purged"] {
        let answer = post(&mut ada, INVITATIONS, key, &person(BOB)).await;
        assert_eq!((answer.status, told(&answer).1), (202, false));
    }

    app.clock.advance(TimeDelta::days(1) - moment);
    assert_eq!(ada.sign_in(ADA, PASSWORD).await.status, 200);
    let within = post(&mut ada, INVITATIONS, "one", &person(BOB)).await;
    machine.fire("purge_expired").await;
    let left = rows(&world, "idempotency_keys").await;
    app.clock.advance(moment);
    // Nobody has purged it yet.
    let after = post(&mut ada, INVITATIONS, "one", &person("carl@example.org")).await;
    machine.fire("purge_expired").await;

    assert_eq!((within.status, told(&within).1, left), (202, true, 2));
    assert_eq!((after.status, told(&after).1), (202, false), "{after:?}");
    assert_eq!(rows(&world, "idempotency_keys").await, 1);
    let kept = post(&mut ada, INVITATIONS, "one", &person("carl@example.org")).await;
    assert!(told(&kept).1, "{kept:?}");
    app.end().await;
}

/// The operations that create something for somebody, and whether they say that they take a key.
async fn creating(app: &TestApp) -> Vec<(String, bool)> {
    let document = app.get("/api/v1/openapi.json").await.json();
    let paths = document["paths"].as_object().expect("paths");
    let posts = paths
        .iter()
        .filter_map(|(path, item)| Some((path, item.get("post")?)));
    posts
        .filter(|(_, post)| post.get("security").is_some())
        .filter_map(|(path, post)| {
            let takes_a_key = post["parameters"]
                .as_array()
                .is_some_and(|all| all.iter().any(|it| it["name"] == "Idempotency-Key"));
            let answers = &post["responses"];
            let creates =
                answers["201"].is_object() || answers["202"]["headers"]["Location"].is_object();
            (creates || takes_a_key).then(|| (path.clone(), takes_a_key))
        })
        .collect()
}

#[tokio::test]
async fn all_that_creates_takes_a_key_and_what_says_so_looks_at_it() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    let id = Uuid::nil().to_string();

    let mut without = BTreeSet::new();
    for (path, takes_a_key) in creating(&app).await {
        if !takes_a_key {
            without.insert(path);
            continue;
        }
        let filled = path
            .split('/')
            .map(|part| if part.starts_with('{') { &id } else { part })
            .collect::<Vec<_>>()
            .join("/");
        for key in ["", "a b", "\"a", &"k".repeat(256)] {
            let answer = post(&mut ada, &filled, key, &json!({})).await;
            let refused = expected(400, "malformed_idempotency_key");
            assert_eq!(refusal(&answer), refused, "{path} {key}");
        }
    }

    // What was begun for a passkey is a key of its own: it is good once.
    let expected = BTreeSet::from(["/api/v1/second-factor/passkeys".to_owned()]);
    assert_eq!(without, expected);
    app.end().await;
}
