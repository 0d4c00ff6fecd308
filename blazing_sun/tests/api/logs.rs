//! Lines of the log: whatever is said while a request, a job or an event is worked on names the request and its trace.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::harness::{PASSWORD, Process, World, get, send_with};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const ID: &str = "the-request-7";

/// Everything that was committed has had its effect.
const OPEN: &str = "SELECT (SELECT count(*) FROM outbox)
                         + (SELECT count(*) FROM jobs WHERE state <> 'done')
                         + (SELECT count(*) FROM event_log WHERE id NOT IN (SELECT event_id FROM inbox WHERE consumer = 'audit'))";

/// A world whose statements are logged, so that each piece of work has lines, by a library at that.
async fn talkative() -> World {
    World::with_brokers()
        .await
        .with("RUST_LOG", "warn,blazing_sun=info,sqlx::query=debug")
}

/// Signs up in one process, has another do the rest, and returns what both have logged, a line each.
async fn sign_up(world: &World) -> [Vec<String>; 2] {
    let mut front = Process::only(world, "http");
    let line = plain(&front.line_with("listening").await);
    let (_, address) = line.split_once("127.0.0.1:").expect("an address");
    let digits: String = address.chars().take_while(char::is_ascii_digit).collect();
    let address = SocketAddr::from(([127, 0, 0, 1], digits.parse().expect("a port")));
    let mut back = Process::only(world, "relay,worker,consumers");
    back.line_with("listening").await;
    let body = json!({ "email": "ada@example.org", "password": PASSWORD }).to_string();
    let length = body.len().to_string();
    let traceparent = format!("00-{TRACE}-00f067aa0ba902b7-00");
    let headers = [
        ("content-type", "application/json"),
        ("content-length", length.as_str()),
        ("x-request-id", ID),
        ("traceparent", traceparent.as_str()),
    ];
    let answer = send_with(address, "POST", "/api/v1/auth/sign-up", &headers, &body).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    world.until(OPEN, 0).await;
    get(address, "/").await;
    let mut lines = [Vec::new(), Vec::new()];
    for (process, lines) in [front, back].into_iter().zip(&mut lines) {
        process.signal("TERM").await;
        *lines = process.all_lines().await;
    }
    lines
}

/// What tells a statement of the work from those that nobody's request asked for.
const OF_FRONT: [&str; 4] = [
    "INSERT INTO users",
    "INSERT INTO outbox",
    "INSERT INTO jobs",
    "INSERT INTO user_tokens",
];
const OF_BACK: [&str; 2] = ["INSERT INTO audit_log", "UPDATE jobs SET state = 'done'"];

#[tokio::test]
async fn each_line_for_machines_names_the_request_and_its_trace() {
    let world = talkative().await;

    let [front, back] = sign_up(&world).await;

    let read = |lines: &[String]| -> Vec<Value> {
        let lines = lines
            .iter()
            .map(|line| serde_json::from_str(line).expect("a line of JSON"));
        lines.collect()
    };
    let (front, back) = (read(&front), read(&back));
    for (lines, statements) in [(&front, &OF_FRONT[..]), (&back, &OF_BACK[..])] {
        for statement in statements {
            let mut said = lines
                .iter()
                .filter(|line| line.to_string().contains(statement));
            let line = said.next().expect(statement);
            assert_eq!(line["target"], "sqlx::query");
            assert_eq!(
                (&line["request_id"], &line["trace_id"]),
                (&json!(ID), &json!(TRACE)),
                "{line}"
            );
        }
    }
    let answered = front
        .iter()
        .find(|line| line["message"] == "request")
        .expect("its own line");
    assert_eq!(
        (&answered["request_id"], &answered["trace_id"]),
        (&json!(ID), &json!(TRACE))
    );
    assert_eq!(answered["level"], "INFO");
    assert_eq!(answered["http.route"], "/api/v1/auth/sign-up");
    // And no other line does.
    let last = front.last().expect("an end");
    assert_eq!(last["message"], "ended");
    assert!(last.get("request_id").is_none() && last.get("trace_id").is_none());
    let other = front
        .iter()
        .rfind(|line| line["message"] == "request")
        .expect("another request");
    assert_ne!(other["request_id"], ID);
    assert_ne!(other["trace_id"], TRACE);
}

#[tokio::test]
async fn each_line_for_people_names_the_request_and_its_trace() {
    let world = talkative().await.with("LOG_FORMAT", "pretty");

    let [front, back] = sign_up(&world).await;

    for (lines, statements) in [(&front, &OF_FRONT[..]), (&back, &OF_BACK[..])] {
        for statement in statements {
            let mut said = lines
                .iter()
                .map(|line| plain(line))
                .filter(|line| line.contains(statement));
            let line = said.next().expect(statement);
            let ids = format!("work{{request_id=\"{ID}\" trace_id={TRACE}}}");
            assert!(
                line.contains(&ids) && line.contains("sqlx::query"),
                "{line}"
            );
        }
    }
}

/// A line without its colours.
fn plain(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + part.split_once('m').map_or("", |(_, rest)| rest)
    })
}
