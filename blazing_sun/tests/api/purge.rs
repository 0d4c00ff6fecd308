//! What accounts need not remember goes; what somebody uses stays.

use blazing_sun::audit;
use blazing_sun::kernel::clock::Clock;
use chrono::TimeDelta;
use serde_json::json;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::harness::{
    Browser, Machine, PASSWORD, TestApp, World, enqueue, id_of, member, tables_with,
};

const ADA: &str = "ada@example.org";

async fn purge(world: &World, app: &TestApp, machine: &mut Machine) {
    enqueue(world, app, "purge_accounts", json!({})).await;
    machine.settle().await;
}

#[tokio::test]
async fn what_has_expired_goes_and_what_is_used_stays() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let count = async |query| world.number(&world.pool(), query).await;
    let sessions = "SELECT count(*) FROM sessions";

    app.clock.advance(TimeDelta::days(6));
    purge(&world, &app, &mut machine).await;
    let during = count(sessions).await;
    let used = ada.get("/api/v1/auth/validate").await.status;
    app.clock.advance(TimeDelta::days(8));
    purge(&world, &app, &mut machine).await;

    assert_eq!((during, used), (1, 204));
    assert_eq!(count(sessions).await, 0);
    assert_eq!(count("SELECT count(*) FROM user_tokens").await, 0);
    assert_eq!(count("SELECT count(*) FROM users").await, 1);
    app.end().await;
}

#[tokio::test]
async fn an_account_that_was_never_activated_goes_after_a_month_and_the_event_tells() {
    let (world, app, mut machine) = World::solo().await.start().await;
    member(&world, &app, &mut machine, ADA).await;
    let body = json!({ "email": "bob@example.org", "password": PASSWORD });
    Browser::new(&app).post("/api/v1/auth/sign-up", &body).await;
    let users = "SELECT count(*) FROM users";

    app.clock.advance(TimeDelta::days(30));
    purge(&world, &app, &mut machine).await;
    let before = world.number(&world.pool(), users).await;
    app.clock.advance(TimeDelta::seconds(1));
    purge(&world, &app, &mut machine).await;

    assert_eq!(before, 2);
    assert_eq!(world.number(&world.pool(), users).await, 1, "Ada stays");
    let told = "SELECT count(*) FROM audit_log WHERE type = 'user.deleted.v1' AND sequence = 2";
    assert_eq!(world.number(&world.pool(), told).await, 1);
    app.end().await;
}

#[tokio::test]
async fn nothing_of_somebody_who_never_activated_is_left_but_a_pseudonym_in_what_happened() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let (email, name) = ("Bob.Babbage@example.org", "Robert Babbage");
    member(&world, &app, &mut machine, ADA).await;
    let body = json!({ "email": email, "name": name, "password": PASSWORD });
    Browser::new(&app).post("/api/v1/auth/sign-up", &body).await;
    Browser::new(&app).sign_in(email, PASSWORD).await;
    machine.settle().await;
    app.clock
        .advance(TimeDelta::days(30) + TimeDelta::seconds(1));
    let (pool, now) = (world.pool(), app.clock.now());
    let (bob, ada) = (id_of(&world, email).await, id_of(&world, ADA).await);
    // What does not hang on his account, and is too new to have expired.
    for statement in [
        "INSERT INTO invitation_batches VALUES ($2, $2, $3)",
        "INSERT INTO invitations SELECT gen_random_uuid(), $2, 1, email, name, 'user', 'invited', NULL, $3
         FROM users WHERE id = $1",
        "INSERT INTO link_requests SELECT gen_random_uuid(), 'activation', email_key, $3 FROM users WHERE id = $1",
        "INSERT INTO email_changes SELECT gen_random_uuid(), $2, 'ada@example.org', email, email_key, NULL, NULL, NULL, $3, $3
         FROM users WHERE id = $1",
    ] {
        sqlx::query(statement)
            .bind(bob)
            .bind(ada)
            .bind(now)
            .execute(&pool)
            .await
            .expect(statement);
    }
    let with_name = tables_with(&pool, name).await;

    purge(&world, &app, &mut machine).await;

    assert_eq!(with_name, ["invitations", "users"]);
    for mark in [email, name] {
        let tables = tables_with(&pool, mark).await;
        assert!(tables.is_empty(), "{mark} in {tables:?}");
    }
    for table in tables_with(&pool, &bob.to_string()).await {
        let may = ["audit_log", "event_log", "jobs"];
        assert!(may.iter().any(|name| table.starts_with(name)), "{table}");
    }
    let history = audit::history(&pool, bob).await.expect("the audit");
    let told: Vec<_> = history.iter().map(|entry| entry.kind.as_str()).collect();
    assert_eq!(
        told,
        [
            "user.created.v1",
            "auth.sign_in_failed.v1",
            "user.deleted.v1"
        ]
    );
    assert!(!tables_with(&pool, ADA).await.is_empty());
    app.end().await;
}

