//! Who may do what, operation by operation and page by page: nothing is open by oversight.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::harness::{
    Browser, Machine, PASSWORD, Passkey, Program, Response, TestApp, World, admin, member,
};
use crate::openapi::{filled, operations, sources};

const ADA: &str = "ada@example.org";
const BOB: &str = "bob@example.org";

/// What each operation asks of whoever calls it; `confirmed` is a session with a fresh confirmation.
const RULES: [(&str, &str); 126] = [
    ("GET /.well-known/jwks.json", "everybody"),
    ("POST /api/v1/auth/activate", "everybody"),
    ("POST /api/v1/auth/forgot", "everybody"),
    ("POST /api/v1/auth/invitation", "everybody"),
    ("POST /api/v1/auth/refresh", "everybody"),
    ("POST /api/v1/auth/resend", "everybody"),
    ("POST /api/v1/auth/reset", "everybody"),
    ("POST /api/v1/auth/second-factor", "everybody"),
    ("POST /api/v1/auth/second-factor/passkey", "everybody"),
    ("POST /api/v1/auth/sign-in", "everybody"),
    ("POST /api/v1/auth/sign-up", "everybody"),
    ("POST /api/v1/profile/email/confirm", "everybody"),
    ("GET /api/v1/profile", "session or token"),
    ("PATCH /api/v1/profile", "session or token"),
    ("GET /api/v1/book", "session or token"),
    ("PATCH /api/v1/book", "session or token"),
    ("POST /api/v1/budgets", "session or token"),
    (
        "DELETE /api/v1/budgets/{month}/{category_id}",
        "session or token",
    ),
    (
        "GET /api/v1/budgets/{month}/{category_id}",
        "session or token",
    ),
    (
        "PUT /api/v1/budgets/{month}/{category_id}",
        "session or token",
    ),
    ("GET /api/v1/categories", "session or token"),
    ("POST /api/v1/categories", "session or token"),
    ("DELETE /api/v1/categories/{id}", "session or token"),
    ("GET /api/v1/categories/{id}", "session or token"),
    ("PATCH /api/v1/categories/{id}", "session or token"),
    ("DELETE /api/v1/categories/{id}/merge", "session or token"),
    ("PUT /api/v1/categories/{id}/merge", "session or token"),
    ("GET /api/v1/forecast", "session or token"),
    ("GET /api/v1/net-worth", "session or token"),
    ("GET /api/v1/payees", "session or token"),
    ("DELETE /api/v1/payees/{id}", "session or token"),
    ("GET /api/v1/payees/{id}", "session or token"),
    ("PATCH /api/v1/payees/{id}", "session or token"),
    ("POST /api/v1/payees/{id}/merge", "session or token"),
    ("GET /api/v1/rates", "session or token"),
    ("POST /api/v1/rates", "session or token"),
    ("DELETE /api/v1/rates/{id}", "session or token"),
    ("GET /api/v1/rates/{id}", "session or token"),
    ("PUT /api/v1/rates/{id}", "session or token"),
    ("GET /api/v1/recurring", "session or token"),
    ("POST /api/v1/recurring", "session or token"),
    ("DELETE /api/v1/recurring/{id}", "session or token"),
    ("GET /api/v1/recurring/{id}", "session or token"),
    ("PATCH /api/v1/recurring/{id}", "session or token"),
    ("PUT /api/v1/recurring/{id}", "session or token"),
    ("GET /api/v1/recurring/{id}/occurrences", "session or token"),
    (
        "DELETE /api/v1/recurring/{id}/skips/{date}",
        "session or token",
    ),
    (
        "PUT /api/v1/recurring/{id}/skips/{date}",
        "session or token",
    ),
    ("GET /api/v1/reports/budget", "session or token"),
    ("GET /api/v1/reports/cash-flow", "session or token"),
    ("GET /api/v1/reports/month", "session or token"),
    ("GET /api/v1/reports/net-worth", "session or token"),
    ("GET /api/v1/rules", "session or token"),
    ("POST /api/v1/rules", "session or token"),
    ("DELETE /api/v1/rules/{id}", "session or token"),
    ("GET /api/v1/rules/{id}", "session or token"),
    ("PUT /api/v1/rules/{id}", "session or token"),
    ("POST /api/v1/rules/{id}/apply", "session or token"),
    ("POST /api/v1/rules/{id}/preview", "session or token"),
    ("GET /api/v1/suggestions", "session or token"),
    ("GET /api/v1/tags", "session or token"),
    ("DELETE /api/v1/tags/{id}", "session or token"),
    ("GET /api/v1/tags/{id}", "session or token"),
    ("PATCH /api/v1/tags/{id}", "session or token"),
    ("GET /api/v1/transactions", "session or token"),
    ("POST /api/v1/transactions", "session or token"),
    ("POST /api/v1/transactions/bulk", "session or token"),
    ("DELETE /api/v1/transactions/{id}", "session or token"),
    ("GET /api/v1/transactions/{id}", "session or token"),
    ("PUT /api/v1/transactions/{id}", "session or token"),
    ("POST /api/v1/transactions/{id}/restore", "session or token"),
    ("GET /api/v1/trash", "session or token"),
    ("DELETE /api/v1/trash/{id}", "session or token"),
    ("GET /api/v1/wallets", "session or token"),
    ("POST /api/v1/wallets", "session or token"),
    ("DELETE /api/v1/wallets/{id}", "session or token"),
    ("GET /api/v1/wallets/{id}", "session or token"),
    ("PATCH /api/v1/wallets/{id}", "session or token"),
    ("POST /api/v1/wallets/{id}/adjustments", "session or token"),
    ("GET /api/v1/wallets/{id}/checks", "session or token"),
    ("POST /api/v1/wallets/{id}/checks", "session or token"),
    (
        "DELETE /api/v1/wallets/{id}/checks/{check_id}",
        "session or token",
    ),
    (
        "GET /api/v1/wallets/{id}/checks/{check_id}",
        "session or token",
    ),
    ("POST /api/v1/auth/confirm", "session"),
    ("POST /api/v1/auth/confirm/passkey", "session"),
    ("POST /api/v1/auth/password", "session"),
    ("POST /api/v1/auth/sign-out", "session"),
    ("GET /api/v1/auth/validate", "session"),
    ("GET /api/v1/feed", "session"),
    ("GET /api/v1/feed/stream", "session"),
    ("DELETE /api/v1/profile/deletion", "session"),
    ("DELETE /api/v1/profile/email", "session"),
    ("GET /api/v1/profile/email", "session"),
    ("GET /api/v1/profile/exports", "session"),
    ("GET /api/v1/profile/exports/{id}", "session"),
    ("GET /api/v1/second-factor", "session"),
    ("GET /api/v1/sessions", "session"),
    ("GET /api/v1/tokens", "session"),
    ("DELETE /api/v1/tokens/{id}", "session"),
    ("POST /api/v1/auth/sign-out-everywhere", "confirmed"),
    ("POST /api/v1/profile/deletion", "confirmed"),
    ("POST /api/v1/profile/email", "confirmed"),
    ("POST /api/v1/profile/exports", "confirmed"),
    ("GET /api/v1/profile/exports/{id}/download", "confirmed"),
    ("DELETE /api/v1/second-factor/authenticator", "confirmed"),
    ("POST /api/v1/second-factor/authenticator", "confirmed"),
    (
        "POST /api/v1/second-factor/authenticator/confirm",
        "confirmed",
    ),
    ("POST /api/v1/second-factor/passkeys", "confirmed"),
    ("POST /api/v1/second-factor/passkeys/begin", "confirmed"),
    ("DELETE /api/v1/second-factor/passkeys/{id}", "confirmed"),
    ("POST /api/v1/second-factor/recovery-codes", "confirmed"),
    ("DELETE /api/v1/sessions/{id}", "confirmed"),
    ("POST /api/v1/tokens", "confirmed"),
    ("GET /api/v1/admin/log-levels", "admin"),
    ("DELETE /api/v1/admin/log-levels/{module}", "admin"),
    ("PUT /api/v1/admin/log-levels/{module}", "admin"),
    ("GET /api/v1/invitations", "admin"),
    ("GET /api/v1/invitations/{batch}", "admin"),
    ("DELETE /api/v1/invitations/{batch}/rows/{id}", "admin"),
    ("GET /api/v1/users", "admin"),
    ("GET /api/v1/users/{id}", "admin"),
    ("DELETE /api/v1/users/{id}/sessions", "admin"),
    ("POST /api/v1/invitations", "confirmed admin"),
    ("POST /api/v1/users/end-all-sessions", "confirmed admin"),
    ("DELETE /api/v1/users/{id}/second-factor", "confirmed admin"),
    ("PUT /api/v1/users/{id}/role", "confirmed admin"),
];

