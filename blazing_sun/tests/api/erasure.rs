//! Erasing an account: nothing of the person is left in any table, key or file.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use blazing_sun::app::schedules::schedules;
use blazing_sun::audit;
use chrono::TimeDelta;
use serde_json::json;
use uuid::Uuid;

use crate::harness::{
    Browser, Machine, PASSWORD, TestApp, World, enqueue, id_of, member, tables_with,
};

const ADA: &str = "Ada.Lovelace@example.org";
const BOB: &str = "bob@example.org";
const DELETION: &str = "/api/v1/profile/deletion";
const AGENT: &str = "an-analytical-engine/1.0";

/// Everything in Redis that is this world's.
pub async fn cached(world: &World) -> Vec<String> {
    let settings = world.config().services.redis.expect("Redis");
    let client = blazing_sun::infra::redis::Redis::new(&settings).expect("a client");
    let mut cursor = 0_u64;
    let mut found = Vec::new();
    loop {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor)
            .arg("MATCH")
            .arg(format!("{}*", settings.prefix))
            .arg("COUNT")
            .arg(1000);
        let (next, keys): (u64, Vec<String>) = client.ask(&scan).await.expect("keys");
        for key in keys {
            let get = redis::cmd("GET").arg(&key).take();
            let range = redis::cmd("ZRANGE").arg(&key).arg(0).arg(-1).take();
            let value = match client.ask::<Option<String>>(&get).await {
                Ok(value) => value.unwrap_or_default(),
                // It is a set.
                Err(_) => {
                    let values: Vec<String> = client.ask(&range).await.expect("a set");
                    values.concat()
                }
            };
            found.push(format!("{key} = {value}"));
        }
        if next == 0 {
            return found;
        }
        cursor = next;
    }
}

/// The content of every file below a folder.
pub fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(fs::read_to_string(path).expect("text"));
        }
    }
    found
}

/// Puts a row about Ada into every table that may hold one, and returns what she can be known by.
async fn leave_traces(world: &World, ada: Uuid, bob: Uuid) -> BTreeMap<&'static str, String> {
    let pool = world.pool();
    for statement in [
        "UPDATE users SET name = 'Countess Lovelace' WHERE id = $1 AND $2::uuid IS NOT NULL",
        "INSERT INTO api_tokens VALUES (gen_random_uuid(), $1, 'loom of ' || 'Jacquard', sha256($2::text::bytea), '{}',
             now(), NULL, now())",
        "INSERT INTO authenticators VALUES (gen_random_uuid(), $1, now(), now(), length($2::text))",
        "INSERT INTO recovery_codes VALUES (sha256('code'), $1, now(), CASE WHEN $2::uuid IS NULL THEN now() END)",
        "INSERT INTO passkeys VALUES (gen_random_uuid(), $1, '\\xfeed', 'key of Byron''s daughter',
             jsonb_build_object('cred', $2::text), now(), NULL)",
        "INSERT INTO sign_in_challenges VALUES (gen_random_uuid(), $1, 'browser', length($2::text), NULL, now(), now())",
        "INSERT INTO passkey_registrations VALUES (gen_random_uuid(), $1, jsonb_build_object('s', $2::text), now(), now())",
        "INSERT INTO user_tokens VALUES (gen_random_uuid(), $1, 'reset', now(), NULL, now() + length($2::text) * interval '1 s')",
        "INSERT INTO idempotency_keys VALUES ($1, 'POST /', sha256($2::text::bytea), sha256(''), 201, '{}', 'Ada, Countess', now())",
        "INSERT INTO email_changes VALUES (gen_random_uuid(), $1, 'ada.byron@example.org', 'ada.lovelace@example.org',
             'ada.lovelace@example.org', now(), now(), now(), now(), now() + length($2::text) * interval '1 s')",
        // What others have about her address.
        "INSERT INTO email_changes SELECT gen_random_uuid(), $2, 'bob@example.org', email, email_key, NULL, NULL, NULL,
             now(), now() FROM users WHERE id = $1",
        "INSERT INTO link_requests SELECT gen_random_uuid(), 'reset', email_key, now() FROM users
             WHERE id = $1 AND $2::uuid IS NOT NULL",
        "INSERT INTO invitation_batches SELECT '00000000-0000-0000-0000-000000000007', $2, now() WHERE $1 IS NOT NULL",
        "INSERT INTO invitations VALUES (gen_random_uuid(), '00000000-0000-0000-0000-000000000007', 1, 'ADA.lovelace@example.org',
             'Countess Lovelace', 'user', 'accepted', $1, now() + length($2::text) * interval '1 s')",
        "INSERT INTO invitations SELECT gen_random_uuid(), '00000000-0000-0000-0000-000000000007', 2, email,
             'Lady L.', 'user', 'invited', NULL, now() FROM users WHERE id = $1 AND $2::uuid IS NOT NULL",
        "INSERT INTO invitations SELECT gen_random_uuid(), '00000000-0000-0000-0000-000000000007', 3, 'carol@example.org',
             'Carol', 'user', 'invited', NULL, now() WHERE $1 <> $2",
    ] {
        sqlx::query(statement)
            .bind(ada)
            .bind(bob)
            .execute(&pool)
            .await
            .unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    let mut marks = BTreeMap::from([
        ("address", ADA.to_lowercase()),
        ("former address", "ada.byron@example.org".to_owned()),
        ("name", "Countess Lovelace".to_owned()),
        ("name in an invitation", "Lady L.".to_owned()),
        ("agent", AGENT.to_owned()),
        ("answer", "4164612c20436f756e74657373".to_owned()),
        ("token's name", "loom of Jacquard".to_owned()),
        ("passkey", "key of Byron's daughter".to_owned()),
    ]);
    for (what, query) in [
        ("password", "SELECT password_hash FROM users WHERE id = $1"),
        (
            "session",
            "SELECT encode(token_hash, 'hex') FROM sessions WHERE user_id = $1 LIMIT 1",
        ),
        (
            "device",
            "SELECT encode(token_hash, 'hex') FROM devices WHERE user_id = $1 LIMIT 1",
        ),
        (
            "API token",
            "SELECT encode(token_hash, 'hex') FROM api_tokens WHERE user_id = $1",
        ),
        (
            "recovery code",
            "SELECT encode(code_hash, 'hex') FROM recovery_codes WHERE user_id = $1",
        ),
        (
            "link",
            "SELECT id::text FROM user_tokens WHERE user_id = $1 AND purpose = 'reset'",
        ),
    ] {
        let mark: String = sqlx::query_scalar(query)
            .bind(ada)
            .fetch_one(&pool)
            .await
            .expect(what);
        marks.insert(what, mark);
    }
    marks
}

