//! Sessions in Redis: used while they are there, gone when a session ends, and never for longer than a minute.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use blazing_sun::infra::redis::Redis;
use chrono::TimeDelta;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::harness::{Browser, Gate, Machine, PASSWORD, Program, TestApp, World, member, run};

const ADA: &str = "ada@example.org";
const VALIDATE: &str = "/api/v1/auth/validate";
const SIGN_OUT_EVERYWHERE: &str = "/api/v1/auth/sign-out-everywhere";

/// Where a browser's session is remembered.
fn key_of_browser(redis: &Redis, browser: &Browser) -> String {
    let token = browser.cookie("__Host-session").expect("a session");
    redis.key(&format!("session:{}", BASE64.encode(Sha256::digest(token))))
}

/// Where the session of the one program is remembered.
async fn key_of_program(world: &World, redis: &Redis) -> String {
    let id: uuid::Uuid = sqlx::query_scalar("SELECT id FROM sessions WHERE kind = 'client'")
        .fetch_one(&world.pool())
        .await
        .expect("a session");
    redis.key(&format!("session:{id}"))
}

async fn remembered(redis: &Redis, key: &str) -> Option<String> {
    let asking = redis::cmd("GET").arg(key).take();
    redis.ask(&asking).await.expect("Redis")
}

/// For how many seconds more something is remembered.
async fn seconds_left(redis: &Redis, key: &str) -> i64 {
    let asking = redis::cmd("TTL").arg(key).take();
    redis.ask(&asking).await.expect("Redis")
}

async fn forget(redis: &Redis, key: &str) {
    let asking = redis::cmd("DEL").arg(key).take();
    redis.ask::<()>(&asking).await.expect("Redis");
}

/// Has the application notice that Redis is back, for which health asks.
async fn notice_redis(app: &TestApp) {
    app.clock.advance(TimeDelta::seconds(1));
    let health = app.get("/health/ready").await.json();
    assert_eq!(health["dependencies"]["redis"], "up");
}

#[tokio::test]
async fn a_session_is_remembered_for_a_minute_at_most() {
    let (world, app, mut machine) = World::cached().await.start().await;
    let mut browser = member(&world, &app, &mut machine, ADA).await;
    let program = Program::sign_in(&app, ADA).await;
    let redis = world.redis();
    let keys = [
        key_of_browser(&redis, &browser),
        key_of_program(&world, &redis).await,
    ];

    assert_eq!(browser.get(VALIDATE).await.status, 204);
    assert!(program.is_known().await);
    // Nobody asks PostgreSQL now.
    run(&world, "DELETE FROM sessions").await;
    assert_eq!(browser.get(VALIDATE).await.status, 204);
    assert!(program.is_known().await);
    for key in &keys {
        assert!((1..=60).contains(&seconds_left(&redis, key).await));
        forget(&redis, key).await;
    }
    assert_eq!(browser.get(VALIDATE).await.status, 401);
    assert!(!program.is_known().await);
    app.end().await;
}

#[tokio::test]
async fn an_expired_session_is_refused_from_the_cache_too() {
    let (world, app, mut machine) = World::cached().await.start().await;
    let mut browser = member(&world, &app, &mut machine, ADA).await;

    assert_eq!(browser.get(VALIDATE).await.status, 204);
    app.clock.advance(TimeDelta::days(7));
    assert_eq!(browser.get(VALIDATE).await.status, 401);
    app.end().await;
}

#[tokio::test]
async fn an_ended_session_is_refused_at_once_and_nobody_who_read_it_before_brings_it_back() {
    let (world, app, mut machine) = World::cached().await.start().await;
    let mut browser = member(&world, &app, &mut machine, ADA).await;
    let mut held = browser.clone();
    let program = Program::sign_in(&app, ADA).await;
    let redis = world.redis();
    let keys = [
        key_of_browser(&redis, &browser),
        key_of_program(&world, &redis).await,
    ];
    assert!(program.is_known().await);
    run(&world, "CREATE TABLE kept AS SELECT * FROM sessions").await;

    let ended = browser.post(SIGN_OUT_EVERYWHERE, &json!({})).await;
    assert_eq!(ended.status, 204);
    assert_eq!(held.get(VALIDATE).await.status, 401);
    assert!(!program.is_known().await);
    // As it is for somebody who found the session in PostgreSQL just before it ended, and remembers it just after.
    run(&world, "INSERT INTO sessions SELECT * FROM kept").await;
    assert_eq!(held.get(VALIDATE).await.status, 204);
    assert!(program.is_known().await);
    for key in &keys {
        assert_eq!(remembered(&redis, key).await.as_deref(), Some("-"));
        assert!((1..=60).contains(&seconds_left(&redis, key).await));
    }
    app.end().await;
}