/// A body that can be read, whatever it says: each field that has to be there, with a value of its kind.
fn sample(document: &Value, schema: &Value) -> Value {
    if let Some(path) = schema["$ref"].as_str() {
        let name = path.rsplit('/').next().expect("a name");
        return sample(document, &document["components"]["schemas"][name]);
    }
    if let Some(values) = schema["enum"].as_array() {
        return values[0].clone();
    }
    for several in ["oneOf", "anyOf", "allOf"] {
        if let Some(choices) = schema[several].as_array() {
            return sample(document, choices.last().expect("a choice"));
        }
    }
    let kind = schema["type"].as_str().unwrap_or("object");
    match (kind, schema["format"].as_str()) {
        ("array", _) => json!([]),
        ("integer" | "number", _) => json!(1),
        ("boolean", _) => json!(false),
        ("string", Some("uuid")) => json!(uuid::Uuid::nil()),
        ("string", _) => json!("x"),
        _ => {
            let names = schema["required"].as_array().cloned().unwrap_or_default();
            let fields = names.iter().map(|name| {
                let name = name.as_str().expect("a name");
                (
                    name.to_owned(),
                    sample(document, &schema["properties"][name]),
                )
            });
            Value::Object(fields.collect())
        }
    }
}

/// The operations of the interface: method, path, and a body if it takes one of JSON.
async fn requests(app: &TestApp) -> Vec<(String, String, Option<Value>)> {
    let document = app.get("/api/v1/openapi.json").await.json();
    let body = |operation: &Value| {
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        (!schema.is_null()).then(|| sample(&document, schema))
    };
    let all = operations(app).await.into_iter();
    all.map(|(method, path, operation)| (method, path, body(&operation)))
        .collect()
}

