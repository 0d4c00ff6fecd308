//! The pages, as a browser without scripts goes through them.

use serde_json::json;

use crate::harness::{Browser, Machine, PASSWORD, Response, TestApp, World, register, token};

const ADA: &str = "ada@example.org";

fn reader(app: &TestApp) -> Browser {
    Browser::new(app).with("accept", "text/html,application/xhtml+xml")
}

fn leads_to(answer: &Response) -> Option<&str> {
    assert_eq!(answer.status, 303, "{answer:?}");
    answer.header("location")
}

#[tokio::test]
async fn somebody_signs_up_activates_signs_in_and_out_without_a_script() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = reader(&app);

    let form = ada.get("/sign-up").await;
    let fields = [("email", ADA), ("name", "Ada"), ("password", PASSWORD)];
    let sent = ada.form("/sign-up", &fields).await;
    machine.settle().await;
    let token = token(&world.newest_mail(ADA));
    let activated = ada.form("/activate", &[("token", &token)]).await;
    let fields = [
        ("email", ADA),
        ("password", PASSWORD),
        ("next", "/profile/sessions"),
    ];
    let signed_in = ada.form("/sign-in", &fields).await;
    let sessions = ada.get("/profile/sessions").await;
    let signed_out = ada.form("/sign-out", &[]).await;
    let told = ada.get("/").await;
    let told_again = ada.get("/").await;

    assert!(
        form.body
            .contains("<form method=\"post\" action=\"/sign-up\"")
    );
    assert!(sent.status == 200 && sent.body.contains(ADA), "{sent:?}");
    assert!(activated.body.contains("Your account is active"));
    assert_eq!(leads_to(&signed_in), Some("/profile/sessions"));
    assert!(
        sessions.body.contains("This one") && sessions.body.contains(">Ada<"),
        "{sessions:?}"
    );
    assert_eq!(leads_to(&signed_out), Some("/"));
    assert!(told.body.contains("You are signed out."));
    assert!(
        !told_again.body.contains("You are signed out."),
        "told once"
    );
    app.end().await;
}

#[tokio::test]
async fn a_form_comes_back_with_what_was_wrong_and_without_the_password() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;

    let fields = [
        ("email", "ada@"),
        ("name", "<b>Ada"),
        ("password", "secret!"),
    ];
    let answer = reader(&app).form("/sign-up", &fields).await;

    assert_eq!(answer.status, 422);
    assert!(
        answer.body.contains("Is not an e-mail address"),
        "{answer:?}"
    );
    assert!(answer.body.contains("Has fewer than 8 characters."));
    assert!(answer.body.contains("&lt;b&gt;Ada") && !answer.body.contains("<b>Ada"));
    assert!(!answer.body.contains("secret!"));
    app.end().await;
}

#[tokio::test]
async fn a_wrong_password_is_told_on_the_page_and_counted() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut browser = reader(&app);
    let fields = [("email", ADA), ("password", "another horse")];

    let wrong = browser.form("/sign-in", &fields).await;
    for _ in 0..9 {
        browser.form("/sign-in", &fields).await;
    }
    let refused = browser.form("/sign-in", &fields).await;

    assert_eq!(wrong.status, 401);
    assert!(wrong.body.contains("is not right") && wrong.body.contains(ADA));
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (429, Some("60"))
    );
    assert!(refused.body.contains("Try again in 60 s"));
    app.end().await;
}

#[tokio::test]
async fn who_is_not_signed_in_is_led_to_the_sign_in_page_and_back_but_never_elsewhere() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    register(&world, &app, &mut machine, ADA).await;
    let mut ada = reader(&app);

    let first = ada.get("/profile/sessions").await;
    assert_eq!(leads_to(&first), Some("/sign-in?next=/profile/sessions"));
    for evil in [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "javascript:x",
    ] {
        let fields = [("email", ADA), ("password", PASSWORD), ("next", evil)];
        let answer = ada.clone().form("/sign-in", &fields).await;
        assert_eq!(leads_to(&answer), Some("/profile"), "{evil}");
    }
    ada.sign_in(ADA, PASSWORD).await;
    let again = ada.get("/sign-in?next=/profile/sessions").await;
    assert_eq!(leads_to(&again), Some("/profile/sessions"));
    app.end().await;
}

