//! Taking one's data along.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use blazing_sun::accounts::{DataTools, ExportAccount};
use blazing_sun::app::wiring::Wiring;
use blazing_sun::flow::catalogue::Catalogue;
use blazing_sun::flow::ctx::Tx;
use blazing_sun::flow::outbox::Refused;
use blazing_sun::flow::personal_data::PersonalData;
use blazing_sun::flow::worker::{Outcome, Worker};
use blazing_sun::kernel::clock::Clock;
use chrono::TimeDelta;
use prometheus::Registry;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Browser, Machine, PASSWORD, TestApp, World, member};

const ADA: &str = "ada@example.org";
const BOB: &str = "bob@example.org";
const EXPORTS: &str = "/api/v1/profile/exports";
const DELETION: &str = "/api/v1/profile/deletion";

pub async fn user(world: &World, email: &'static str) -> Uuid {
    sqlx::query_scalar("SELECT id FROM users WHERE email = $1")
        .bind(email)
        .fetch_one(&world.pool())
        .await
        .expect("an account")
}

pub async fn run(world: &World, statement: &'static str) -> u64 {
    sqlx::query(statement)
        .execute(&world.pool())
        .await
        .expect("a statement")
        .rows_affected()
}

/// Has a job done without anybody asking for it, as a schedule or a second delivery would.
pub async fn enqueue(world: &World, app: &TestApp, name: &str, payload: Value) {
    sqlx::query(
        "INSERT INTO jobs (id, name, payload, priority, state, max_attempts, run_at, correlation_id, created_at)
         VALUES (gen_random_uuid(), $1, $2, 0, 'ready', 1, $3, 'test', $3)",
    )
    .bind(name)
    .bind(payload)
    .bind(app.clock.now())
    .execute(&world.pool())
    .await
    .expect("a job");
}

async fn no_job_failed(world: &World) {
    let failed = "SELECT count(*) FROM jobs WHERE state <> 'done'";
    assert_eq!(world.number(&world.pool(), failed).await, 0);
}

/// The files of exports.
fn files(world: &World) -> Vec<String> {
    let Ok(folder) = fs::read_dir(shelf(world)) else {
        return Vec::new();
    };
    folder
        .map(|file| {
            let name = file.expect("a file").file_name();
            name.to_string_lossy().into_owned()
        })
        .collect()
}

fn shelf(world: &World) -> PathBuf {
    world.storage().join("exports")
}

/// Asks for an export, and returns its address.
async fn ask(browser: &mut Browser) -> String {
    let answer = browser.post(EXPORTS, &json!({})).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    answer.header("location").expect("a place").to_owned()
}

#[tokio::test]
async fn an_export_holds_what_every_feature_knows_and_no_secret() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let mut bob = member(&world, &app, &mut machine, BOB).await;
    bob.sign_in(ADA, "another horse").await;
    machine.settle().await;
    let id = user(&world, ADA).await;

    let place = ask(&mut ada).await;
    let waiting = ada.get(&place).await.json();
    let too_early = ada.get(&format!("{place}/download")).await;
    machine.settle().await;
    let ready = ada.get(&place).await.json();
    let file = ada.get(&format!("{place}/download")).await;

    assert_eq!(
        (&waiting["state"], too_early.status),
        (&json!("waiting"), 404)
    );
    assert_eq!((&ready["state"], file.status), (&json!("ready"), 200));
    assert_eq!(ready["size"], json!(file.body.len()));
    for (name, value) in [
        ("content-type", "application/json"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("content-length", &file.body.len().to_string()),
        (
            "content-disposition",
            "attachment; filename=\"blazing-sun-1970-01-01.json\"",
        ),
    ] {
        assert_eq!(file.header(name), Some(value), "{name}");
    }
    let mail = world.newest_mail(ADA);
    assert!(
        mail.contains("Your data is ready") && mail.contains("7 days"),
        "{mail}"
    );
    let content = file.json();
    let keys: Vec<&String> = content.as_object().expect("an object").keys().collect();
    assert_eq!(
        keys,
        ["account_id", "collected_at", "contents", "data", "format"]
    );
    let data = &content["data"];
    assert_eq!(data["account"]["profile"]["email"], ADA);
    assert_eq!(
        data["account"]["sessions"].as_array().map(Vec::len),
        Some(1),
        "hers alone"
    );
    let entries = data["audit"].as_array().expect("a list");
    let kinds: Vec<&str> = entries
        .iter()
        .filter_map(|entry| entry["type"].as_str())
        .collect();
    assert_eq!(
        kinds,
        [
            "user.created.v1",
            "user.activated.v1",
            "auth.sign_in.v1",
            "auth.sign_in_failed.v1"
        ]
    );
    assert!(entries.iter().all(|entry| entry["subject"] == json!(id)));
    assert!(!file.body.contains(BOB));
    let secrets: Vec<String> = sqlx::query_scalar(
        "SELECT password_hash FROM users UNION SELECT token_hash::text FROM sessions
         UNION SELECT encode(token_hash, 'base64') FROM devices UNION SELECT id::text FROM user_tokens",
    )
    .fetch_all(&world.pool())
    .await
    .expect("secrets");
    assert!(secrets.len() >= 8, "{secrets:?}");
    for secret in secrets {
        let bare = secret.trim_start_matches("\\x").trim_end_matches('=');
        assert!(!file.body.contains(bare), "{secret}");
    }
    app.end().await;
}

