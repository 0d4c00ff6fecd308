//! Pages of other sites: listed ones may use the interface with a token, others may not, and none with a cookie.

use serde_json::json;

use crate::harness::{Browser, Machine, PASSWORD, Program, Response, TestApp, World, register};

const ADA: &str = "ada@example.org";
const LISTED: &str = "https://app.example";
const UNLISTED: &str = "https://evil.example";
const SIGN_IN: &str = "/api/v1/auth/sign-in";

/// What a browser asks before it lets a page of another site send a request.
async fn preflight(app: &TestApp, origin: &str, method: &str, headers: &str) -> Response {
    let asked = [
        ("origin", origin),
        ("access-control-request-method", method),
        ("access-control-request-headers", headers),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "cors"),
    ];
    Browser::new(app).send("OPTIONS", SIGN_IN, &asked, "").await
}

/// Whether an answer has anything for a page of another site.
fn says_nothing(answer: &Response) -> bool {
    let start = "access-control-";
    [
        "allow-origin",
        "allow-credentials",
        "allow-methods",
        "allow-headers",
        "expose-headers",
    ]
    .iter()
    .all(|name| answer.header(&format!("{start}{name}")).is_none())
}

/// A page of another site in a browser.
fn page_of(app: &TestApp, origin: &str) -> Browser {
    Browser::new(app)
        .with("origin", origin)
        .with("sec-fetch-site", "cross-site")
}

#[tokio::test]
async fn a_page_of_a_listed_site_signs_in_as_a_program_and_uses_its_token() {
    let world = World::solo().await.with("CORS_ORIGINS", LISTED);
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    register(&world, &app, &mut machine, ADA).await;

    let asked = preflight(
        &app,
        LISTED,
        "POST",
        "authorization, content-type, idempotency-key",
    )
    .await;
    let body = json!({ "email": ADA, "password": PASSWORD, "kind": "client" });
    let signed_in = page_of(&app, LISTED).post(SIGN_IN, &body).await;
    let token = signed_in.json()["tokens"]["access_token"]
        .as_str()
        .expect("a token")
        .to_owned();
    let mut page = page_of(&app, LISTED).with("authorization", &format!("Bearer {token}"));
    let read = page.get("/api/v1/sessions").await;
    let changed = page.post("/api/v1/auth/sign-out", &json!({})).await;

    assert_eq!(asked.status, 200, "{asked:?}");
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        let allowed = asked
            .header("access-control-allow-methods")
            .expect("methods");
        assert!(allowed.contains(method), "{allowed}");
    }
    for answer in [&asked, &signed_in, &read, &changed] {
        assert_eq!(
            answer.header("access-control-allow-origin"),
            Some(LISTED),
            "{answer:?}"
        );
        assert_eq!(answer.header("access-control-allow-credentials"), None);
        assert!(
            answer
                .headers("vary")
                .join(", ")
                .to_lowercase()
                .contains("origin")
        );
    }
    let exposed = read
        .header("access-control-expose-headers")
        .expect("headers");
    assert!(
        exposed.contains("etag") && exposed.contains("retry-after"),
        "{exposed}"
    );
    assert_eq!(
        (signed_in.status, read.status, changed.status),
        (200, 200, 204)
    );
    app.end().await;
}

#[tokio::test]
async fn an_error_can_be_read_by_a_listed_site_too() {
    let world = World::solo().await.with("CORS_ORIGINS", LISTED);
    let app = TestApp::start(&world).await;

    let answer = page_of(&app, LISTED).get("/api/v1/sessions").await;

    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("access-control-allow-origin"), Some(LISTED));
    app.end().await;
}

#[tokio::test]
async fn a_page_of_another_site_reads_and_changes_nothing() {
    for listed in ["", LISTED] {
        let world = World::solo().await.with("CORS_ORIGINS", listed);
        let app = TestApp::start(&world).await;
        let mut machine = Machine::new(&world, &app).await;
        register(&world, &app, &mut machine, ADA).await;
        let program = Program::sign_in(&app, ADA).await;
        let bearer = format!("Bearer {}", program.access);

        for origin in [
            UNLISTED,
            "null",
            "https://app.example.evil.example",
            "http://app.example",
        ] {
            let asked = preflight(&app, origin, "POST", "authorization").await;
            let mut page = page_of(&app, origin).with("authorization", &bearer);
            let read = page.get("/api/v1/sessions").await;
            let changed = page.post("/api/v1/auth/sign-out", &json!({})).await;

            assert!(says_nothing(&asked), "{origin}: {asked:?}");
            assert!(says_nothing(&read), "{origin}: {read:?}");
            assert!(says_nothing(&changed), "{origin}: {changed:?}");
            let varies = read.headers("vary").join(", ").contains("Origin");
            assert_eq!(
                varies,
                !listed.is_empty(),
                "caches are told where it matters"
            );
            assert_eq!(
                (changed.status, changed.problem()),
                (403, "cross_site".to_owned())
            );
        }
        assert!(program.is_known().await);
        app.end().await;
    }
}

#[tokio::test]
async fn what_is_not_listed_may_not_be_sent_by_a_listed_site() {
    let world = World::solo().await.with("CORS_ORIGINS", LISTED);
    let app = TestApp::start(&world).await;

    for (method, headers) in [("TRACE", "authorization"), ("POST", "x-user-id")] {
        let asked = preflight(&app, LISTED, method, headers).await;
        assert_eq!(asked.status, 400, "{asked:?}");
    }
    app.end().await;
}
