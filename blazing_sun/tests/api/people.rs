//! Administrators: who has an account, what they may do, and ending their sessions.

use blazing_sun::audit;
use chrono::TimeDelta;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    Browser, Machine, PASSWORD, Response, TestApp, World, admin, member, register,
};

const ADA: &str = "ada@example.org";
const BOB: &str = "bob@example.org";
const CARL: &str = "carl@example.org";
const VALIDATE: &str = "/api/v1/auth/validate";

async fn user(world: &World, email: &str) -> Uuid {
    sqlx::query_scalar("SELECT id FROM users WHERE email = $1")
        .bind(email)
        .fetch_one(&world.pool())
        .await
        .expect("an account")
}

async fn give(browser: &mut Browser, id: Uuid, if_match: &str, role: &str) -> Response {
    let path = format!("/api/v1/users/{id}/role");
    let headers = [("if-match", if_match)];
    browser
        .json("PUT", &path, &headers, &json!({ "role": role }))
        .await
}

fn emails(answer: &Response) -> Vec<String> {
    let users = answer.json()["users"].as_array().expect("users").clone();
    users
        .iter()
        .map(|user| user["email"].as_str().expect("an address").to_owned())
        .collect()
}

#[tokio::test]
async fn accounts_are_listed_in_pages_and_found_by_how_their_address_begins() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    register(&world, &app, &mut machine, BOB).await;
    let body = json!({ "email": CARL, "password": PASSWORD });
    ada.post("/api/v1/auth/sign-up", &body).await;

    let first = ada.get("/api/v1/users?limit=2").await;
    let next = first.json()["next"]
        .as_str()
        .expect("another page")
        .to_owned();
    let second = ada
        .get(&format!("/api/v1/users?limit=2&after={next}"))
        .await;
    let found = ada.get("/api/v1/users?email=BO").await;
    let exact = ada.get("/api/v1/users?email=carl%40example.org").await;
    let nobody = ada.get("/api/v1/users?email=%25").await;

    assert_eq!(emails(&first), [ADA, BOB]);
    assert_eq!(
        (emails(&second), second.json()["next"].clone()),
        (vec![CARL.to_owned()], Value::Null)
    );
    assert_eq!(
        (emails(&found), emails(&exact)),
        (vec![BOB.to_owned()], vec![CARL.to_owned()])
    );
    assert_eq!(emails(&nobody), [""; 0]);
    let shown = &first.json()["users"][0];
    let fields: Vec<&String> = shown.as_object().expect("an account").keys().collect();
    assert_eq!(
        fields,
        [
            "activated_at",
            "created_at",
            "deletion_at",
            "email",
            "id",
            "name",
            "role",
            "status",
            "version"
        ]
    );
    assert_eq!(exact.json()["users"][0]["status"], "pending");
    app.end().await;
}

#[tokio::test]
async fn a_page_out_of_bounds_is_refused() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;

    for path in ["/api/v1/users", "/api/v1/invitations"] {
        for limit in ["0", "101", "-1", "9223372036854775807"] {
            let answer = ada.get(&format!("{path}?limit={limit}")).await;
            assert_eq!(answer.status, 422, "{path} {limit}: {answer:?}");
            assert_eq!(answer.json()["errors"][0]["pointer"], "/limit");
        }
        for query in ["limit=x", "after=x", "unknown=1"] {
            let answer = ada.get(&format!("{path}?{query}")).await;
            assert_eq!(answer.status, 400, "{path} {query}: {answer:?}");
        }
    }
    for email in ["%00", &"a".repeat(255)] {
        let answer = ada.get(&format!("/api/v1/users?email={email}")).await;
        assert_eq!(answer.status, 422, "{answer:?}");
        assert_eq!(answer.json()["errors"][0]["pointer"], "/email");
    }
    app.end().await;
}

#[tokio::test]
async fn all_of_this_is_for_administrators_alone() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    admin(&world, &app, &mut machine, ADA).await;
    let mut bob = member(&world, &app, &mut machine, BOB).await;
    let ada = user(&world, ADA).await;

    for role in ["user", "operator"] {
        sqlx::query("UPDATE users SET role = $1 WHERE email = 'bob@example.org'")
            .bind(role)
            .execute(&world.pool())
            .await
            .expect("a role");
        for (method, path) in [
            ("GET", "/api/v1/users".to_owned()),
            ("GET", format!("/api/v1/users/{ada}")),
            ("PUT", format!("/api/v1/users/{ada}/role")),
            ("DELETE", format!("/api/v1/users/{ada}/sessions")),
            ("DELETE", format!("/api/v1/users/{ada}/second-factor")),
            ("POST", "/api/v1/users/end-all-sessions".to_owned()),
            ("GET", "/api/v1/invitations".to_owned()),
            ("POST", "/api/v1/invitations".to_owned()),
            ("GET", format!("/api/v1/invitations/{ada}")),
            ("DELETE", format!("/api/v1/invitations/{ada}/rows/{ada}")),
        ] {
            let body = match method {
                "GET" => String::new(),
                "PUT" => json!({ "role": "user" }).to_string(),
                _ => json!({ "email": "dora@example.org" }).to_string(),
            };
            let headers = [("content-type", "application/json"), ("if-match", "*")];
            let answer = bob.send(method, &path, &headers, &body).await;
            assert_eq!(
                (answer.status, answer.problem()),
                (403, "insufficient_role".to_owned()),
                "{role} {method} {path}"
            );
        }
    }
    let roles: Vec<String> = sqlx::query_scalar("SELECT role FROM users ORDER BY id")
        .fetch_all(&world.pool())
        .await
        .expect("roles");
    assert_eq!(roles, ["admin", "operator"]);
    app.end().await;
}

