//! The level of one module, changed while processes run: by an administrator or at the command line, and for a while.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::harness::{Browser, Machine, Process, TestApp, World, admin, id_of, member};

const ADA: &str = "ada@example.org";
const BOB: &str = "bob@example.org";
const ALL: &str = "/api/v1/admin/log-levels";
const STATEMENTS: &str = "/api/v1/admin/log-levels/sqlx::query";

async fn put(browser: &mut Browser, path: &str, body: &Value) -> (u16, Value) {
    let answer = browser.json("PUT", path, &[], body).await;
    (answer.status, answer.json())
}

async fn levels(browser: &mut Browser) -> Value {
    let answer = browser.get(ALL).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["log_levels"].clone()
}

#[tokio::test]
async fn a_level_holds_until_it_is_reset_or_its_time_is_over() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    assert_eq!(levels(&mut ada).await, json!([]));

    let set = put(&mut ada, STATEMENTS, &json!({ "level": "debug" })).await;
    let statements =
        json!({ "module": "sqlx::query", "level": "debug", "until": "1970-01-01T01:00:00Z" });
    assert_eq!(set, (200, statements));
    let path = "/api/v1/admin/log-levels/blazing_sun::web";
    let set = put(&mut ada, path, &json!({ "level": "trace", "minutes": 5 })).await;
    let web =
        json!({ "module": "blazing_sun::web", "level": "trace", "until": "1970-01-01T00:05:00Z" });
    assert_eq!(set, (200, web.clone()));
    // Again, in place of the one before.
    let set = put(
        &mut ada,
        STATEMENTS,
        &json!({ "level": "warn", "minutes": 1440 }),
    )
    .await;
    let statements =
        json!({ "module": "sqlx::query", "level": "warn", "until": "1970-01-02T00:00:00Z" });
    assert_eq!(set, (200, statements.clone()));
    assert_eq!(levels(&mut ada).await, json!([web, statements]));

    app.clock.advance(TimeDelta::minutes(5));
    assert_eq!(levels(&mut ada).await, json!([statements]));
    assert_eq!(ada.delete(path).await.status, 404, "its time is over");
    assert_eq!(ada.delete(STATEMENTS).await.status, 204);
    assert_eq!(ada.delete(STATEMENTS).await.status, 404);
    assert_eq!(levels(&mut ada).await, json!([]));

    // The audit log knows who did what.
    machine.settle().await;
    let told: Vec<(String, Value)> = sqlx::query_as(
        "SELECT actor_id::text, data FROM audit_log WHERE type = 'system.log_level_changed.v1'
         ORDER BY (data ->> 'version')::int",
    )
    .fetch_all(&world.pool())
    .await
    .expect("the audit log");
    let ada = id_of(&world, ADA).await.to_string();
    assert!(told.iter().all(|(actor, _)| *actor == ada), "{told:?}");
    let told: Vec<Value> = told
        .iter()
        .map(|(_, data)| {
            json!([
                data["version"],
                data["module"],
                data["level"],
                data["until"]
            ])
        })
        .collect();
    assert_eq!(
        json!(told),
        json!([
            [1, "sqlx::query", "debug", "1970-01-01T01:00:00Z"],
            [2, "blazing_sun::web", "trace", "1970-01-01T00:05:00Z"],
            [3, "sqlx::query", "warn", "1970-01-02T00:00:00Z"],
            [4, "sqlx::query", null, null],
        ])
    );
    app.end().await;
}