#[tokio::test]
async fn nothing_of_an_erased_person_is_left_but_a_pseudonym_in_what_happened() {
    let world = World::new()
        .await
        .with("JOBS_CARRIER", "postgres")
        .with("EVENTS_CARRIER", "postgres");
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut bob = member(&world, &app, &mut machine, BOB).await;
    drop(member(&world, &app, &mut machine, ADA).await);
    let mut ada = Browser::new(&app).with("user-agent", AGENT);
    ada.sign_in(ADA, "another horse").await;
    ada.sign_in(ADA, PASSWORD).await;
    for browser in [&mut ada, &mut bob] {
        let answer = browser.post("/api/v1/profile/exports", &json!({})).await;
        assert_eq!(answer.status, 202);
    }
    machine.settle().await;
    assert_eq!(ada.post(DELETION, &json!({})).await.status, 202);
    // She comes back, and is still signed in when her time is over.
    assert_eq!(ada.sign_in(ADA, PASSWORD).await.status, 200);
    app.clock
        .advance(TimeDelta::days(14) - TimeDelta::minutes(1));
    ada.sign_in(ADA, PASSWORD).await;
    bob.sign_in(BOB, PASSWORD).await;
    let export = ada.post("/api/v1/profile/exports", &json!({})).await;
    assert_eq!(export.status, 202);
    machine.settle().await;
    assert_eq!(ada.get("/api/v1/auth/validate").await.status, 204);
    for browser in [&mut ada, &mut bob] {
        assert_eq!(browser.get("/api/v1/feed").await.status, 200);
    }
    let (id, bobs) = (id_of(&world, ADA).await, id_of(&world, BOB).await);
    let marks = leave_traces(&world, id, bobs).await;
    let pool = world.pool();

    // Before: each mark can be found, and never in what is carried or kept for ever.
    for (what, mark) in &marks {
        let tables = tables_with(&pool, mark).await;
        assert!(!tables.is_empty(), "{what} is not found");
        for table in tables {
            let is_kept = [
                "audit_log",
                "event_log",
                "outbox",
                "jobs",
                "dead_letters",
                "inbox",
            ]
            .iter()
            .any(|kept| table.starts_with(kept));
            assert!(!is_kept, "{what} in {table}");
        }
    }
    let held = |texts: &[String], mark: &str| {
        let mark = mark.to_lowercase();
        texts.iter().any(|text| text.to_lowercase().contains(&mark))
    };
    assert!(held(&files(world.storage()), ADA));
    assert!(held(&cached(&world).await, &id.to_string()));
    let feed = |id: Uuid| format!(":feed:1:1:{id}");
    assert!(held(&cached(&world).await, &feed(id)));

    app.clock.advance(TimeDelta::minutes(1));
    enqueue(&world, &app, "erase_accounts", json!({})).await;
    machine.settle().await;

    for (what, mark) in &marks {
        let tables = tables_with(&pool, mark).await;
        assert!(tables.is_empty(), "{what} in {tables:?}");
        assert!(!held(&files(world.storage()), mark), "{what} in a file");
        assert!(!held(&cached(&world).await, mark), "{what} in Redis");
    }
    assert!(!held(&cached(&world).await, &id.to_string()));
    assert!(held(&cached(&world).await, &feed(bobs)));
    for table in tables_with(&pool, &id.to_string()).await {
        let may = ["audit_log", "event_log", "jobs"];
        assert!(
            may.iter().any(|name| table.starts_with(name)),
            "the pseudonym is in {table}"
        );
    }
    let history = audit::history(&pool, id).await.expect("the audit");
    let last = history.last().expect("an entry");
    assert_eq!((last.kind.as_str(), last.sequence), ("user.deleted.v1", 4));
    assert_eq!(history[0].kind, "user.created.v1");

    // She is nobody now, and others are as they were.
    assert_eq!(ada.get("/api/v1/auth/validate").await.status, 401);
    assert_eq!(ada.sign_in(ADA, PASSWORD).await.status, 401);
    assert_eq!(bob.get("/api/v1/auth/validate").await.status, 204);
    assert!(!tables_with(&pool, "carol@example.org").await.is_empty());
    assert!(!tables_with(&pool, BOB).await.is_empty());
    let failed = "SELECT count(*) FROM jobs WHERE state <> 'done'";
    assert_eq!(world.number(&pool, failed).await, 0);
    app.end().await;
}

