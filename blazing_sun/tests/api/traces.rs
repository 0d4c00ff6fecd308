//! Traces: what one request sets off, in all processes, is one tree; and it holds no secret.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;

use crate::harness::{
    Collector, Gate, PASSWORD, PostOffice, Process, Response, Span, World, get, send, send_with,
    token,
};

const ADA: &str = "ada.lovelace@example.org";
const SIGN_UP: &str = "POST /api/v1/auth/sign-up";
const GIVEN: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// The kinds of spans, as the protocol numbers them.
const KINDS: [&str; 6] = [
    "none", "internal", "server", "client", "producer", "consumer",
];

/// Everything that was committed has had its effect.
const OPEN: &str = "SELECT (SELECT count(*) FROM outbox)
                         + (SELECT count(*) FROM jobs WHERE state <> 'done')
                         + (SELECT count(*) FROM event_log WHERE id NOT IN (SELECT event_id FROM inbox WHERE consumer = 'audit'))";

async fn sign_up(address: SocketAddr, email: &str, headers: &[(&str, &str)]) -> Response {
    let body = json!({ "email": email, "password": PASSWORD }).to_string();
    let length = body.len().to_string();
    let own = [
        ("content-type", "application/json"),
        ("content-length", length.as_str()),
    ];
    let answer = send_with(
        address,
        "POST",
        "/api/v1/auth/sign-up",
        &[headers, &own].concat(),
        &body,
    )
    .await;
    assert_eq!(answer.status, 202, "{answer:?}");
    answer
}

async fn ended(process: Process) {
    process.signal("TERM").await;
    assert_eq!(process.ended().await.code(), Some(0));
}

/// Spans below one, and those below them, in an order that does not depend on which of them came first.
fn tree(spans: &[Span], parent: &str, roles: &BTreeMap<String, &str>) -> String {
    let below = spans.iter().filter(|span| span.parent == parent);
    let branches = below.map(|span| {
        let role = roles[&span.resource["service.instance.id"]];
        let who = [
            "messaging.consumer.group.name",
            "job.name",
            "db.transaction.outcome",
        ];
        let who = who.iter().find_map(|name| span.attributes.get(*name));
        let who = who.map(|who| format!(" ({who})")).unwrap_or_default();
        let kind = KINDS[usize::try_from(span.kind).expect("a kind")];
        let below = tree(spans, &span.id, roles);
        let branch = format!("{role}: {}{who}, {kind}\n{below}", span.name);
        let lines = branch.lines().map(|line| format!("  {line}\n"));
        lines.collect::<String>()
    });
    // A consumer's and a statement's turn comes when it comes.
    let mut branches: Vec<String> = branches.collect();
    branches.sort();
    branches.concat()
}

#[tokio::test]
async fn a_sign_up_is_one_tree_from_the_request_to_the_mail() {
    let (collector, post) = (Collector::start(), PostOffice::start().await);
    let world = World::with_brokers()
        .await
        .with("OTEL_EXPORTER_OTLP_ENDPOINT", collector.address())
        .with("MAIL_MAILER", "smtp")
        .with("MAIL_HOST", "127.0.0.1")
        .with("MAIL_PORT", post.port())
        .with("MAIL_ENCRYPTION", "none");
    let mut front = Process::only(&world, "http");
    let address = front.listening().await;
    let mut back = Process::only(&world, "relay,worker,consumers");
    back.listening().await;

    let answer = sign_up(address, ADA, &[]).await;
    let secret = "a-token-in-an-address";
    get(address, &format!("/activate?token={secret}")).await;
    get(address, &format!("/nowhere/{secret}")).await;
    world.until(OPEN, 0).await;
    // That of the feed, which PostgreSQL does not know of, and that of the audit log.
    collector.until("process user.events", 2).await;
    ended(front).await;
    ended(back).await;

    let spans = collector.spans();
    let root = spans
        .iter()
        .find(|span| span.name == SIGN_UP)
        .expect("a root");
    assert_eq!(root.parent, "");
    assert_eq!(
        root.attributes["request.id"],
        answer.header("x-request-id").expect("an id")
    );
    assert_eq!(root.attributes["http.response.status_code"], "202");
    let trace: Vec<Span> = spans
        .iter()
        .filter(|span| span.trace == root.trace)
        .cloned()
        .collect();
    let front = &root.resource["service.instance.id"];
    let roles = trace.iter().map(|span| {
        let instance = &span.resource["service.instance.id"];
        (
            instance.clone(),
            if instance == front { "front" } else { "back" },
        )
    });
    let tree = tree(&trace, "", &roles.collect());
    assert_eq!(tree, include_str!("traces/sign_up.txt"), "{tree}");
    assert_eq!(trace.iter().filter(|span| span.failed).count(), 0);
    // Nothing hangs loose.
    let ids: BTreeSet<&str> = spans.iter().map(|span| span.id.as_str()).collect();
    assert_eq!(ids.len(), spans.len());
    for span in &spans {
        assert!(
            span.parent.is_empty() || ids.contains(span.parent.as_str()),
            "{span:?}"
        );
        assert_eq!(span.resource["service.name"], "blazing_sun");
    }

    let [letter] = &post.letters()[..] else {
        panic!("one letter");
    };
    let told = format!("{spans:?}");
    assert!(
        told.contains("INSERT INTO users"),
        "the search sees what statements say"
    );
    for secret in [ADA, "lovelace", PASSWORD, &token(letter), secret, "?token"] {
        assert!(!told.contains(secret), "{secret}");
    }
    collector.end().await;
}