async fn send(browser: &mut Browser, request: &(String, String, Option<Value>)) -> Response {
    let (method, path, body) = request;
    let body = body.as_ref().map(Value::to_string).unwrap_or_default();
    // No place in a feed: a stream that was granted would have no end.
    let headers = [
        ("content-type", "application/json"),
        ("if-match", "*"),
        ("last-event-id", "x"),
    ];
    browser.send(method, &filled(path), &headers, &body).await
}

/// So many browsers in which somebody has signed in.
async fn browsers(app: &TestApp, email: &str, number: usize) -> Vec<Browser> {
    let mut all = Vec::new();
    for _ in 0..number {
        let mut browser = Browser::new(app);
        assert_eq!(browser.sign_in(email, PASSWORD).await.status, 200);
        all.push(browser);
    }
    all
}

fn kind(answer: &Response) -> String {
    match answer.status {
        400..500 => answer.problem(),
        _ => String::new(),
    }
}

/// What an operation asks for, by its answers to nobody, to a program and to people.
async fn rule(
    app: &TestApp,
    request: &(String, String, Option<Value>),
    bearer: &str,
    mut user: Browser,
    mut admin: Browser,
) -> &'static str {
    let nobody = kind(&send(&mut Browser::new(app), request).await);
    let mut program = Browser::new(app).with("authorization", bearer);
    let program = kind(&send(&mut program, request).await);
    let user = kind(&send(&mut user, request).await);
    match (nobody.as_str(), program.as_str(), user.as_str()) {
        ("not_signed_in", "session_required", "confirmation_required") => "confirmed",
        ("not_signed_in", "session_required", "insufficient_role") => {
            match kind(&send(&mut admin, request).await).as_str() {
                "confirmation_required" => "confirmed admin",
                "insufficient_role" => "nobody",
                _ => "admin",
            }
        }
        ("not_signed_in", "session_required", _) => "session",
        ("not_signed_in", _, _) => "session or token",
        _ => "everybody",
    }
}