#[tokio::test]
async fn an_account_is_erased_once_and_only_when_its_time_is_over() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let id = id_of(&world, ADA).await;
    let payload = json!({ "user_id": id });
    let there = "SELECT count(*) FROM users";

    enqueue(&world, &app, "erase_account", payload.clone()).await;
    machine.settle().await;
    assert_eq!(world.number(&world.pool(), there).await, 1, "nobody asked");

    ada.post(DELETION, &json!({})).await;
    app.clock
        .advance(TimeDelta::days(14) - TimeDelta::seconds(1));
    enqueue(&world, &app, "erase_account", payload.clone()).await;
    enqueue(&world, &app, "erase_accounts", json!({})).await;
    machine.settle().await;
    assert_eq!(world.number(&world.pool(), there).await, 1, "too early");

    app.clock.advance(TimeDelta::seconds(1));
    for _ in 0..2 {
        enqueue(&world, &app, "erase_account", payload.clone()).await;
    }
    enqueue(&world, &app, "erase_accounts", json!({})).await;
    machine.settle().await;
    assert_eq!(world.number(&world.pool(), there).await, 0);
    let told = "SELECT count(*) FROM audit_log WHERE type = 'user.deleted.v1'";
    assert_eq!(world.number(&world.pool(), told).await, 1);
    let failed = "SELECT count(*) FROM jobs WHERE state <> 'done'";
    assert_eq!(world.number(&world.pool(), failed).await, 0);
    app.end().await;
}

#[tokio::test]
async fn who_changes_their_mind_between_the_schedule_and_the_job_keeps_everything() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let place = ada.post("/api/v1/profile/exports", &json!({})).await;
    machine.settle().await;
    ada.post(DELETION, &json!({})).await;
    app.clock.advance(TimeDelta::days(6));
    ada.sign_in(ADA, PASSWORD).await;
    sqlx::query("UPDATE users SET deletion_at = '1970-01-02Z'")
        .execute(&world.pool())
        .await
        .expect("a time that is over");

    let payload = json!({ "user_id": id_of(&world, ADA).await });
    enqueue(&world, &app, "erase_account", payload).await;
    assert_eq!(ada.delete(DELETION).await.status, 204);
    machine.settle().await;

    let download = place.header("location").expect("a place").to_owned() + "/download";
    let file = ada.get(&download).await;
    assert_eq!(file.status, 200);
    assert_eq!(file.json()["data"]["account"]["profile"]["email"], ADA);
    app.end().await;
}

#[test]
fn accounts_are_looked_through_each_hour_and_exports_each_day() {
    let schedules = schedules().expect("patterns");
    let names: Vec<&str> = schedules.iter().map(|schedule| schedule.name()).collect();
    for name in ["erase_accounts", "purge_exports"] {
        assert!(names.contains(&name), "{names:?}");
    }
}
