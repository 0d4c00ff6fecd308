//! Taking one's data along.

mod jobs;

use std::fs;
use std::path::PathBuf;

use chrono::TimeDelta;
use serde_json::json;
use uuid::Uuid;

use crate::harness::{Browser, PASSWORD, World, enqueue, id_of, member};

const ADA: &str = "ada@example.org";
const BOB: &str = "bob@example.org";
const EXPORTS: &str = "/api/v1/profile/exports";
const DELETION: &str = "/api/v1/profile/deletion";

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
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let mut bob = member(&world, &app, &mut machine, BOB).await;
    bob.sign_in(ADA, "another horse").await;
    machine.settle().await;
    let id = id_of(&world, ADA).await;

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
    let (world, app, mut machine) = World::solo().await.start().await;
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
    let (world, app, mut machine) = World::solo().await.start().await;
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
async fn one_export_is_made_at_a_time_and_the_oldest_of_three_makes_room() {
    let (world, app, mut machine) = World::solo().await.start().await;
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