#[tokio::test]
async fn a_trace_that_a_client_has_begun_goes_on() {
    let collector = Collector::start();
    let world = World::solo()
        .await
        .with("OTEL_EXPORTER_OTLP_ENDPOINT", collector.address())
        // It is the client's to decide.
        .with("TRACE_SAMPLE_RATIO", 0);
    let mut process = Process::run(&world);
    let address = process.listening().await;

    let sampled = format!("00-{GIVEN}-00f067aa0ba902b7-01");
    sign_up(address, ADA, &[("traceparent", &sampled)]).await;
    let line = process.logged("request").await;
    let unsampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    sign_up(address, "b@example.org", &[("traceparent", unsampled)]).await;
    let unsampled_line = process.logged("request").await;
    send(address, "GET", "/", &[("traceparent", "nonsense")]).await;
    ended(process).await;

    assert_eq!(line["trace_id"], GIVEN);
    assert_eq!(
        unsampled_line["trace_id"],
        "0af7651916cd43dd8448eb211c80319c"
    );
    let spans = collector.spans();
    let traces: BTreeSet<&str> = spans.iter().map(|span| span.trace.as_str()).collect();
    assert_eq!(traces, BTreeSet::from([GIVEN]));
    let root = spans
        .iter()
        .find(|span| span.name == SIGN_UP)
        .expect("a root");
    assert_eq!(root.parent, "00f067aa0ba902b7");
    let pool = world.pool();
    let traceparents: Vec<Option<String>> =
        sqlx::query_scalar("SELECT traceparent FROM jobs ORDER BY created_at, id")
            .fetch_all(&pool)
            .await
            .expect("jobs");
    let [of_ada, of_b] = &traceparents[..] else {
        panic!("two jobs: {traceparents:?}");
    };
    let created = spans.iter().find(|span| span.name == "create jobs");
    let created = &created.expect("a job").id;
    assert_eq!(
        of_ada.as_deref(),
        Some(format!("00-{GIVEN}-{created}-01").as_str())
    );
    let of_b = of_b.as_deref().expect("a trace all the same");
    assert!(
        of_b.starts_with("00-0af7651916cd43dd8448eb211c80319c-") && of_b.ends_with("-00"),
        "{of_b}"
    );
    collector.end().await;
}

#[tokio::test]
async fn without_an_address_nothing_is_exported_and_the_lines_have_their_trace_all_the_same() {
    let collector = Collector::start();
    let worlds = [
        World::solo().await,
        World::solo()
            .await
            .with("OTEL_EXPORTER_OTLP_ENDPOINT", collector.address())
            .with("TRACE_SAMPLE_RATIO", 0),
    ];
    for world in &worlds {
        let mut process = Process::only(world, "http,relay,worker,consumers");
        let address = process.listening().await;
        sign_up(address, ADA, &[]).await;
        let line = process.logged("request").await;
        world.until(OPEN, 0).await;
        ended(process).await;

        let trace = line["trace_id"].as_str().expect("a trace");
        let pool = world.pool();
        let job: String =
            sqlx::query_scalar("SELECT traceparent FROM jobs WHERE name = 'send_email'")
                .fetch_one(&pool)
                .await
                .expect("a job");
        assert!(
            job.starts_with(&format!("00-{trace}-")) && job.ends_with("-00"),
            "{job}"
        );
        let event: String = sqlx::query_scalar(
            "SELECT body::jsonb ->> 'traceparent' FROM event_log WHERE type = 'user.created.v1'",
        )
        .fetch_one(&pool)
        .await
        .expect("an event");
        assert!(event.starts_with(&format!("00-{trace}-")), "{event}");
    }
    assert_eq!(collector.spans().len(), 0);
    collector.end().await;
}

#[tokio::test]
async fn a_dead_collector_neither_slows_nor_stops_anything() {
    // One that takes connections and never answers, and one that takes none.
    let (silent, refusing) = (Gate::holding().await, Gate::refusing().await);
    for gate in [&silent, &refusing] {
        let address = format!("http://127.0.0.1:{}", gate.port());
        let world = World::solo()
            .await
            .with("OTEL_EXPORTER_OTLP_ENDPOINT", address);
        let mut process = Process::run(&world);
        let address = process.listening().await;

        // More spans than may wait for a collector.
        let mut longest = Duration::ZERO;
        for _ in 0..90 {
            let requests = (0..100).map(|_| async {
                let begun = Instant::now();
                assert_eq!(get(address, "/nowhere").await.status, 404);
                begun.elapsed()
            });
            let took = join_all(requests).await.into_iter().max();
            longest = longest.max(took.expect("requests"));
        }
        assert!(gate.connections() > 0, "nobody was asked");
        process
            .logged("the collector takes no traces; until it does, they are lost")
            .await;
        let ending = Instant::now();
        ended(process).await;

        // So long the exporter waits for an answer: nobody else does.
        assert!(longest < Duration::from_secs(3), "{longest:?}");
        assert!(
            ending.elapsed() < Duration::from_secs(10),
            "{:?}",
            ending.elapsed()
        );
    }
}
