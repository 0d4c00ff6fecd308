//! What the system says about itself: once for each change, and every hour.

use std::sync::Arc;

use blazing_sun::app::wiring::Wiring;
use blazing_sun::infra::measures::Measures;
use blazing_sun::kernel::id;
use blazing_sun::monitor::{Errors, Watch};
use blazing_sun::web::failures::{Failure, Failures};
use blazing_sun::web::health::Health;
use chrono::{DateTime, TimeDelta};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::harness::{Gate, Process, World, get, member, post, run, send};
use crate::support::{FixedClock, soon};

const HEALTH_CHECK: &str = "system.health_check.v1";
const WARNING: &str = "system.warning.v1";
const ERROR: &str = "system.error.v1";

/// One process that watches, by a clock of the test.
struct Watching {
    wiring: Wiring,
    clock: Arc<FixedClock>,
    watch: Watch,
    pool: PgPool,
}

impl Watching {
    /// `pool` leads to the database, whatever the process believes.
    fn new(world: &World, pool: PgPool) -> Self {
        let clock = Arc::new(FixedClock::at(DateTime::UNIX_EPOCH));
        let wiring =
            Wiring::new(&world.config(), clock.clone(), &Measures::default()).expect("a process");
        let health = Health::new(Arc::clone(&wiring.services), clock.clone());
        let watch = wiring.watch(Arc::new(health));
        Self {
            wiring,
            clock,
            watch,
            pool,
        }
    }

    async fn look(&self) {
        self.watch.look().await.expect("PostgreSQL");
    }

    async fn look_after(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
        self.look().await;
    }

    /// What was told of one type, in order.
    async fn told(&self, kind: &str) -> Vec<Value> {
        let bodies: Vec<String> =
            sqlx::query_scalar("SELECT body FROM outbox WHERE type = $1 ORDER BY seq")
                .bind(kind)
                .fetch_all(&self.pool)
                .await
                .expect("PostgreSQL");
        let bodies = bodies.iter();
        bodies
            .map(|body| serde_json::from_str(body).expect("JSON"))
            .collect()
    }

    /// The warnings about something, as far as they say whether it is over its limit.
    async fn warnings(&self, matter: &str, consumer: Option<&str>) -> Vec<bool> {
        let told = self.told(WARNING).await.into_iter();
        told.map(|event| event["data"].clone())
            .filter(|data| data["matter"] == matter && data["consumer"].as_str() == consumer)
            .map(|data| data["raised"].as_bool().expect("a word"))
            .collect()
    }
}

#[tokio::test]
async fn a_service_that_goes_is_told_once_and_once_when_it_is_back() {
    let gate = Gate::refusing().await;
    let world = World::cached().await.behind(&gate, "REDIS");
    gate.pass_to(world.address_of("REDIS"));
    let watching = Watching::new(&world, world.pool());

    watching.look().await;
    gate.pass_to(None);
    for _ in 0..3 {
        watching.look_after(10).await;
    }
    gate.pass_to(world.address_of("REDIS"));
    for _ in 0..3 {
        watching.look_after(10).await;
    }

    let told = watching.told(HEALTH_CHECK).await;
    let said: Vec<_> = told
        .iter()
        .map(|event| {
            let data = &event["data"];
            (
                event["sequence"].clone(),
                data["services"]["redis"].clone(),
                data["changed"].clone(),
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            (json!(1), json!("up"), json!([])),
            (json!(2), json!("degraded"), json!(["redis"])),
            (json!(3), json!("up"), json!(["redis"])),
        ]
    );
    assert!(
        told.iter()
            .all(|event| event["subject"] == told[0]["subject"])
    );
}

#[tokio::test]
async fn where_nothing_changes_that_is_told_every_hour_whoever_looks() {
    let world = World::solo().await;
    let watching = [
        Watching::new(&world, world.pool()),
        Watching::new(&world, world.pool()),
    ];

    // Each of the two looks every minute and a half, so that somebody looks all the time.
    for n in 0..=160 {
        watching[n % 2].look().await;
        for one in &watching {
            one.clock.advance(TimeDelta::seconds(45));
        }
    }

    let told = watching[0].told(HEALTH_CHECK).await;
    let times: Vec<&str> = told
        .iter()
        .map(|event| event["time"].as_str().expect("a time"))
        .collect();
    assert_eq!(
        times,
        [
            "1970-01-01T00:00:00Z",
            "1970-01-01T01:00:00Z",
            "1970-01-01T02:00:00Z"
        ]
    );
    assert!(told.iter().all(|event| {
        event["data"]["changed"] == json!([]) && event["data"]["unwatched_since"].is_null()
    }));
}

#[tokio::test]
async fn that_postgresql_was_away_is_told_when_it_is_back() {
    let world = World::solo().await;
    let pool = world.pool();
    let gate = Gate::refusing().await;
    let world = world.behind(&gate, "POSTGRES");
    gate.pass_to(world.address_of("POSTGRES"));
    let watching = Watching::new(&world, pool);

    watching.look().await;
    gate.pass_to(None);
    watching.clock.advance(TimeDelta::seconds(90));
    let away = watching.watch.look().await;
    gate.pass_to(world.address_of("POSTGRES"));
    watching.look_after(90).await;
    watching.look_after(10).await;

    assert!(away.is_err());
    let told = watching.told(HEALTH_CHECK).await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[1]["data"]["unwatched_since"], "1970-01-01T00:00:00Z");
    assert_eq!(told[1]["time"], "1970-01-01T00:03:00Z");
}

