//! Ending the sessions of others.

use blazing_sun::audit;
use serde_json::json;
use uuid::Uuid;

use super::{ADA, BOB, VALIDATE};
use crate::harness::{World, admin, id_of, member};

#[tokio::test]
async fn an_administrator_ends_the_sessions_of_somebody() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    let mut bob = member(&world, &app, &mut machine, BOB).await;
    let id = id_of(&world, BOB).await;

    let answer = ada.delete(&format!("/api/v1/users/{id}/sessions")).await;
    let unknown = ada
        .delete(&format!("/api/v1/users/{}/sessions", Uuid::nil()))
        .await;
    machine.settle().await;

    assert_eq!((answer.status, unknown.status), (204, 404));
    assert_eq!(
        (
            bob.get(VALIDATE).await.status,
            ada.get(VALIDATE).await.status
        ),
        (401, 204)
    );
    let history = audit::history(&world.pool(), id).await.expect("the audit");
    let last = history.last().expect("an entry");
    assert_eq!(last.kind, "auth.sign_out.v1");
    assert_eq!(last.actor_id, Some(id_of(&world, ADA).await));
    app.end().await;
}

#[tokio::test]
async fn an_administrator_ends_the_sessions_of_everybody() {
    let (world, app, mut machine) = World::solo()
        .await
        .with("THROTTLE_FACTOR", 100)
        .start()
        .await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    let mut bob = member(&world, &app, &mut machine, BOB).await;
    // More than are ended at a time.
    sqlx::query(
        "WITH people AS (
             INSERT INTO users (id, email, email_key, status, version, created_at)
             SELECT gen_random_uuid(), number || '@example.net', number || '@example.net', 'active', 1, now()
             FROM generate_series(1, 450) AS number RETURNING id)
         INSERT INTO sessions (id, user_id, kind, agent, address, created_at, confirmed_at, seen_at, expires_at)
         SELECT gen_random_uuid(), id, 'client', '', '', now(), now(), now(), now() FROM people",
    )
    .execute(&world.pool())
    .await
    .expect("sessions");
    let sessions = "SELECT count(*) FROM sessions";
    let before = world.number(&world.pool(), sessions).await;

    let answer = ada.post("/api/v1/users/end-all-sessions", &json!({})).await;

    assert_eq!(
        (answer.status, &answer.json()["sessions"]),
        (200, &json!(before))
    );
    assert_eq!(world.number(&world.pool(), sessions).await, 0);
    assert_eq!(
        (
            ada.get(VALIDATE).await.status,
            bob.get(VALIDATE).await.status
        ),
        (401, 401)
    );
    app.end().await;
}
