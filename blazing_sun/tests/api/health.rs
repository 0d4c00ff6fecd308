//! Health: what is said when services are there, away, wrong or back.

use chrono::TimeDelta;
use serde_json::json;

use crate::harness::{Gate, TestApp, World};

#[tokio::test]
async fn with_every_service_there_it_is_ready() {
    let world = World::new().await;
    let app = TestApp::start(&world).await;

    let ready = app.get("/health/ready").await;

    assert_eq!(ready.status, 200, "{ready:?}");
    let up = json!({ "postgres": "up", "redis": "up", "rabbitmq": "up", "kafka": "up" });
    assert_eq!(
        ready.json(),
        json!({ "status": "ready", "dependencies": up })
    );
    app.end().await;
}

#[tokio::test]
async fn without_redis_rabbitmq_and_kafka_it_starts_and_is_ready_but_degraded() {
    let gate = Gate::refusing().await;
    let world = World::new().await;
    let world = ["REDIS", "RABBITMQ", "KAFKA"]
        .iter()
        .fold(world, |world, service| world.behind(&gate, service));
    let app = TestApp::start(&world).await;

    let ready = app.get("/health/ready").await;

    assert_eq!(ready.status, 200);
    let expected = json!({ "postgres": "up", "redis": "degraded", "rabbitmq": "degraded", "kafka": "degraded" });
    assert_eq!(ready.json()["dependencies"], expected);
    app.end().await;
}

#[tokio::test]
async fn services_that_never_answer_are_given_up_after_a_second() {
    let gate = Gate::holding().await;
    let world = World::new()
        .await
        .behind(&gate, "REDIS")
        .behind(&gate, "RABBITMQ");
    let app = TestApp::start(&world).await;

    let dependencies = app.get("/health/ready").await.json()["dependencies"].clone();

    assert_eq!(dependencies["redis"], "degraded");
    assert_eq!(dependencies["rabbitmq"], "degraded");
    app.end().await;
}

#[tokio::test]
async fn a_service_that_answers_but_cannot_do_the_work_is_degraded() {
    let world = World::new()
        .await
        .with("REDIS_PASSWORD", "wrong")
        .with("RABBITMQ_VHOST", "no such vhost")
        .with("KAFKA_TOPICS", "user.events no.such.topic");
    let app = TestApp::start(&world).await;

    let ready = app.get("/health/ready").await;

    let expected = json!({ "postgres": "up", "redis": "degraded", "rabbitmq": "degraded", "kafka": "degraded" });
    assert_eq!(ready.json()["dependencies"], expected);
    app.end().await;
}

#[tokio::test]
async fn services_that_come_back_are_used_again() {
    let (redis, rabbitmq) = (Gate::refusing().await, Gate::refusing().await);
    let world = World::new()
        .await
        .behind(&redis, "REDIS")
        .behind(&rabbitmq, "RABBITMQ");
    let app = TestApp::start(&world).await;
    let away = app.get("/health/ready").await.json();

    redis.pass_to(world.address_of("REDIS"));
    rabbitmq.pass_to(world.address_of("RABBITMQ"));
    app.clock.advance(TimeDelta::seconds(1));
    let back = app.get("/health/ready").await.json();

    for service in ["redis", "rabbitmq"] {
        assert_eq!(away["dependencies"][service], "degraded");
        assert_eq!(back["dependencies"][service], "up");
    }
    app.end().await;
}

#[tokio::test]
async fn without_its_database_it_is_not_ready_and_still_lives() {
    let world = World::new().await;
    let app = TestApp::start(&world).await;
    assert_eq!(app.get("/health/ready").await.status, 200);

    world.lose_database().await;
    app.clock.advance(TimeDelta::seconds(1));
    let ready = app.get("/health/ready").await;

    assert_eq!(ready.status, 503);
    assert_eq!(ready.json()["status"], "unavailable");
    assert_eq!(ready.json()["dependencies"]["postgres"], "down");
    assert_eq!(app.get("/health").await.status, 503);
    assert_eq!(app.get("/health/live").await.status, 200);
    app.end().await;
}

#[tokio::test]
async fn a_schema_behind_this_build_is_not_ready() {
    let world = World::new().await;
    let app = TestApp::start(&world).await;

    sqlx::query("DELETE FROM _sqlx_migrations")
        .execute(&world.pool())
        .await
        .expect("no migrations");

    assert_eq!(app.get("/health/ready").await.status, 503);
    app.end().await;
}

#[tokio::test]
async fn a_build_starts_and_is_ready_on_a_schema_ahead_of_it() {
    let world = World::new().await;
    TestApp::start(&world).await.end().await;

    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (99991231235959, 'of a later build', true, '', 0)",
    )
    .execute(&world.pool())
    .await
    .expect("a migration more");
    let app = TestApp::start(&world).await;

    assert_eq!(app.get("/health/ready").await.status, 200);
    app.end().await;
}

#[tokio::test]
async fn many_questions_within_a_second_reach_a_service_once() {
    let gate = Gate::refusing().await;
    let world = World::new().await.behind(&gate, "REDIS");
    let app = TestApp::start(&world).await;

    let questions = (0..20).map(|_| app.get("/health/ready"));
    futures_util::future::join_all(questions).await;
    assert_eq!(gate.connections(), 1);

    app.clock.advance(TimeDelta::seconds(1));
    app.get("/health/ready").await;
    assert_eq!(gate.connections(), 2);
    app.end().await;
}

#[tokio::test]
async fn the_summary_tells_version_and_uptime() {
    let world = World::new().await;
    let app = TestApp::start(&world).await;
    app.clock.advance(TimeDelta::seconds(90));

    let summary = app.get("/health").await.json();

    assert_eq!(summary["name"], "blazing_sun");
    assert_eq!(summary["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(summary["uptime_seconds"], 90);
    assert_eq!(summary["status"], "ready");
    app.end().await;
}