#[tokio::test]
async fn each_operation_asks_for_what_this_table_says() {
    let world = World::solo().await.with("THROTTLE_FACTOR", 1000);
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    admin(&world, &app, &mut machine, ADA).await;
    let mut bob = member(&world, &app, &mut machine, BOB).await;
    let wanted = json!({ "name": "All", "scopes": ["profile:read", "profile:write", "ledger:read", "ledger:write"],
                         "days": 1 });
    let token = bob.post("/api/v1/tokens", &wanted).await.json()["token"].clone();
    let bearer = format!("Bearer {}", token.as_str().expect("a token"));
    let requests = requests(&app).await;
    let mut found = BTreeMap::new();
    // In parts: an account has a hundred sessions at most.
    for part in requests.chunks(50) {
        // Each is used once, since some of the operations end the session. None of them is fresh.
        let mut users = browsers(&app, BOB, part.len()).await;
        let mut admins = browsers(&app, ADA, part.len()).await;
        app.clock.advance(TimeDelta::minutes(10));
        for request in part {
            let (user, admin) = (users.pop().expect("one"), admins.pop().expect("one"));
            let rule = rule(&app, request, &bearer, user, admin).await;
            found.insert(format!("{} {}", request.0, request.1), rule);
        }
    }

    let said: BTreeMap<String, &str> = RULES
        .iter()
        .map(|(operation, rule)| ((*operation).to_owned(), *rule))
        .collect();
    assert_eq!(found, said);
    app.end().await;
}

#[tokio::test]
async fn a_field_that_nobody_asked_for_is_refused() {
    let world = World::solo().await.with("THROTTLE_FACTOR", 1000);
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;

    let mut number = 0;
    for (method, path, body) in requests(&app).await {
        let Some(mut body) = body else { continue };
        body["no_such_field"] = json!("x");
        let answer = send(&mut ada, &(method.clone(), path.clone(), Some(body))).await;
        assert_eq!(
            (answer.status, answer.problem()),
            (400, "malformed_json".to_owned()),
            "{method} {path}"
        );
        assert!(
            answer.body.contains("unknown field `no_such_field`"),
            "{answer:?}"
        );
        number += 1;
    }
    assert!(number > 20, "{number}");
    app.end().await;
}

/// What each form sends at least. The buttons that send nothing but what they do have no field to add.
const FORMS: [(&str, &[(&str, &str)]); 23] = [
    ("/activate", &[("token", "x")]),
    ("/confirm", &[("password", "x")]),
    ("/email-change", &[("token", "x")]),
    ("/forgot", &[("email", "x")]),
    ("/invitation", &[("token", "x"), ("password", "x")]),
    (
        "/profile",
        &[("locale", "x"), ("time_zone", "x"), ("currency", "x")],
    ),
    (
        "/profile/book",
        &[
            ("base_currency", "x"),
            ("time_zone", "x"),
            ("month_start", "x"),
        ],
    ),
    ("/profile/data", &[("do", "delete")]),
    ("/profile/email", &[("do", "change"), ("email", "x")]),
    ("/profile/password", &[("current", "x"), ("password", "x")]),
    (
        "/profile/second-factor",
        &[
            ("do", "remove_passkey"),
            ("id", "01890000-0000-7000-8000-000000000000"),
        ],
    ),
    (
        "/profile/second-factor/app",
        &[
            ("setup", "01890000-0000-7000-8000-000000000000"),
            ("code", "x"),
        ],
    ),
    (
        "/profile/sessions",
        &[
            ("do", "end"),
            ("id", "01890000-0000-7000-8000-000000000000"),
        ],
    ),
    ("/profile/tokens", &[("do", "create"), ("name", "")]),
    ("/resend", &[("email", "x")]),
    ("/reset", &[("token", "x"), ("password", "x")]),
    ("/sign-in", &[("email", "x"), ("password", "x")]),
    ("/sign-in/second-factor", &[("challenge", "x")]),
    ("/sign-out", &[]),
    ("/sign-up", &[("email", "x"), ("password", "x")]),
    ("/transactions", &[("do", "create"), ("way", "out")]),
    ("/transactions/{id}", &[("do", "change"), ("version", "1")]),
    ("/wallets", &[("name", "x"), ("kind", "cash")]),
];