#[tokio::test]
async fn a_confirmation_leads_back_to_what_asked_for_it() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    register(&world, &app, &mut machine, ADA).await;
    let mut ada = reader(&app);
    ada.sign_in(ADA, PASSWORD).await;

    let page = ada.get("/confirm?next=/profile/tokens").await;
    let wrong = [("password", "another horse"), ("next", "/profile/tokens")];
    let wrong = ada.form("/confirm", &wrong).await;
    let right = [("password", PASSWORD), ("next", "/profile/tokens")];
    let right = ada.form("/confirm", &right).await;

    assert!(page.body.contains(ADA), "for password managers");
    assert_eq!(wrong.status, 422);
    assert!(wrong.body.contains("Is not the password of your account"));
    assert_eq!(leads_to(&right), Some("/profile/tokens"));
    assert_eq!(ada.get("/api/v1/auth/validate").await.status, 204);
    app.end().await;
}

#[tokio::test]
async fn sessions_are_ended_with_buttons() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    register(&world, &app, &mut machine, ADA).await;
    let mut ada = reader(&app);
    ada.sign_in(ADA, PASSWORD).await;
    let mut phone = Browser::new(&app).with("user-agent", "<i>phone</i>");
    phone.sign_in(ADA, PASSWORD).await;

    let page = ada.get("/profile/sessions").await;
    let ended = ada.form("/profile/sessions", &[("do", "end_others")]).await;

    assert!(page.body.contains("&lt;i&gt;phone") && !page.body.contains("<i>phone"));
    assert_eq!(leads_to(&ended), Some("/profile/sessions"));
    assert_eq!(phone.get("/api/v1/auth/validate").await.status, 401);
    assert_eq!(ada.get("/api/v1/auth/validate").await.status, 204);
    app.end().await;
}

#[tokio::test]
async fn a_browser_gets_errors_as_pages_and_a_program_as_problems() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;

    let page = reader(&app).get("/no/such/page").await;
    let problem = Browser::new(&app).get("/no/such/page").await;
    let api = reader(&app).get("/api/v1/no/such/thing").await;
    let crossed = reader(&app)
        .with("sec-fetch-site", "cross-site")
        .form("/sign-out", &[])
        .await;

    assert_eq!(page.status, 404);
    assert!(page.body.contains("There is no such page"), "{page:?}");
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(problem.json()["type"], "/problems/not_found");
    assert_eq!(api.json()["type"], "/problems/not_found");
    assert_eq!(crossed.status, 403);
    assert!(crossed.body.contains("Another site began this request"));
    app.end().await;
}

#[tokio::test]
async fn no_page_runs_a_script_or_is_kept_or_framed() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut browser = reader(&app);

    for path in ["/", "/sign-in", "/sign-up", "/no/such/page"] {
        let page = browser.get(path).await;
        let policy = page.header("content-security-policy").expect("a policy");
        assert!(
            policy.starts_with("default-src 'none'; style-src 'self'"),
            "{policy}"
        );
        assert!(!policy.contains("script-src") && !page.body.contains("<script"));
        assert!(policy.contains("frame-ancestors 'none'"));
        assert_eq!(page.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    }
    app.end().await;
}

#[tokio::test]
async fn a_name_can_be_given_with_the_sign_up_and_is_judged() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let body = json!({ "email": ADA, "name": "a\u{202e}b", "password": PASSWORD });

    let answer = Browser::new(&app).post("/api/v1/auth/sign-up", &body).await;

    assert_eq!(answer.status, 422);
    assert_eq!(answer.json()["errors"][0]["pointer"], "/name");
    app.end().await;
}
