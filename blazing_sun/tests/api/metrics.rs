//! Metrics: each moves when what it tells of happens, and all of them are in the document.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde_json::json;

use crate::harness::{
    App, Browser, Gate, PASSWORD, Process, TestApp, World, get, member, run, send,
};
use crate::support::soon;

const ADA: &str = "ada@example.org";
const VALIDATE: &str = "/api/v1/auth/validate";
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operations.md");

/// What a series says; one that is not there says nothing yet.
fn said(metrics: &str, series: &str) -> u64 {
    let mut lines = metrics.lines();
    let value = lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value.map_or(0, |value| value.parse().expect("a whole number"))
}

/// By how much a series rose, from one look to the next.
struct Looks<'a>(&'a TestApp, String);

impl<'a> Looks<'a> {
    async fn begin(app: &'a TestApp) -> Self {
        Self(app, app.get("/metrics").await.body)
    }

    async fn rise<const N: usize>(&mut self, series: [&str; N]) -> [u64; N] {
        let now = self.0.get("/metrics").await.body;
        let before = std::mem::replace(&mut self.1, now);
        series.map(|name| said(&self.1, name) - said(&before, name))
    }
}

fn sign_ins<const N: usize>(outcomes: [&str; N]) -> [String; N] {
    outcomes.map(|outcome| format!("sign_ins_total{{outcome=\"{outcome}\"}}"))
}

#[tokio::test]
async fn a_sign_in_counts_as_far_as_it_came_and_its_password_is_measured() {
    let (world, app, mut machine) = World::solo().await.start().await;
    app.clock.advance(TimeDelta::hours(1));
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let names = sign_ins([
        "succeeded",
        "second_factor",
        "wrong_password",
        "wrong_second_factor",
        "over",
        "throttled",
    ]);
    let names = [0, 1, 2, 3, 4, 5].map(|n| names[n].as_str());
    let mut looks = Looks::begin(&app).await;

    let hashed = [
        "password_hash_duration_seconds_count",
        "password_hash_wait_seconds_count",
    ];
    Browser::new(&app).sign_in(ADA, "not hers at all").await;
    assert_eq!(looks.rise(hashed).await, [1, 1]);
    looks = Looks::begin(&app).await;
    Browser::new(&app).sign_in(ADA, PASSWORD).await;
    Browser::new(&app)
        .sign_in("nobody@example.org", "whatever it is")
        .await;
    assert_eq!(looks.rise(names).await, [1, 0, 1, 0, 0, 0]);

    let (phone, _) = App::set_up(&mut ada, &app).await;
    let mut browser = Browser::new(&app);
    let asked = browser.sign_in(ADA, PASSWORD).await.json();
    let challenge = asked["challenge"].as_str().expect("a challenge");
    assert_eq!(looks.rise(names).await, [0, 1, 0, 0, 0, 0]);
    for (challenge, code) in [
        (challenge, "000000".to_owned()),
        (challenge, phone.code(&app)),
        ("no such challenge", "000000".to_owned()),
    ] {
        let body = json!({ "challenge": challenge, "code": code });
        browser.post("/api/v1/auth/second-factor", &body).await;
    }
    assert_eq!(looks.rise(names).await, [1, 0, 0, 1, 1, 0]);

    for _ in 0..12 {
        Browser::new(&app).sign_in(ADA, "guessed").await;
    }
    let [.., wrong, _, _, throttled] = looks.rise(names).await;
    assert!(
        throttled > 0 && wrong + throttled == 12,
        "{wrong} {throttled}"
    );
    app.end().await;
}