/// The addresses of pages that the sources register.
pub fn pages() -> Vec<String> {
    let found = pages_in("src");
    assert!(found.len() > 15, "{found:?}");
    found
}

/// The same, of the sources in a folder.
pub fn pages_in(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for file in sources(Path::new(folder)) {
        let name = file.file_name().and_then(|name| name.to_str());
        if !name.is_some_and(|name| name.ends_with("pages.rs")) {
            continue;
        }
        let text = std::fs::read_to_string(&file).expect("a source file");
        let registrations = text.split("pub fn configure").nth(1);
        let registrations = registrations.and_then(|rest| rest.split("\n}\n").next());
        let registrations = registrations.unwrap_or_default();
        for call in ["at(", "get(", "post("] {
            for (start, _) in registrations.match_indices(call) {
                let argument = &registrations[start + call.len()..];
                let argument = argument.split([',', ')']).next().expect("an argument");
                let constant = format!("const {}: &str = ", argument.trim());
                let literal = text
                    .split_once(&constant)
                    .map_or(argument, |(_, rest)| rest);
                let mut parts = literal.trim().split('"');
                if let (Some(""), Some(path)) = (parts.next(), parts.next()) {
                    found.push(path.to_owned());
                }
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

#[tokio::test]
async fn a_form_with_a_field_that_nobody_asked_for_is_refused() {
    let world = World::solo().await.with("THROTTLE_FACTOR", 1000);
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;

    let known: Vec<&str> = FORMS.iter().map(|(path, _)| *path).collect();
    let registered = pages();
    let not_forms = ["/month", "/profile/data/{id}"];
    let all: Vec<&str> = registered
        .iter()
        .map(String::as_str)
        .filter(|path| !not_forms.contains(path))
        .collect();
    assert_eq!(all, known);
    for (path, fields) in FORMS.iter().filter(|(_, fields)| !fields.is_empty()) {
        let more = [fields, [("no_such_field", "x")].as_slice()].concat();
        let refused = ada.form(&filled(path), &more).await;
        let read = ada.form(&filled(path), fields).await;
        assert_eq!(refused.status, 400, "{path}");
        assert_ne!(read.status, 400, "{path}");
    }
    app.end().await;
}

/// The pages that anybody may look at; all others lead to the sign-in page.
const OPEN_PAGES: [&str; 9] = [
    "/activate",
    "/email-change",
    "/forgot",
    "/invitation",
    "/resend",
    "/reset",
    "/sign-in",
    "/sign-in/second-factor",
    "/sign-up",
];

#[tokio::test]
async fn a_page_that_is_not_for_everybody_leads_to_signing_in() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;

    for path in pages().iter().filter(|path| *path != "/sign-out") {
        let page = filled(path);
        let shown = Browser::new(&app).get(&format!("{page}?token=x")).await;
        let first = shown.header("location").unwrap_or_default();
        if OPEN_PAGES.contains(&path.as_str()) {
            assert!(
                [200, 303].contains(&shown.status) && !first.contains("?next="),
                "{path}: {shown:?}"
            );
        } else {
            assert_eq!(
                (shown.status, first),
                (303, format!("/sign-in?next={page}").as_str())
            );
            let sent = Browser::new(&app).form(&page, &[("do", "x")]).await;
            assert!([303, 400, 405].contains(&sent.status), "{path}: {sent:?}");
        }
    }
    app.end().await;
}

#[tokio::test]
async fn who_is_signed_in_can_sign_out_on_every_page() {
    let world = World::solo().await.with("THROTTLE_FACTOR", 100);
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA)
        .await
        .with("accept", "text/html");

    let mut shown = Vec::new();
    let no_pages = [
        "/profile/data/{id}",
        "/sign-in",
        "/sign-in/second-factor",
        "/sign-out",
        "/transactions/{id}",
    ];
    for path in pages() {
        let answer = ada.get(&format!("{}?token=x", filled(&path))).await;
        match no_pages.contains(&path.as_str()) {
            true => assert_ne!(answer.status, 200, "{path}: {answer:?}"),
            false => shown.push((path, answer)),
        }
    }
    shown.push(("/".to_owned(), ada.get("/").await));
    for (path, fields) in [
        ("/profile/password", [("current", "x"), ("password", "x")]),
        ("/profile/tokens", [("do", "create"), ("name", "")]),
        ("/sign-up", [("email", "x"), ("password", "x")]),
    ] {
        let answer = ada.form(path, &fields).await;
        assert_eq!(answer.status, 422, "{path}: {answer:?}");
        shown.push((path.to_owned(), answer));
    }

    assert!(shown.len() > 18, "{}", shown.len());
    for (path, page) in shown {
        assert!([200, 422].contains(&page.status), "{path}: {page:?}");
        let button = "<form method=\"post\" action=\"/sign-out\">";
        assert!(page.body.contains(button), "{path}: {page:?}");
    }
    app.end().await;
}

#[tokio::test]
async fn what_a_request_says_of_its_sender_makes_nobody_of_them() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    admin(&world, &app, &mut machine, ADA).await;
    let bob = member(&world, &app, &mut machine, BOB).await;
    let id = async |email: &'static str| -> String {
        sqlx::query_scalar("SELECT id::text FROM users WHERE email = $1")
            .bind(email)
            .fetch_one(&world.pool())
            .await
            .expect("an account")
    };
    let (adas, bobs) = (id(ADA).await, id(BOB).await);
    let claiming = |browser: Browser| {
        browser
            .with("x-user-id", &adas)
            .with("x-user-role", "admin")
    };

    let mut nobody = claiming(Browser::new(&app));
    let mut bob = claiming(bob);
    let refused = nobody.get("/api/v1/profile").await;
    let page = nobody.get("/profile").await;
    let known = bob.get("/api/v1/auth/validate").await;
    let users = bob.get("/api/v1/users").await;

    assert_eq!((refused.status, page.status), (401, 303));
    assert_eq!(known.headers("x-user-id"), [bobs]);
    assert_eq!(known.headers("x-user-role"), ["user"]);
    assert_eq!(
        (users.status, users.problem()),
        (403, "insufficient_role".to_owned())
    );
    app.end().await;
}