#[tokio::test]
async fn a_confirmed_session_is_not_remembered_as_it_was() {
    let (world, app, mut machine) = World::cached().await.start().await;
    let mut browser = member(&world, &app, &mut machine, ADA).await;
    let mut held = browser.clone();
    assert_eq!(held.get(VALIDATE).await.status, 204);

    let body = json!({ "password": PASSWORD });
    assert_eq!(
        browser.post("/api/v1/auth/confirm", &body).await.status,
        204
    );

    assert_eq!(held.get(VALIDATE).await.status, 401);
    assert_eq!(browser.get(VALIDATE).await.status, 204);
    app.end().await;
}

#[tokio::test]
async fn a_reused_refresh_token_stops_the_access_token_at_once() {
    let (world, app, mut machine) = World::cached().await.start().await;
    member(&world, &app, &mut machine, ADA).await;
    let mut owner = Program::sign_in(&app, ADA).await;
    let mut thief = owner.clone();
    owner.renew().await;
    app.clock.advance(TimeDelta::seconds(10));
    assert!(owner.is_known().await);

    assert_eq!(thief.renew().await.status, 401);

    assert!(!owner.is_known().await);
    app.end().await;
}

#[tokio::test]
async fn without_redis_signing_in_and_staying_signed_in_work_and_ending_too() {
    let gate = Gate::refusing().await;
    let (world, app, mut machine) = World::cached().await.behind(&gate, "REDIS").start().await;
    let mut browser = member(&world, &app, &mut machine, ADA).await;
    let mut program = Program::sign_in(&app, ADA).await;

    assert_eq!(browser.get(VALIDATE).await.status, 204);
    assert_eq!(program.renew().await.status, 200);
    assert!(program.is_known().await);
    let ended = browser.post(SIGN_OUT_EVERYWHERE, &json!({})).await;

    assert_eq!(ended.status, 204);
    assert!(!program.is_known().await);
    app.end().await;
}

#[tokio::test]
async fn a_session_that_ended_while_redis_was_away_has_what_is_left_of_its_minute() {
    let gate = Gate::refusing().await;
    let world = World::cached().await.behind(&gate, "REDIS");
    gate.pass_to(world.address_of("REDIS"));
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut browser = member(&world, &app, &mut machine, ADA).await;
    let mut held = browser.clone();
    let program = Program::sign_in(&app, ADA).await;
    let redis = world.redis();
    let keys = [
        key_of_browser(&redis, &browser),
        key_of_program(&world, &redis).await,
    ];
    assert_eq!(held.get(VALIDATE).await.status, 204);
    assert!(program.is_known().await);

    gate.pass_to(None);
    let ended = browser.post(SIGN_OUT_EVERYWHERE, &json!({})).await;
    assert_eq!(ended.status, 204);
    assert_eq!(held.get(VALIDATE).await.status, 401, "PostgreSQL knows");
    assert!(!program.is_known().await);
    gate.pass_to(world.address_of("REDIS"));
    notice_redis(&app).await;

    assert_eq!(held.get(VALIDATE).await.status, 204, "Redis does not");
    for key in &keys {
        assert!(
            (1..=60).contains(&seconds_left(&redis, key).await),
            "it forgets by itself"
        );
        // A minute later.
        forget(&redis, key).await;
    }
    assert_eq!(held.get(VALIDATE).await.status, 401);
    assert!(!program.is_known().await);
    app.end().await;
}

#[tokio::test]
async fn a_session_that_changed_while_redis_was_away_is_what_it_is_within_a_minute() {
    let gate = Gate::refusing().await;
    let world = World::cached().await.behind(&gate, "REDIS");
    gate.pass_to(world.address_of("REDIS"));
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut browser = member(&world, &app, &mut machine, ADA).await;
    let mut held = browser.clone();
    let redis = world.redis();
    let key = key_of_browser(&redis, &browser);
    assert_eq!(held.get(VALIDATE).await.status, 204);

    gate.pass_to(None);
    let body = json!({ "password": PASSWORD });
    assert_eq!(
        browser.post("/api/v1/auth/confirm", &body).await.status,
        204
    );
    gate.pass_to(world.address_of("REDIS"));
    notice_redis(&app).await;

    assert_eq!(
        browser.get(VALIDATE).await.status,
        204,
        "the new token is good"
    );
    assert!((1..=60).contains(&seconds_left(&redis, &key).await));
    forget(&redis, &key).await;
    assert_eq!(held.get(VALIDATE).await.status, 401);
    app.end().await;
}
