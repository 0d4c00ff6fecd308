//! Inviting people, and what becomes of it.

mod accepting;
mod files;
mod known;

use blazing_sun::audit;
use chrono::TimeDelta;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Browser, PASSWORD, Response, TestApp, World, admin, token};

const ADA: &str = "ada@example.org";
const BOB: &str = "bob@example.org";
const CARL: &str = "carl@example.org";
const ACCEPT: &str = "/api/v1/auth/invitation";
const INVITATIONS: &str = "/api/v1/invitations";
const VALIDATE: &str = "/api/v1/auth/validate";

/// Invites one person; returns the path of the batch.
async fn invite(browser: &mut Browser, body: &Value) -> String {
    let answer = browser.post(INVITATIONS, body).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    answer.header("location").expect("a path").to_owned()
}

async fn accept(app: &TestApp, token: &str, password: &str) -> Response {
    let body = json!({ "token": token, "password": password });
    Browser::new(app).post(ACCEPT, &body).await
}

/// `(state, number)` of the states that a batch has.
async fn states(browser: &mut Browser, batch: &str) -> Vec<(&'static str, u64)> {
    let progress = browser.get(batch).await.json();
    ["pending", "invited", "registered", "accepted"]
        .into_iter()
        .map(|state| (state, progress[state].as_u64().expect("a number")))
        .filter(|(_, number)| *number > 0)
        .collect()
}

async fn account(world: &World, email: &str) -> (Uuid, String, String, String) {
    sqlx::query_as("SELECT id, status, role, name FROM users WHERE email = $1")
        .bind(email)
        .fetch_one(&world.pool())
        .await
        .expect("an account")
}

#[tokio::test]
async fn an_invitation_becomes_an_account_with_its_role_when_it_is_accepted() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    let body = json!({ "email": BOB, "name": "Bob", "role": "operator" });

    let batch = invite(&mut ada, &body).await;
    let before = states(&mut ada, &batch).await;
    machine.settle().await;
    let invited = states(&mut ada, &batch).await;
    let offered = account(&world, BOB).await;
    let mail = world.newest_mail(BOB);
    let answer = accept(&app, &token(&mail), PASSWORD).await;
    machine.settle().await;
    let mut bob = Browser::new(&app);
    let signed_in = bob.sign_in(BOB, PASSWORD).await;
    let validated = bob.get(VALIDATE).await;

    assert_eq!(
        (before, invited),
        (vec![("pending", 1)], vec![("invited", 1)])
    );
    assert_eq!(
        (offered.1.as_str(), offered.2.as_str(), offered.3.as_str()),
        ("pending", "user", "Bob")
    );
    assert!(mail.contains("7 days"), "{mail}");
    assert_eq!(
        (answer.status, answer.headers("set-cookie").len()),
        (200, 0),
        "{answer:?}"
    );
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
    assert_eq!(validated.header("x-user-role"), Some("operator"));
    assert_eq!(states(&mut ada, &batch).await, [("accepted", 1)]);
    let history = audit::history(&world.pool(), offered.0)
        .await
        .expect("the audit");
    let told: Vec<_> = history
        .iter()
        .map(|entry| (entry.kind.as_str(), entry.sequence))
        .collect();
    assert_eq!(
        told[..3],
        [
            ("user.created.v1", 1),
            ("user.activated.v1", 2),
            ("user.updated.v1", 3)
        ]
    );
    let row = &ada.get(&batch).await.json()["rows"][0];
    assert_eq!(
        (&row["email"], &row["role"], &row["state"], &row["user_id"]),
        (
            &json!(BOB),
            &json!("operator"),
            &json!("accepted"),
            &json!(offered.0)
        )
    );
    app.end().await;
}

#[tokio::test]
async fn who_invites_is_named_if_they_have_a_name() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;

    invite(&mut ada, &json!({ "email": BOB })).await;
    machine.settle().await;
    sqlx::query("UPDATE users SET name = 'Ada Lovelace' WHERE email = 'ada@example.org'")
        .execute(&world.pool())
        .await
        .expect("a name");
    invite(&mut ada, &json!({ "email": CARL })).await;
    machine.settle().await;

    assert!(
        world
            .newest_mail(BOB)
            .contains("You are invited to Blazing Sun")
    );
    assert!(
        world
            .newest_mail(CARL)
            .contains("Ada Lovelace has invited you to Blazing Sun")
    );
    app.end().await;
}

#[tokio::test]
async fn an_invitation_is_good_for_a_week_and_a_newer_one_voids_it() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    invite(&mut ada, &json!({ "email": BOB, "role": "admin" })).await;
    machine.settle().await;
    let first = token(&world.newest_mail(BOB));

    invite(&mut ada, &json!({ "email": BOB, "role": "operator" })).await;
    machine.settle().await;
    let second = token(&world.newest_mail(BOB));
    let voided = accept(&app, &first, PASSWORD).await;
    app.clock.advance(TimeDelta::days(7));
    let expired = accept(&app, &second, PASSWORD).await;
    ada.sign_in(ADA, PASSWORD).await;
    invite(&mut ada, &json!({ "email": BOB })).await;
    machine.settle().await;
    app.clock
        .advance(TimeDelta::days(7) - TimeDelta::seconds(1));
    let third = accept(&app, &token(&world.newest_mail(BOB)), PASSWORD).await;

    assert_eq!(
        (voided.status, expired.status, third.status),
        (422, 422, 200)
    );
    assert_eq!(
        account(&world, BOB).await.2,
        "user",
        "the role of the last one"
    );
    app.end().await;
}

#[tokio::test]
async fn an_invitation_that_was_taken_back_is_good_for_nothing() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    let bobs = invite(&mut ada, &json!({ "email": BOB, "role": "admin" })).await;
    machine.settle().await;
    let carls = invite(&mut ada, &json!({ "email": CARL, "role": "admin" })).await;
    let mut rows = Vec::new();
    for batch in [&bobs, &carls] {
        let id = ada.get(batch).await.json()["rows"][0]["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        rows.push(format!("{batch}/rows/{id}"));
    }
    let elsewhere = rows[0].replace(&bobs, &carls);

    let other = ada.delete(&elsewhere).await;
    let invited = ada.delete(&rows[0]).await;
    let waiting = ada.delete(&rows[1]).await;
    let again = ada.delete(&rows[0]).await;
    machine.settle().await;
    let answer = accept(&app, &token(&world.newest_mail(BOB)), PASSWORD).await;

    assert_eq!(
        (other.status, invited.status, waiting.status, again.status),
        (404, 204, 204, 404)
    );
    assert_eq!(answer.status, 422);
    let carl = "SELECT count(*) FROM users WHERE email = 'carl@example.org'";
    assert_eq!(world.number(&world.pool(), carl).await, 0);
    app.end().await;
}

#[tokio::test]
async fn an_invitation_that_is_dealt_with_twice_leads_to_one_account_and_one_mail() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    invite(&mut ada, &json!({ "email": BOB })).await;
    machine.settle().await;
    let mails = world.mails().len();

    sqlx::query(
        "UPDATE jobs SET state = 'ready', finished_at = NULL, attempt = 0 WHERE name = 'create_user'",
    )
    .execute(&world.pool())
    .await
    .expect("the job again");
    machine.settle().await;

    let done = "SELECT count(*) FROM jobs WHERE name = 'create_user' AND state = 'done'";
    assert_eq!(world.number(&world.pool(), done).await, 1);
    assert_eq!(world.mails().len(), mails);
    let answer = accept(&app, &token(&world.newest_mail(BOB)), PASSWORD).await;
    assert_eq!(answer.status, 200);
    app.end().await;
}
