//! Giving roles.

use blazing_sun::audit;
use chrono::TimeDelta;
use serde_json::json;
use uuid::Uuid;

use super::{ADA, BOB, CARL, VALIDATE, give};
use crate::harness::{PASSWORD, World, admin, id_of, member, register};

#[tokio::test]
async fn a_change_of_role_ends_the_sessions_and_is_told() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    let mut bob = member(&world, &app, &mut machine, BOB).await;
    let id = id_of(&world, BOB).await;

    let shown = ada.get(&format!("/api/v1/users/{id}")).await;
    let seen = shown.header("etag").expect("an ETag").to_owned();
    let answer = give(&mut ada, id, &seen, "operator").await;
    let after = bob.get(VALIDATE).await;
    bob.sign_in(BOB, PASSWORD).await;
    let again = give(
        &mut ada,
        id,
        answer.header("etag").expect("an ETag"),
        "operator",
    )
    .await;
    let still = bob.get(VALIDATE).await;
    machine.settle().await;

    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["role"], "operator");
    assert_ne!(answer.header("etag"), Some(seen.as_str()));
    assert_eq!(after.status, 401);
    assert_eq!(
        (again.status, again.header("etag")),
        (200, answer.header("etag"))
    );
    assert_eq!(
        (still.status, still.header("x-user-role")),
        (204, Some("operator"))
    );
    let history = audit::history(&world.pool(), id).await.expect("the audit");
    let updates: Vec<_> = history
        .iter()
        .filter(|entry| entry.kind == "user.updated.v1")
        .collect();
    assert_eq!(updates.len(), 1);
    assert_eq!(updates[0].data["changed"], json!(["role"]));
    assert_eq!(
        format!("\"{}\"", updates[0].sequence),
        answer.header("etag").expect("an ETag")
    );
    assert_eq!(updates[0].actor_id, Some(id_of(&world, ADA).await));
    app.end().await;
}

#[tokio::test]
async fn a_change_of_role_says_what_it_was_made_of() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    register(&world, &app, &mut machine, BOB).await;
    let id = id_of(&world, BOB).await;
    let path = format!("/api/v1/users/{id}/role");

    let unseen = ada
        .json("PUT", &path, &[], &json!({ "role": "admin" }))
        .await;
    let outdated = give(&mut ada, id, "\"1\"", "admin").await;
    let unknown = give(&mut ada, Uuid::nil(), "*", "admin").await;
    let wrong = give(&mut ada, id, "*", "king").await;
    let role: String = sqlx::query_scalar("SELECT role FROM users WHERE id = $1")
        .bind(id)
        .fetch_one(&world.pool())
        .await
        .expect("a role");

    assert_eq!(
        (unseen.status, outdated.status, unknown.status),
        (428, 412, 404)
    );
    assert_eq!(
        (wrong.status, &wrong.json()["errors"][0]["pointer"]),
        (422, &json!("/role"))
    );
    assert_eq!(role, "user");
    app.end().await;
}

#[tokio::test]
async fn an_account_whose_address_nobody_has_confirmed_gets_no_role() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    let body = json!({ "email": BOB, "password": PASSWORD });
    ada.post("/api/v1/auth/sign-up", &body).await;

    let answer = give(&mut ada, id_of(&world, BOB).await, "*", "admin").await;

    assert_eq!(
        (answer.status, answer.problem()),
        (409, "not_active".to_owned())
    );
    app.end().await;
}

#[tokio::test]
async fn who_decides_has_to_have_shown_who_they_are() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    register(&world, &app, &mut machine, BOB).await;
    let id = id_of(&world, BOB).await;

    app.clock.advance(TimeDelta::minutes(10));
    let role = give(&mut ada, id, "*", "admin").await;
    let everybody = ada.post("/api/v1/users/end-all-sessions", &json!({})).await;
    let invitation = ada
        .post("/api/v1/invitations", &json!({ "email": CARL }))
        .await;
    let reading = ada.get("/api/v1/users").await;
    ada.post("/api/v1/auth/confirm", &json!({ "password": PASSWORD }))
        .await;
    let confirmed = give(&mut ada, id, "*", "admin").await;

    for answer in [role, everybody, invitation] {
        assert_eq!(
            (answer.status, answer.problem()),
            (403, "confirmation_required".to_owned())
        );
    }
    assert_eq!((reading.status, confirmed.status), (200, 200));
    app.end().await;
}

#[tokio::test]
async fn a_session_that_is_cached_ends_with_the_role_too() {
    let (world, app, mut machine) = World::cached().await.start().await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    let mut bob = admin(&world, &app, &mut machine, BOB).await;
    let id = id_of(&world, BOB).await;
    let before = bob.get(VALIDATE).await;

    let taken = give(&mut ada, id, "*", "user").await;

    assert_eq!(before.header("x-user-role"), Some("admin"));
    assert_eq!((taken.status, bob.get(VALIDATE).await.status), (200, 401));
    app.end().await;
}

#[tokio::test]
async fn who_is_no_administrator_any_more_decides_nothing_with_what_is_still_cached() {
    let (world, app, mut machine) = World::cached().await.start().await;
    admin(&world, &app, &mut machine, ADA).await;
    let mut bob = admin(&world, &app, &mut machine, BOB).await;
    let id = id_of(&world, BOB).await;
    bob.get(VALIDATE).await;

    // As it is while Redis is away: nobody can tell it that the session has changed.
    sqlx::query("UPDATE users SET role = 'user' WHERE id = $1")
        .bind(id)
        .execute(&world.pool())
        .await
        .expect("a role");
    let still = bob.get(VALIDATE).await;
    let back = give(&mut bob, id, "*", "admin").await;

    assert_eq!(still.header("x-user-role"), Some("admin"));
    assert_eq!(
        (back.status, back.problem()),
        (403, "insufficient_role".to_owned())
    );
    app.end().await;
}