#[tokio::test]
async fn what_cannot_be_set_is_refused() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;

    for (module, body, pointers) in [
        ("sqlx", json!({ "level": "loud" }), vec!["/level"]),
        ("sqlx", json!({ "level": "trace" }), vec!["/level"]),
        (
            "sqlx",
            json!({ "level": "info", "minutes": 0 }),
            vec!["/minutes"],
        ),
        (
            "sqlx",
            json!({ "level": "info", "minutes": 1441 }),
            vec!["/minutes"],
        ),
        (
            "a%20b",
            json!({ "level": "off", "minutes": 0 }),
            vec!["/module", "/level", "/minutes"],
        ),
        (
            "info,sqlx=debug",
            json!({ "level": "info" }),
            vec!["/module"],
        ),
        (
            &"a".repeat(101),
            json!({ "level": "info" }),
            vec!["/module"],
        ),
    ] {
        let (status, problem) = put(&mut ada, &format!("{ALL}/{module}"), &body).await;
        assert_eq!(status, 422, "{module} {problem}");
        let errors = problem["errors"].as_array().expect("errors");
        let found: Vec<&str> = errors
            .iter()
            .filter_map(|error| error["pointer"].as_str())
            .collect();
        assert_eq!(found, pointers, "{module} {problem}");
    }
    for number in 0..50 {
        let path = format!("{ALL}/module{number}");
        assert_eq!(
            put(&mut ada, &path, &json!({ "level": "info" })).await.0,
            200
        );
    }
    let (status, problem) = put(&mut ada, STATEMENTS, &json!({ "level": "info" })).await;
    assert_eq!(
        (status, &problem["type"]),
        (409, &json!("/problems/too_many_log_levels"))
    );
    // One of those that are there can be changed, and when their time is over there is room.
    let again = put(
        &mut ada,
        &format!("{ALL}/module7"),
        &json!({ "level": "warn" }),
    )
    .await;
    assert_eq!(again.0, 200);
    app.clock.advance(TimeDelta::minutes(60));
    assert_eq!(
        put(&mut ada, STATEMENTS, &json!({ "level": "info" }))
            .await
            .0,
        200
    );
    assert_eq!(levels(&mut ada).await.as_array().expect("levels").len(), 1);
    app.end().await;
}

#[tokio::test]
async fn levels_are_for_administrators_alone() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut bob = member(&world, &app, &mut machine, BOB).await;

    for role in ["user", "operator"] {
        sqlx::query("UPDATE users SET role = $1 WHERE email = 'bob@example.org'")
            .bind(role)
            .execute(&world.pool())
            .await
            .expect("a role");
        for (method, path) in [("GET", ALL), ("PUT", STATEMENTS), ("DELETE", STATEMENTS)] {
            let answer = match method {
                "PUT" => {
                    bob.json(method, path, &[], &json!({ "level": "debug" }))
                        .await
                }
                _ => bob.send(method, path, &[], "").await,
            };
            assert_eq!(
                (answer.status, answer.problem()),
                (403, "insufficient_role".to_owned())
            );
        }
    }
    app.end().await;
}

#[tokio::test]
async fn every_process_follows_within_two_seconds() {
    let world = World::solo().await.with("RUST_LOG", "info");
    let mut processes = [Process::run(&world), Process::only(&world, "worker")];
    for process in &mut processes {
        process.listening().await;
    }
    let statements = |lines: &[Value]| {
        let is_statement = |line: &&Value| line["target"] == "sqlx::query";
        lines.iter().filter(is_statement).count()
    };
    for process in &mut processes {
        assert_eq!(statements(&process.logged_so_far()), 0);
    }

    let set = Process::finish(&world, "logs level sqlx::query debug --minutes 10").await;
    assert_eq!(set.code, Some(0), "{set:?}");
    assert!(
        set.stdout.starts_with("sqlx::query  debug  until "),
        "{set:?}"
    );
    tokio::time::sleep(Duration::from_secs(2)).await;
    for process in &mut processes {
        process.logged_so_far();
    }
    tokio::time::sleep(Duration::from_millis(1500)).await;
    for process in &mut processes {
        assert!(statements(&process.logged_so_far()) > 0);
    }

    let listed = Process::finish(&world, "logs list").await;
    assert_eq!(listed.stdout, set.stdout);
    let reset = Process::finish(&world, "logs reset").await;
    assert_eq!(reset.stdout, "sqlx::query is logged as configured\n");
    tokio::time::sleep(Duration::from_secs(2)).await;
    for process in &mut processes {
        process.logged_so_far();
    }
    tokio::time::sleep(Duration::from_millis(1500)).await;
    for process in &mut processes {
        assert_eq!(statements(&process.logged_so_far()), 0);
    }
    assert_eq!(Process::finish(&world, "logs list").await.stdout, "");
}

#[tokio::test]
async fn the_command_line_says_what_cannot_be_set() {
    let world = World::solo().await;
    for (command, reason) in [
        (
            "logs level lapin trace",
            "the level may be trace for modules of blazing_sun alone",
        ),
        ("logs level a=b debug", "is not the path of a module"),
        (
            "logs level sqlx debug --minutes 2000",
            "--minutes is not from 1 to 1440",
        ),
        ("logs reset sqlx", "the module has no level of its own"),
    ] {
        let finished = Process::finish(&world, command).await;
        assert_eq!(finished.code, Some(1), "{command}");
        assert!(finished.stderr.contains(reason), "{finished:?}");
    }
    assert_eq!(
        Process::finish(&world, "logs level sqlx loud").await.code,
        Some(2)
    );
}