#[tokio::test]
async fn a_consumer_that_lags_is_warned_of_once_and_again_after_it_was_well() {
    let world = World::solo().await.with("MONITOR_LAG_SECONDS", 300);
    let watching = Watching::new(&world, world.pool());
    let publish = "INSERT INTO event_log (id, topic, key, type, body, emitted_at)
                   VALUES (gen_random_uuid(), 'user.events', gen_random_uuid(), 'user.updated.v1', '{}', $1)";
    let have = "INSERT INTO inbox (consumer, event_id) SELECT 'audit', id FROM event_log ON CONFLICT DO NOTHING";
    prepare_log(&watching.pool).await;
    let mut warned = Vec::new();
    for round in 0..2 {
        let now = DateTime::UNIX_EPOCH + TimeDelta::seconds(round * 341);
        sqlx::query(publish)
            .bind(now)
            .execute(&watching.pool)
            .await
            .expect("an event");
        watching.look_after(300).await;
        warned.push(watching.warnings("consumer_lag", Some("audit")).await.len());
        watching.look_after(1).await;
        watching.look_after(30).await;
        warned.push(watching.warnings("consumer_lag", Some("audit")).await.len());
        run(&world, have).await;
        watching.look_after(10).await;
        warned.push(watching.warnings("consumer_lag", Some("audit")).await.len());
    }

    assert_eq!(warned, [0, 1, 2, 2, 3, 4]);
    assert_eq!(
        watching.warnings("consumer_lag", Some("audit")).await,
        [true, false, true, false]
    );
}

#[tokio::test]
async fn who_leads_the_watch_tells_lag_dead_letters_and_waiting_jobs_and_nobody_else_does() {
    let world = World::solo().await;
    let watching = Watching::new(&world, world.pool());
    let metrics = watching.wiring.ctx.metrics().clone();
    prepare_log(&watching.pool).await;
    for statement in [
        "INSERT INTO event_log (id, topic, key, type, body, emitted_at)
         SELECT gen_random_uuid(), 'user.events', gen_random_uuid(), 'user.updated.v1', '{}', to_timestamp(n * 10)
         FROM generate_series(0, 2) n",
        "INSERT INTO dead_letters (consumer, state, topic, record_offset, value, size, error, attempts)
         VALUES ('feed', 'unreadable', 'user.events', 1, '', 0, 'no event', 1),
                ('worker', 'unreadable', 'jobs', 1, '', 0, 'no ticket', 1)",
        "INSERT INTO jobs (id, name, payload, priority, state, max_attempts, run_at, correlation_id, created_at)
         VALUES (gen_random_uuid(), 'purge_trash', '{}', 3, 'ready', 1, to_timestamp(40), 'test', to_timestamp(0))",
    ] {
        run(&world, statement).await;
    }

    watching.look_after(100).await;

    assert_eq!(metrics.lag_records.get(&["audit"]), Some(3));
    assert_eq!(metrics.lag_seconds.get(&["audit"]), Some(100));
    let letters = ["feed", "worker", "audit"].map(|consumer| metrics.dead_letters.get(&[consumer]));
    assert_eq!(letters, [Some(1), Some(1), Some(0)]);
    assert_eq!(metrics.jobs_oldest_due_age.get(&[]), Some(60));

    run(
        &world,
        "UPDATE dead_letters SET state = 'discarded', resolved_at = now()",
    )
    .await;
    watching.look_after(1).await;
    let letters = ["feed", "worker"].map(|consumer| metrics.dead_letters.get(&[consumer]));
    assert_eq!(letters, [Some(0), None]);

    // It leads, and ends.
    let stop = CancellationToken::new();
    let running = tokio::spawn(watching.watch.run(stop.clone()));
    world
        .until(
            "SELECT count(*) FROM leases WHERE name = 'monitor' AND expires_at > now()",
            1,
        )
        .await;
    stop.cancel();
    soon("the end", running).await.expect("no panic");
    let said = [
        metrics.lag_records.get(&["audit"]),
        metrics.lag_seconds.get(&["audit"]),
        metrics.dead_letters.get(&["feed"]),
        metrics.jobs_oldest_due_age.get(&[]),
    ];
    assert_eq!(said, [None; 4]);
}

