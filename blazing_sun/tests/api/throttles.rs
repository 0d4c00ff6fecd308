//! How often somebody may try, with and without Redis, and whom a try counts for.

use chrono::TimeDelta;
use serde_json::json;

use crate::harness::{Browser, Gate, Response, TestApp, World};

const ADA: &str = "ada@example.org";

async fn guess(browser: &mut Browser, email: &str) -> Response {
    browser.sign_in(email, "another horse").await
}

/// So many tries, none of which is one too many.
async fn guess_often(app: &TestApp, email: &str, times: usize) {
    for _ in 0..times {
        let answer = guess(&mut Browser::new(app), email).await;
        assert_eq!(answer.status, 401, "{answer:?}");
    }
}

fn refusal(answer: &Response) -> (u16, Option<&str>) {
    (answer.status, answer.header("retry-after"))
}

#[tokio::test]
async fn tries_are_counted_for_all_processes_together() {
    let world = World::cached().await;
    let (one, other) = (TestApp::start(&world).await, TestApp::start(&world).await);

    guess_often(&one, ADA, 5).await;
    guess_often(&other, ADA, 5).await;
    for app in [&one, &other] {
        let refused = guess(&mut Browser::new(app), ADA).await;
        assert_eq!(refusal(&refused), (429, Some("60")));
        assert_eq!(refused.problem(), "too_many_requests");
    }
    guess_often(&other, "bob@example.org", 1).await;
    for app in [&one, &other] {
        app.clock.advance(TimeDelta::seconds(60));
    }
    guess_often(&one, ADA, 1).await;
    let refused = guess(&mut Browser::new(&other), ADA).await;

    assert_eq!(refusal(&refused), (429, Some("60")));
    one.end().await;
    other.end().await;
}

#[tokio::test]
async fn while_redis_is_away_each_process_counts_by_itself() {
    let gate = Gate::refusing().await;
    let world = World::cached().await.behind(&gate, "REDIS");
    let (one, other) = (TestApp::start(&world).await, TestApp::start(&world).await);

    guess_often(&one, ADA, 10).await;
    let refused = guess(&mut Browser::new(&one), ADA).await;
    guess_often(&other, ADA, 10).await;

    assert_eq!(refusal(&refused), (429, Some("60")));
    one.end().await;
    other.end().await;
}

#[tokio::test]
async fn tries_from_one_address_are_counted_whatever_account_they_are_for() {
    let world = World::solo().await.with("TRUSTED_PROXIES", "127.0.0.1/32");
    let app = TestApp::start(&world).await;
    let from = |address: &str| Browser::new(&app).with("x-real-ip", address);

    // One subscriber has many addresses.
    for number in 0..30 {
        let elsewhere = format!("203.0.113.{number}");
        let mut guesser = from(&format!("2001:db8:1:2::{number}"))
            .with("x-forwarded-for", &elsewhere)
            .with("forwarded", &format!("for={elsewhere}"));
        let answer = guess(&mut guesser, &format!("{number}@example.org")).await;
        assert_eq!(answer.status, 401, "{answer:?}");
    }
    let refused = guess(&mut from("2001:db8:1:2:3::4"), ADA).await;
    let neighbour = guess(&mut from("2001:db8:1:3::1"), ADA).await;
    app.clock.advance(TimeDelta::seconds(2));
    let later = guess(&mut from("2001:db8:1:2::1"), ADA).await;

    assert_eq!(refusal(&refused), (429, Some("2")));
    assert_eq!((neighbour.status, later.status), (401, 401));
    app.end().await;
}

#[tokio::test]
async fn who_is_no_proxy_cannot_speak_for_many_addresses() {
    let world = World::solo().await.with("TRUSTED_PROXIES", "192.0.2.1/32");
    let app = TestApp::start(&world).await;

    let mut statuses = Vec::new();
    for number in 0..31 {
        let address = format!("203.0.113.{number}");
        let mut guesser = Browser::new(&app);
        for name in ["x-real-ip", "x-forwarded-for", "forwarded", "x-client-ip"] {
            guesser = guesser.with(name, &address);
        }
        let answer = guess(&mut guesser, &format!("{number}@example.org")).await;
        statuses.push(answer.status);
    }

    assert_eq!((statuses[29], statuses[30]), (401, 429));
    app.end().await;
}

#[tokio::test]
async fn challenges_are_tried_so_often_from_one_address() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let body = json!({ "challenge": "guess", "code": "123456" });
    let path = "/api/v1/auth/second-factor";

    for _ in 0..30 {
        assert_eq!(Browser::new(&app).post(path, &body).await.status, 401);
    }
    let refused = Browser::new(&app).post(path, &body).await;

    assert_eq!(refusal(&refused), (429, Some("2")));
    app.end().await;
}