#[tokio::test]
async fn an_export_is_its_owners_alone_who_has_to_show_who_they_are() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let mut bob = member(&world, &app, &mut machine, BOB).await;
    let place = ask(&mut ada).await;
    machine.settle().await;
    let download = format!("{place}/download");
    let unknown = format!("{EXPORTS}/{}", Uuid::nil());

    for (hers, nobodys) in [
        (place.clone(), unknown.clone()),
        (download.clone(), format!("{unknown}/download")),
    ] {
        let (hers, nobodys) = (bob.get(&hers).await, bob.get(&nobodys).await);
        assert_eq!((hers.status, nobodys.status), (404, 404));
        assert_eq!(hers.body, nobodys.body);
    }
    let listed = bob.get(EXPORTS).await.json();
    assert_eq!(listed, json!({ "exports": [] }));
    assert_eq!(Browser::new(&app).get(&download).await.status, 401);

    app.clock.advance(TimeDelta::minutes(10));
    for answer in [
        ada.get(&download).await,
        ada.post(EXPORTS, &json!({})).await,
        ada.post(DELETION, &json!({})).await,
    ] {
        assert_eq!(
            (answer.status, answer.problem()),
            (403, "confirmation_required".to_owned())
        );
    }
    assert_eq!(ada.get(EXPORTS).await.status, 200);
    assert_eq!(files(&world).len(), 1);
    app.end().await;
}

#[tokio::test]
async fn after_a_week_an_export_is_gone_and_so_is_its_file() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let old = ask(&mut ada).await;
    machine.settle().await;
    app.clock.advance(TimeDelta::days(3));
    ada.sign_in(ADA, PASSWORD).await;
    let young = ask(&mut ada).await;
    machine.settle().await;

    app.clock
        .advance(TimeDelta::days(4) - TimeDelta::seconds(1));
    ada.sign_in(ADA, PASSWORD).await;
    let just_before = ada.get(&format!("{old}/download")).await;
    app.clock.advance(TimeDelta::seconds(1));
    let expired = ada.get(&format!("{old}/download")).await;
    let state = ada.get(&old).await.json()["state"].clone();
    enqueue(&world, &app, "purge_exports", json!({})).await;
    machine.settle().await;

    assert_eq!((just_before.status, expired.status), (200, 404));
    assert_eq!(state, "expired");
    assert_eq!(ada.get(&old).await.status, 404);
    assert_eq!(ada.get(&format!("{young}/download")).await.status, 200);
    assert_eq!(files(&world).len(), 1);
    no_job_failed(&world).await;
    app.end().await;
}

#[tokio::test]
async fn what_a_broken_off_job_or_purge_left_is_purged() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let expired = ask(&mut ada).await;
    machine.settle().await;
    app.clock.advance(TimeDelta::days(7));
    ada.sign_in(ADA, PASSWORD).await;
    let kept = ask(&mut ada).await;
    machine.settle().await;
    let id = |place: &str| place.rsplit('/').next().expect("an id").to_owned();

    // A purge that was broken off after the file, a file without a row, and half a file of no row.
    fs::remove_file(shelf(&world).join(id(&expired))).expect("a file");
    let nobodys = Uuid::from_u128(1);
    fs::write(shelf(&world).join(nobodys.to_string()), "{}").expect("a file");
    fs::write(shelf(&world).join(format!("{}#1", Uuid::from_u128(2))), "{").expect("a file");
    enqueue(&world, &app, "purge_exports", json!({})).await;
    machine.settle().await;

    assert_eq!(files(&world), [id(&kept)]);
    assert_eq!(ada.get(&expired).await.status, 404);
    assert_eq!(ada.get(&format!("{kept}/download")).await.status, 200);
    no_job_failed(&world).await;
    app.end().await;
}