#[tokio::test]
async fn whatever_is_over_its_limit_is_warned_of_and_what_has_none_is_not() {
    const MATTERS: [&str; 4] = ["outbox_backlog", "job_backlog", "disk", "database"];
    // A disk that has something on it, wherever temporary files lie.
    let mut limited = World::solo()
        .await
        .with("STORAGE_FOLDER", env!("CARGO_MANIFEST_DIR"));
    let mut warned = Vec::new();
    for limits in [[0, 0, 0, 0], [60, 600, 1, 1]] {
        let names = [
            "OUTBOX_SECONDS",
            "JOBS_SECONDS",
            "DISK_PERCENT",
            "DATABASE_MIB",
        ];
        for (name, limit) in names.into_iter().zip(limits) {
            limited = limited.with(&format!("MONITOR_{name}"), limit);
        }
        let watching = Watching::new(&limited, limited.pool());
        sqlx::query(
            "INSERT INTO jobs (id, name, payload, priority, state, max_attempts, run_at, correlation_id, created_at)
             VALUES (gen_random_uuid(), 'purge_trash', '{}', 3, 'ready', 1, $1, 'test', $1)",
        )
        .bind(DateTime::UNIX_EPOCH)
        .execute(&watching.pool)
        .await
        .expect("a job");
        watching.look().await;
        watching.look_after(601).await;
        watching.look_after(10).await;
        for matter in MATTERS {
            warned.push(watching.warnings(matter, None).await.len());
        }
    }

    assert_eq!(warned, [0, 0, 0, 0, 1, 1, 1, 1]);
}

#[tokio::test]
async fn some_failures_of_a_minute_are_told_and_the_others_are_counted() {
    let world = World::solo().await.with("MONITOR_ERRORS_PER_MINUTE", 10);
    let watching = Watching::new(&world, world.pool());
    let (_failures, mut errors) = errors(&watching);

    for n in 1..=13 {
        errors.take(failure(n)).await;
    }
    errors.catch_up().await;
    let at_first = watching.told(ERROR).await.len();
    watching.clock.advance(TimeDelta::seconds(60));
    errors.catch_up().await;
    errors.take(failure(14)).await;

    let told = watching.told(ERROR).await;
    assert_eq!((at_first, told.len()), (10, 12));
    let said = |n: usize| {
        let event = &told[n];
        assert_eq!(event["correlationid"], event["data"]["request_id"]);
        (
            event["sequence"].as_i64().expect("a number"),
            event["data"]["request_id"].as_str().expect("an id"),
            event["data"]["left_out"].as_i64().expect("a number"),
        )
    };
    assert_eq!(said(9), (10, "request-10", 0));
    // The newest of them stands for all.
    assert_eq!(said(10), (11, "request-13", 2));
    assert_eq!(said(11), (12, "request-14", 0));
}

#[tokio::test]
async fn failures_while_postgresql_is_away_are_told_when_it_is_back() {
    let world = World::solo().await;
    let pool = world.pool();
    let gate = Gate::refusing().await;
    let world = world.behind(&gate, "POSTGRES");
    let watching = Watching::new(&world, pool);
    let (failures, mut errors) = errors(&watching);

    errors.take(failure(1)).await;
    errors.take(failure(2)).await;
    // More than may wait.
    for n in 3..=105 {
        failures.note(failure(n));
    }
    gate.pass_to(world.address_of("POSTGRES"));
    errors.catch_up().await;

    let told = watching.told(ERROR).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["data"]["request_id"], "request-2");
    assert_eq!(told[0]["data"]["left_out"], 4);
}

