//! What every answer shares: problems, request ids, metrics, and the page.

use crate::harness::{TestApp, World, send};

#[tokio::test]
async fn the_page_runs_no_script_and_forbids_it() {
    let world = World::new().await;
    let app = TestApp::start(&world).await;

    let page = app.get("/").await;

    assert_eq!(page.status, 200);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'self';"));
    assert!(page.body.contains("Blazing Sun") && page.body.contains(env!("CARGO_PKG_VERSION")));
    assert!(!page.body.contains("<script") && !page.body.contains("style="));
    assert_eq!(app.get("/assets/site.css").await.status, 200);
    app.end().await;
}

#[tokio::test]
async fn an_unknown_address_is_a_problem() {
    let world = World::new().await;
    let app = TestApp::start(&world).await;

    let answer = app.get("/nowhere").await;

    assert_eq!(answer.status, 404);
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(
        answer.body,
        r#"{"type":"/problems/not_found","title":"Not Found","status":404}"#
    );
    app.end().await;
}

#[tokio::test]
async fn a_wrong_method_is_a_problem_that_names_the_right_ones() {
    let world = World::new().await;
    let app = TestApp::start(&world).await;

    let answer = send(app.address, "POST", "/health", &[]).await;

    assert_eq!(answer.status, 405);
    assert_eq!(answer.header("allow"), Some("GET, HEAD"));
    assert_eq!(answer.json()["type"], "/problems/method_not_allowed");
    app.end().await;
}

#[tokio::test]
async fn a_body_beyond_the_bound_is_refused_unread() {
    let world = World::new().await.with("HTTP_MAX_BODY_BYTES", 10);
    let app = TestApp::start(&world).await;

    let answer = send(app.address, "POST", "/", &[("content-length", "11")]).await;

    assert_eq!(answer.status, 413);
    assert_eq!(answer.json()["type"], "/problems/payload_too_large");
    app.end().await;
}

#[tokio::test]
async fn a_sane_request_id_comes_back_and_another_is_replaced() {
    let world = World::new().await;
    let app = TestApp::start(&world).await;

    let sane = send(app.address, "GET", "/", &[("x-request-id", "order-66_a.B")]).await;
    let insane = send(app.address, "GET", "/", &[("x-request-id", "a b")]).await;
    let error = send(app.address, "POST", "/", &[("content-length", "99999999")]).await;

    assert_eq!(sane.header("x-request-id"), Some("order-66_a.B"));
    for answer in [insane, error] {
        assert_eq!(answer.header("x-request-id").map(str::len), Some(36));
    }
    app.end().await;
}

#[tokio::test]
async fn metrics_have_route_patterns_and_no_label_a_client_could_invent() {
    let world = World::new().await;
    let app = TestApp::start(&world).await;
    for path in ["/a", "/b?c=d", "/health/live/../../e"] {
        app.get(path).await;
    }
    send(app.address, "BREW", "/", &[]).await;
    app.get("/health/live").await;

    let metrics = app.get("/metrics").await;

    assert_eq!(metrics.status, 200);
    let series = |start: &str| {
        metrics
            .body
            .lines()
            .filter(|line| line.starts_with(start))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        series("http_requests_total"),
        [
            r#"http_requests_total{method="GET",route="/health/live",status="200"} 1"#,
            r#"http_requests_total{method="GET",route="unmatched",status="404"} 3"#,
            r#"http_requests_total{method="other",route="/",status="405"} 1"#,
        ]
    );
    assert_eq!(series("dependency_up").len(), 4);
    assert_eq!(
        series("http_requests_in_flight"),
        ["http_requests_in_flight 1"]
    );
    for name in [
        "http_request_duration_seconds_bucket",
        "process_resident_memory_bytes",
        "process_cpu_seconds_total",
        "postgres_pool_connections",
        "postgres_pool_idle_connections",
        "build_info{version=",
    ] {
        assert!(!series(name).is_empty(), "{name} is missing");
    }
    app.end().await;
}