#[tokio::test]
async fn what_is_somebody_elses_is_not_there_for_the_buttons_of_pages_either() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let mut bob = member(&world, &app, &mut machine, BOB).await;
    let wanted = json!({ "name": "Backup", "scopes": ["profile:read"], "days": 30 });
    let made = ada.post("/api/v1/tokens", &wanted).await.json();
    let program = Program::with(&app, made["token"].as_str().expect("a token"));
    let passkey = Passkey::new().add(&mut ada, "a key").await.json();
    let session = ada.get("/api/v1/sessions").await.json()["sessions"][0]["id"].clone();
    let export = ada.post("/api/v1/profile/exports", &json!({})).await;
    let export = export.header("location").expect("a place").to_owned();
    machine.settle().await;

    for (page, what, id) in [
        ("/profile/sessions", "end", &session),
        ("/profile/tokens", "revoke", &made["id"]),
        ("/profile/second-factor", "remove_passkey", &passkey["id"]),
    ] {
        let id = id.as_str().expect("an id");
        let nobodys = "01890000-0000-7000-8000-000000000000";
        let hers = bob.form(page, &[("do", what), ("id", id)]).await;
        let nobodys = bob.form(page, &[("do", what), ("id", nobodys)]).await;
        assert_eq!((hers.status, nobodys.status), (404, 404), "{page}");
        assert_eq!(hers.body, nobodys.body, "{page}");
    }
    let export = export.rsplit('/').next().expect("an id");
    let download = format!("/profile/data/{export}");
    let (his, hers) = (bob.get(&download).await, ada.get(&download).await);

    assert_eq!((his.status, hers.status), (404, 200));
    assert_eq!(ada.get("/api/v1/auth/validate").await.status, 204);
    assert_eq!(program.get("/api/v1/profile").await.status, 200);
    let state = ada.get("/api/v1/second-factor").await.json();
    assert_eq!(state["passkeys"].as_array().map(Vec::len), Some(1));
    app.end().await;
}