#[tokio::test]
async fn a_job_that_runs_twice_makes_one_file_and_one_mail() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let place = ask(&mut ada).await;
    let id = place.rsplit('/').next().expect("an id").to_owned();

    // The first attempt died after the file.
    fs::create_dir(shelf(&world)).expect("a folder");
    fs::write(shelf(&world).join(&id), "{\"attempt\":1}").expect("a file");
    machine.settle().await;
    let mails = world.mails().len();
    let first = ada.get(&format!("{place}/download")).await;
    enqueue(&world, &app, "export_account", json!({ "export_id": id })).await;
    machine.settle().await;
    let second = ada.get(&format!("{place}/download")).await;

    assert_eq!(first.body, "{\"attempt\":1}");
    assert_eq!(second.body, first.body);
    assert_eq!(ada.get(&place).await.json()["size"], 13);
    assert_eq!(world.mails().len(), mails);

    // Its row is gone when it runs once more: so is what it left.
    assert_eq!(run(&world, "DELETE FROM exports").await, 1);
    enqueue(&world, &app, "export_account", json!({ "export_id": id })).await;
    machine.settle().await;
    assert_eq!(files(&world), [""; 0]);
    no_job_failed(&world).await;
    app.end().await;
}

#[tokio::test]
async fn one_export_is_made_at_a_time_and_the_oldest_of_three_makes_room() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;

    let oldest = ask(&mut ada).await;
    let second = ada.post(EXPORTS, &json!({})).await;
    for _ in 0..3 {
        machine.settle().await;
        ask(&mut ada).await;
    }
    machine.settle().await;
    let too_often = ada.post(EXPORTS, &json!({})).await;

    assert_eq!(
        (second.status, second.problem()),
        (409, "export_in_the_making".to_owned())
    );
    assert_eq!(ada.get(&oldest).await.status, 404);
    let listed = ada.get(EXPORTS).await.json();
    assert_eq!(listed["exports"].as_array().map(Vec::len), Some(3));
    assert_eq!(files(&world).len(), 3);
    assert_eq!(too_often.status, 429);
    no_job_failed(&world).await;
    app.end().await;
}

#[tokio::test]
async fn an_export_that_could_not_be_made_does_not_stand_in_the_way_of_another() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let place = ask(&mut ada).await;
    run(&world, "DELETE FROM jobs WHERE name = 'export_account'").await;

    app.clock.advance(TimeDelta::days(1));
    ada.sign_in(ADA, PASSWORD).await;
    let state = ada.get(&place).await.json()["state"].clone();
    let another = ask(&mut ada).await;
    machine.settle().await;

    assert_eq!(state, "failed");
    assert_eq!(ada.get(&another).await.json()["state"], "ready");
    app.end().await;
}

/// Counts the requests for links, and has somebody add one before the next feature looks.
struct Counting(&'static str, sqlx::PgPool);

#[async_trait::async_trait]
impl PersonalData for Counting {
    fn name(&self) -> &'static str {
        self.0
    }

    fn summary(&self) -> &'static str {
        "A number."
    }

    async fn collect(&self, tx: &mut Tx, _account: Uuid) -> sqlx::Result<Value> {
        let query = "SELECT jsonb_build_array(count(*), current_setting('transaction_read_only')) FROM link_requests";
        let found = sqlx::query_scalar(query).fetch_one(tx.conn()).await?;
        let add = "INSERT INTO link_requests VALUES (gen_random_uuid(), 'reset', 'x', now())";
        sqlx::query(add).execute(&self.1).await?;
        Ok(found)
    }

    async fn erase(&self, _tx: &mut Tx, _account: Uuid) -> Result<(), Refused> {
        Ok(())
    }
}

#[tokio::test]
async fn an_export_shows_one_moment_and_collecting_changes_nothing() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let wiring = Wiring::new(&world.config(), app.clock.clone(), &Registry::new()).expect("parts");
    let pool = world.pool();
    let tools = DataTools {
        held: Arc::new([
            Arc::new(Counting("first", pool.clone())),
            Arc::new(Counting("second", pool)),
        ]),
        blobs: wiring.services.blobs.clone(),
        sessions: wiring.accounts.sessions.clone(),
    };
    let catalogue = Catalogue::default().job::<ExportAccount>(tools);
    let worker = Worker::new(wiring.ctx.clone(), Arc::new(catalogue), 1);

    let place = ask(&mut ada).await;
    let outcome = worker.work_next().await.expect("PostgreSQL");
    let file = ada.get(&format!("{place}/download")).await.json();

    assert_eq!(outcome, Some(Outcome::Done));
    assert_eq!(
        file["data"],
        json!({ "first": [0, "on"], "second": [0, "on"] })
    );
    app.end().await;
}