/// For each table a row whose time is $3, and how many days after that it goes.
const KEPT: [(&str, &str, i64); 9] = [
    ("sessions", "(id, user_id, kind, token_hash, agent, address, created_at, confirmed_at, seen_at, expires_at)
      VALUES ($1, $2, 'browser', $1::text::bytea, '', '', $3, $3, 'infinity', $3)", 0),
    ("sign_in_challenges", "(id, user_id, kind, created_at, expires_at) VALUES ($1, $2, 'browser', $3, $3)", 0),
    ("passkey_registrations", "(id, user_id, state, created_at, expires_at) VALUES ($1, $2, '{}', $3, $3)", 0),
    ("user_tokens", "(id, user_id, purpose, created_at, expires_at) VALUES ($1, $2, 'reset', $3, $3)", 1),
    ("link_requests", "(id, purpose, email_key, created_at) SELECT $1, 'reset', $2::text, $3", 1),
    ("email_changes", "(id, user_id, old_email, new_email, new_email_key, created_at, expires_at, done_at)
      VALUES ($1, $2, 'a', 'b', 'b', $3, $3, $3)", 30),
    (
        "invitations",
        "(id, batch_id, row, email, name, role, state, created_at)
         SELECT $1, $2, (SELECT count(*) FROM invitations), 'a', '', 'user', 'invited', $3",
        30,
    ),
    ("api_tokens", "(id, user_id, name, token_hash, scopes, created_at, expires_at)
      VALUES ($1, $2, '', $1::text::bytea, '{}', $3, $3)", 30),
    ("devices", "(id, user_id, token_hash, created_at, seen_at) VALUES ($1, $2, $1::text::bytea, $3, $3)", 365),
];

#[tokio::test]
async fn everything_is_kept_for_its_time_and_no_longer() {
    let (world, app, mut machine) = World::solo().await.start().await;
    member(&world, &app, &mut machine, ADA).await;
    let pool = world.pool();
    let ada: Uuid = sqlx::query_scalar("SELECT id FROM users")
        .fetch_one(&pool)
        .await
        .expect("Ada");
    app.clock.advance(TimeDelta::days(400));
    purge(&world, &app, &mut machine).await;
    let now = app.clock.now();

    sqlx::query("INSERT INTO invitation_batches (id, created_at) SELECT id, 'epoch' FROM users")
        .execute(&pool)
        .await
        .expect("a batch");

    let mut rows = Vec::new();
    for (table, row, days) in KEPT {
        for seconds in [0, 1] {
            let moment = now - TimeDelta::days(days) + TimeDelta::seconds(seconds);
            let id = Uuid::from_u128(rows.len() as u128);
            sqlx::query(AssertSqlSafe(format!("INSERT INTO {table} {row}")))
                .bind(id)
                .bind(ada)
                .bind(moment)
                .execute(&pool)
                .await
                .expect(table);
            rows.push((table, id, seconds == 1));
        }
    }
    purge(&world, &app, &mut machine).await;

    for (table, id, is_kept) in rows {
        let question = format!("SELECT EXISTS (SELECT FROM {table} WHERE id = $1)");
        let found: bool = sqlx::query_scalar(AssertSqlSafe(question))
            .bind(id)
            .fetch_one(&pool)
            .await
            .expect(table);
        assert_eq!(found, is_kept, "{table}");
    }
    app.end().await;
}

#[tokio::test]
async fn an_account_whose_link_is_still_good_is_waited_for() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let body = json!({ "email": ADA, "password": PASSWORD });
    Browser::new(&app).post("/api/v1/auth/sign-up", &body).await;
    app.clock.advance(TimeDelta::days(31));
    Browser::new(&app).post("/api/v1/auth/sign-up", &body).await;

    let users = "SELECT count(*) FROM users";
    purge(&world, &app, &mut machine).await;
    let during = world.number(&world.pool(), users).await;
    app.clock.advance(TimeDelta::days(1));
    purge(&world, &app, &mut machine).await;

    assert_eq!((during, world.number(&world.pool(), users).await), (1, 0));
    app.end().await;
}

#[tokio::test]
async fn however_many_accounts_wait_in_vain_all_of_them_go() {
    let (world, app, mut machine) = World::solo().await.start().await;
    sqlx::query(
        "INSERT INTO users (id, email, email_key, status, version, created_at)
         SELECT gen_random_uuid(), number, number, 'pending', 1, 'epoch' FROM generate_series(1, 501) AS number",
    )
    .execute(&world.pool())
    .await
    .expect("accounts");
    app.clock.advance(TimeDelta::days(31));

    purge(&world, &app, &mut machine).await;

    let count = async |query| world.number(&world.pool(), query).await;
    assert_eq!(count("SELECT count(*) FROM users").await, 0);
    let told = "SELECT count(*) FROM audit_log WHERE type = 'user.deleted.v1'";
    assert_eq!(count(told).await, 501);
    app.end().await;
}