#[tokio::test]
async fn an_answer_of_500_is_told_and_audited_with_the_requests_id_and_nothing_it_sent() {
    let (world, app, mut machine) = World::solo().await.start().await;
    run(&world, "ALTER TABLE users RENAME TO gone").await;

    let body = json!({ "email": "ada@example.org", "password": "correct horse" });
    let answer = post(app.address, "/api/v1/auth/sign-in?from=ada", &body).await;
    let event = "SELECT count(*) FROM outbox WHERE type = 'system.error.v1'";
    world.until(event, 1).await;
    let not_ours = get(app.address, "/nowhere").await;
    let degraded = send(app.address, "GET", "/health/ready", &[]).await;
    machine.settle().await;

    assert_eq!((answer.status, not_ours.status), (500, 404));
    assert_eq!(degraded.status, 200);
    let data: Vec<Value> =
        sqlx::query_scalar("SELECT data FROM audit_log WHERE type = 'system.error.v1'")
            .fetch_all(&world.pool())
            .await
            .expect("PostgreSQL");
    let [data] = data.as_slice() else {
        panic!("one failure: {data:?}");
    };
    let mut expected = json!({
        "number": 1, "method": "POST", "route": "/api/v1/auth/sign-in", "status": 500, "kind": "internal", "left_out": 0,
    });
    expected["request_id"] = answer.header("x-request-id").expect("an id").into();
    expected["process_id"] = data["process_id"].clone();
    assert_eq!(*data, expected);
    app.end().await;
}

#[tokio::test]
async fn whoever_leads_the_schedules_watches() {
    let world = World::solo().await;
    let mut process = Process::only(&world, "schedule");
    process.listening().await;

    world
        .until(
            "SELECT count(*) FROM outbox WHERE type = 'system.health_check.v1'",
            1,
        )
        .await;
    let leases = "SELECT count(*) FROM leases WHERE name = 'monitor'";
    assert_eq!(world.number(&world.pool(), leases).await, 1);
}

#[tokio::test]
async fn verify_says_what_is_missing_and_fills_it_when_asked() {
    let (world, app, mut machine) = World::solo().await.start().await;
    member(&world, &app, &mut machine, "ada@example.org").await;
    let audited = "SELECT count(*) FROM audit_log";
    let before = world.number(&world.pool(), audited).await;

    let whole = Process::finish(&world, "events verify").await;
    run(&world, "DELETE FROM inbox WHERE consumer = 'audit'").await;
    run(&world, "DELETE FROM audit_log").await;
    let gaps = Process::finish(&world, "events verify --since 1d").await;
    let none = Process::finish(&world, "events verify --from 1000000").await;
    let filled = Process::finish(&world, "events verify --fill").await;
    let again = Process::finish(&world, "events verify").await;
    let unknown = Process::finish(&world, "events verify --since yesterday").await;

    assert_eq!(whole.code, Some(0), "{whole:?}");
    assert!(
        whole.stdout.ends_with("\nNothing is missing.\n"),
        "{whole:?}"
    );
    assert!(!whole.stdout.contains("KAFKA"), "{whole:?}");
    assert_eq!(gaps.code, Some(1), "{gaps:?}");
    let complaint = format!(
        "blazing_sun: {before} missing; `blazing_sun events verify --fill` gives them again\n"
    );
    assert_eq!(gaps.stderr, complaint);
    assert_eq!(none.code, Some(0), "{none:?}");
    assert_eq!(filled.code, Some(0), "{filled:?}");
    let given = format!("audit was given {before} events.");
    assert!(filled.stdout.contains(&given), "{filled:?}");
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_eq!(world.number(&world.pool(), audited).await, before);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    app.end().await;
}

fn errors(watching: &Watching) -> (Failures, Errors) {
    let (failures, told) = Failures::channel();
    (failures, watching.wiring.errors(id::new(), told))
}

fn failure(n: usize) -> Failure {
    Failure {
        method: "GET".to_owned(),
        route: "/api/v1/things/{id}".to_owned(),
        status: 500,
        request_id: format!("request-{n}"),
        kind: "panic",
    }
}

/// Makes the partition of today, as a relay does.
async fn prepare_log(pool: &PgPool) {
    blazing_sun::flow::event_log::prepare(pool)
        .await
        .expect("partitions");
}