#[tokio::test]
async fn a_look_for_a_session_is_a_miss_then_a_hit_and_an_error_while_redis_is_away() {
    let gate = Gate::refusing().await;
    let world = World::cached().await.behind(&gate, "REDIS");
    gate.pass_to(world.address_of("REDIS"));
    let (world, app, mut machine) = world.start().await;
    let mut browser = member(&world, &app, &mut machine, ADA).await;
    let names = [
        r#"cache_requests_total{cache="sessions",outcome="miss"}"#,
        r#"cache_requests_total{cache="sessions",outcome="hit"}"#,
        r#"cache_requests_total{cache="sessions",outcome="error"}"#,
    ];
    let mut looks = Looks::begin(&app).await;

    browser.sign_in(ADA, PASSWORD).await;
    looks.rise(names).await;
    browser.get(VALIDATE).await;
    assert_eq!(looks.rise(names).await, [1, 0, 0]);
    browser.get(VALIDATE).await;
    browser.get(VALIDATE).await;
    assert_eq!(looks.rise(names).await, [0, 2, 0]);
    gate.pass_to(None);
    browser.get(VALIDATE).await;
    assert_eq!(looks.rise(names).await, [0, 0, 1]);
    app.end().await;
}

#[tokio::test]
async fn a_look_for_a_feed_is_a_miss_then_a_hit() {
    let (world, app, mut machine) = World::cached().await.start().await;
    let mut browser = member(&world, &app, &mut machine, ADA).await;
    machine.settle().await;
    let names = [
        r#"cache_requests_total{cache="feed",outcome="miss"}"#,
        r#"cache_requests_total{cache="feed",outcome="hit"}"#,
    ];
    let mut looks = Looks::begin(&app).await;

    browser.get("/api/v1/feed").await;
    assert_eq!(looks.rise(names).await, [1, 0]);
    browser.get("/api/v1/feed").await;
    assert_eq!(looks.rise(names).await, [0, 1]);
    app.end().await;
}

#[tokio::test]
async fn a_mail_and_a_job_count_where_they_are_sent() {
    let (world, app, mut machine) = World::solo().await.start().await;

    member(&world, &app, &mut machine, ADA).await;

    let metrics = machine.metrics();
    let sent = said(&metrics, r#"mails_total{outcome="sent"}"#);
    assert!(sent > 0, "{metrics}");
    assert_eq!(said(&metrics, "mail_duration_seconds_count"), sent);
    let jobs = r#"job_attempts_total{job="send_email",outcome="done"}"#;
    assert_eq!(said(&metrics, jobs), sent);
    let events = r#"relay_batch_records_sum{kind="event"}"#;
    assert!(said(&metrics, events) > 0, "{metrics}");
    app.end().await;
}

#[tokio::test]
async fn a_request_that_changes_something_is_a_transaction_that_waited_for_its_connection() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut browser = member(&world, &app, &mut machine, ADA).await;
    let names = [
        r#"postgres_transaction_duration_seconds_count{outcome="committed"}"#,
        r#"postgres_transaction_duration_seconds_count{outcome="rolled_back"}"#,
        "postgres_pool_wait_seconds_count",
    ];
    let mut looks = Looks::begin(&app).await;

    browser.post("/api/v1/auth/sign-out", &json!({})).await;
    let signed_out = looks.rise(names).await;
    run(&world, "ALTER TABLE outbox RENAME TO gone").await;
    Browser::new(&app).sign_in(ADA, "guessed").await;
    let failed = looks.rise(names).await;
    run(&world, "ALTER TABLE gone RENAME TO outbox").await;

    assert_eq!(signed_out, [1, 0, 1]);
    let [_, rolled_back, waited] = failed;
    assert!(rolled_back > 0 && waited >= rolled_back, "{failed:?}");
    let max = said(&looks.1, "postgres_pool_max_connections");
    let open = said(&looks.1, "postgres_pool_connections");
    assert!((1..=max).contains(&open), "{open} of {max}");
    app.end().await;
}

#[tokio::test]
async fn addresses_that_nobody_serves_add_no_series() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    app.get("/nowhere").await;
    app.get("/metrics").await;
    let before = series(&app.get("/metrics").await.body);

    for n in 0..20 {
        app.get(&format!("/nowhere/{n}")).await;
        let (path, method) = (format!("/no/{n}/where"), format!("M{n}"));
        send(app.address, "GET", &path, &[("host", "other")]).await;
        send(app.address, &method, "/nowhere", &[]).await;
    }

    let after = series(&app.get("/metrics").await.body);
    let new: Vec<_> = after.difference(&before).collect();
    let other = |name: &&&String| name.contains(r#"method="other""#);
    assert_eq!(new.iter().filter(|name| !other(name)).count(), 0, "{new:?}");
    assert!(new.iter().all(|name| !name.contains("M1")), "{new:?}");
    app.end().await;
}