#[tokio::test]
async fn a_change_of_role_ends_the_sessions_and_is_told() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    let mut bob = member(&world, &app, &mut machine, BOB).await;
    let id = user(&world, BOB).await;

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
    assert_eq!(updates[0].actor_id, Some(user(&world, ADA).await));
    app.end().await;
}

#[tokio::test]
async fn a_change_of_role_says_what_it_was_made_of() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    register(&world, &app, &mut machine, BOB).await;
    let id = user(&world, BOB).await;
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
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    let body = json!({ "email": BOB, "password": PASSWORD });
    ada.post("/api/v1/auth/sign-up", &body).await;

    let answer = give(&mut ada, user(&world, BOB).await, "*", "admin").await;

    assert_eq!(
        (answer.status, answer.problem()),
        (409, "not_active".to_owned())
    );
    app.end().await;
}

#[tokio::test]
async fn who_decides_has_to_have_shown_who_they_are() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    register(&world, &app, &mut machine, BOB).await;
    let id = user(&world, BOB).await;

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
async fn the_last_administrator_stays_one() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    let mut bob = admin(&world, &app, &mut machine, BOB).await;
    let (ada_id, bob_id) = (user(&world, ADA).await, user(&world, BOB).await);

    let another = give(&mut ada, bob_id, "*", "user").await;
    let last = give(&mut ada, ada_id, "*", "operator").await;
    let same = give(&mut ada, ada_id, "*", "admin").await;
    sqlx::query("UPDATE users SET role = 'admin', deletion_at = now() WHERE id = $1")
        .bind(bob_id)
        .execute(&world.pool())
        .await
        .expect("an administrator who leaves");
    let leaving = give(&mut ada, ada_id, "*", "operator").await;
    let gone = bob.get(VALIDATE).await;

    assert_eq!((another.status, same.status, gone.status), (200, 200, 401));
    for answer in [last, leaving] {
        assert_eq!(
            (answer.status, answer.problem()),
            (409, "last_administrator".to_owned())
        );
    }
    app.end().await;
}

#[tokio::test]
async fn of_two_administrators_who_remove_each_other_at_once_one_stays() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    let mut bob = admin(&world, &app, &mut machine, BOB).await;
    let (ada_id, bob_id) = (user(&world, ADA).await, user(&world, BOB).await);

    // Both have been let in, and wait for the row, when it is decided.
    let mut held = world.pool().begin().await.expect("a transaction");
    sqlx::query("SELECT FROM users ORDER BY id FOR UPDATE")
        .execute(&mut *held)
        .await
        .expect("the rows");
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let release = async {
        world.until(waiting, 2).await;
        held.rollback().await.expect("an end");
    };
    let (of_bob, of_ada, ()) = tokio::join!(
        give(&mut ada, bob_id, "*", "user"),
        give(&mut bob, ada_id, "*", "user"),
        release,
    );

    let mut statuses = [of_bob.status, of_ada.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 403], "{of_bob:?} {of_ada:?}");
    let admins = "SELECT count(*) FROM users WHERE role = 'admin'";
    assert_eq!(world.number(&world.pool(), admins).await, 1);
    app.end().await;
}

#[tokio::test]
async fn of_all_administrators_who_leave_at_once_one_stays() {
    let world = World::solo().await.with("THROTTLE_FACTOR", 100);
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut browsers = Vec::new();
    for name in ["ada", "bob", "carl", "dora"] {
        let email = format!("{name}@example.org");
        let browser = admin(&world, &app, &mut machine, &email).await;
        browsers.push((browser, user(&world, &email).await));
    }

    let leaving = browsers
        .iter_mut()
        .map(|(browser, id)| give(browser, *id, "*", "user"));
    let answers = futures_util::future::join_all(leaving).await;

    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 409]);
    app.end().await;
}

#[tokio::test]
async fn an_administrator_ends_the_sessions_of_somebody() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    let mut bob = member(&world, &app, &mut machine, BOB).await;
    let id = user(&world, BOB).await;

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
    assert_eq!(last.actor_id, Some(user(&world, ADA).await));
    app.end().await;
}

#[tokio::test]
async fn an_administrator_ends_the_sessions_of_everybody() {
    let world = World::solo().await.with("THROTTLE_FACTOR", 100);
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
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

/// A world without brokers, whose sessions are cached.
async fn cached() -> World {
    World::solo().await.with("CACHE", "redis")
}

#[tokio::test]
async fn a_session_that_is_cached_ends_with_the_role_too() {
    let world = cached().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    let mut bob = admin(&world, &app, &mut machine, BOB).await;
    let id = user(&world, BOB).await;
    let before = bob.get(VALIDATE).await;

    let taken = give(&mut ada, id, "*", "user").await;

    assert_eq!(before.header("x-user-role"), Some("admin"));
    assert_eq!((taken.status, bob.get(VALIDATE).await.status), (200, 401));
    app.end().await;
}

#[tokio::test]
async fn who_is_no_administrator_any_more_decides_nothing_with_what_is_still_cached() {
    let world = cached().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    admin(&world, &app, &mut machine, ADA).await;
    let mut bob = admin(&world, &app, &mut machine, BOB).await;
    let id = user(&world, BOB).await;
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