#[tokio::test]
async fn with_everything_away_metrics_are_answered_all_the_same() {
    let (postgres, others) = (Gate::refusing().await, Gate::holding().await);
    let world = World::new().await.behind(&postgres, "POSTGRES");
    let world = ["REDIS", "RABBITMQ", "KAFKA"]
        .iter()
        .fold(world, |world, service| world.behind(&others, service));
    postgres.pass_to(world.address_of("POSTGRES"));
    let app = TestApp::start(&world).await;

    postgres.pass_to(None);
    app.clock.advance(TimeDelta::seconds(1));
    let asked = std::time::Instant::now();
    let answer = app.get("/metrics").await;

    assert_eq!(answer.status, 200);
    assert!(asked.elapsed().as_secs() < 5, "{:?}", asked.elapsed());
    for service in ["postgres", "redis", "rabbitmq", "kafka"] {
        let line = format!("dependency_up{{dependency=\"{service}\"}} 0\n");
        assert!(answer.body.contains(&line), "{}", answer.body);
    }
    app.end().await;
}

/// Prometheus sees a rise only between two samples: of a series that begins at 1 it misses the first, which may be the only one.
#[tokio::test]
async fn what_is_rare_is_there_before_it_happens() {
    let world = World::cached().await;
    let mut process = Process::only(&world, "http,relay,worker,consumers,schedule");
    let address = process.listening().await;

    let metrics = get(address, "/metrics").await.body;

    let rare = [
        r#"sign_ins_total{outcome="failed"}"#,
        r#"consumer_records_total{consumer="audit",outcome="failed"}"#,
        r#"consumer_records_total{consumer="feed",outcome="parked"}"#,
        r#"job_attempts_total{job="monthly_report",outcome="failed"}"#,
        r#"relayed_total{kind="event",outcome="refused"}"#,
        r#"schedule_fired_total{schedule="monthly_report"}"#,
        r#"mails_total{outcome="refused"}"#,
        r#"cache_requests_total{cache="sessions",outcome="error"}"#,
        "relay_producer_resets_total",
    ];
    let shown = series(&metrics);
    let missing: Vec<_> = rare.iter().filter(|name| !shown.contains(**name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// A process of all parts shows nothing that the document does not name, and counts the lines that it writes.
#[tokio::test]
async fn everything_that_is_shown_is_in_the_document() {
    let world = World::cached().await;
    let mut process = Process::only(&world, "http,relay,worker,consumers,schedule");
    let address = process.listening().await;
    let leading = async {
        loop {
            let metrics = get(address, "/metrics").await.body;
            let of_leaders = [
                "\noutbox_events ",
                "\njobs{",
                "\ndead_letters{",
                "\nconsumer_lag_",
            ];
            if of_leaders.iter().all(|name| metrics.contains(name)) {
                break metrics;
            }
        }
    };

    let metrics = soon("what only leaders tell", leading).await;

    let document = std::fs::read_to_string(DOCUMENT).expect("the document");
    let described = metrics.lines().filter_map(|line| {
        let (name, kind) = line.strip_prefix("# TYPE ")?.split_once(' ')?;
        Some(format!("| `{name}` | {kind} |"))
    });
    let missing: Vec<_> = described.filter(|row| !document.contains(row)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let lines = said(&metrics, r#"log_lines_total{level="info"}"#);
    assert!(lines > 0, "{metrics}");
}

fn series(metrics: &str) -> BTreeSet<String> {
    let lines = metrics.lines().filter(|line| !line.starts_with('#'));
    let names = lines.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned()));
    names.collect()
}
