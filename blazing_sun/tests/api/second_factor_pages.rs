//! The pages of the second factor.

use chrono::TimeDelta;
use serde_json::Value;

use crate::harness::{
    App, Browser, Machine, PASSWORD, Passkey, Response, TestApp, World, register,
};

const ADA: &str = "ada@example.org";
const SETTINGS: &str = "/profile/second-factor";
const APP: &str = "/profile/second-factor/app";

async fn started(world: &World) -> (TestApp, Machine, Browser) {
    let app = TestApp::start(world).await;
    app.clock.advance(TimeDelta::hours(1));
    let mut machine = Machine::new(world, &app).await;
    register(world, &app, &mut machine, ADA).await;
    let mut ada = reader(&app);
    assert_eq!(leads_to(&sign_in(&mut ada).await), Some(SETTINGS));
    (app, machine, ada)
}

fn reader(app: &TestApp) -> Browser {
    Browser::new(app).with("accept", "text/html,application/xhtml+xml")
}

async fn sign_in(browser: &mut Browser) -> Response {
    let fields = [("email", ADA), ("password", PASSWORD), ("next", SETTINGS)];
    browser.form("/sign-in", &fields).await
}

fn leads_to(answer: &Response) -> Option<&str> {
    assert_eq!(answer.status, 303, "{answer:?}");
    answer.header("location")
}

/// The value of an attribute behind a text.
fn attribute(page: &Response, before: &str) -> String {
    let (_, rest) = page.body.split_once(before).expect(before);
    let value = rest.split('"').next().expect("a value");
    value.replace("&quot;", "\"").replace("&#x2f;", "/")
}

fn field(page: &Response, name: &str) -> String {
    attribute(page, &format!("name=\"{name}\" value=\""))
}

fn options(page: &Response) -> Value {
    serde_json::from_str(&attribute(page, "data-options=\"")).expect("JSON")
}

fn codes(page: &Response) -> Vec<String> {
    let lines = page.body.lines().map(str::trim);
    lines
        .filter_map(|line| line.strip_prefix("<li>")?.strip_suffix("</li>"))
        .filter(|code| code.len() == 27)
        .map(str::to_owned)
        .collect()
}

fn secret(page: &Response) -> String {
    let (_, rest) = page.body.split_once("class=\"secret\">").expect("a secret");
    rest.split('<').next().expect("a secret").replace(' ', "")
}

fn may_run_scripts(page: &Response) -> bool {
    let policy = page.header("content-security-policy").expect("a policy");
    policy.contains("script-src 'self'")
}

/// Sets up an app on its page; time passes until it shows the next code.
async fn set_up(ada: &mut Browser, app: &TestApp) -> (App, Response) {
    let page = ada.get(APP).await;
    let phone = App::new(&secret(&page));
    let fields = [("setup", field(&page, "setup")), ("code", phone.code(app))];
    let fields = fields
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let answer = ada.form(APP, &fields).await;
    app.clock.advance(TimeDelta::seconds(30));
    (phone, answer)
}

#[tokio::test]
async fn an_app_is_set_up_and_asked_for_without_a_script() {
    let world = World::solo().await;
    let (app, _machine, mut ada) = started(&world).await;

    let nothing = ada.get(SETTINGS).await;
    let page = ada.get(APP).await;
    let phone = App::new(&secret(&page));
    let setup = field(&page, "setup");
    let wrong = [("setup", setup.as_str()), ("code", &phone.wrong_code(&app))];
    let wrong = ada.form(APP, &wrong).await;
    let right = [("setup", setup.as_str()), ("code", &phone.code(&app))];
    let shown = ada.form(APP, &right).await;
    let stale = ada.form(APP, &right).await;
    let state = ada.get(SETTINGS).await;
    app.clock.advance(TimeDelta::seconds(30));

    assert!(nothing.body.contains("Set up an app"));
    assert!(page.body.contains("<svg ") && !may_run_scripts(&page));
    assert_eq!(wrong.status, 422);
    assert_eq!(
        secret(&wrong),
        secret(&page),
        "the picture that was scanned"
    );
    assert_eq!(codes(&shown).len(), 10, "{shown:?}");
    assert_eq!(shown.header("cache-control"), Some("no-store"));
    assert_eq!(leads_to(&stale), Some(APP));
    assert!(state.body.contains("10 of 10 left"), "{state:?}");

    let mut browser = reader(&app);
    let question = sign_in(&mut browser).await;
    let challenge = field(&question, "challenge");
    let answer = |code: String| {
        [
            ("challenge", challenge.clone()),
            ("next", SETTINGS.to_owned()),
            ("code", code),
        ]
    };
    let mut send = async |code: String| {
        let fields = answer(code);
        let fields = fields
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        browser.form("/sign-in/second-factor", &fields).await
    };
    let malformed = send("12".to_owned()).await;
    let false_code = send(phone.wrong_code(&app)).await;
    let let_in = send(phone.code(&app)).await;
    let over = send(codes(&shown)[0].clone()).await;

    assert_eq!(question.status, 200);
    assert_eq!(field(&question, "next"), SETTINGS);
    assert!(!may_run_scripts(&question));
    assert_eq!(malformed.status, 422);
    assert!(
        malformed.body.contains("Is not six digits"),
        "{malformed:?}"
    );
    assert_eq!(false_code.status, 401);
    assert_eq!(field(&false_code, "challenge"), challenge);
    assert_eq!(leads_to(&let_in), Some(SETTINGS));
    assert_eq!(leads_to(&over), Some("/sign-in"));
    app.end().await;
}

#[tokio::test]
async fn the_one_field_takes_recovery_codes_too() {
    let world = World::solo().await;
    let (app, _machine, mut ada) = started(&world).await;
    let (_, shown) = set_up(&mut ada, &app).await;
    let mut browser = reader(&app);
    let question = sign_in(&mut browser).await;

    let challenge = field(&question, "challenge");
    let code = codes(&shown)[3].to_lowercase();
    let fields = [("challenge", challenge.as_str()), ("code", &code)];
    let let_in = browser.form("/sign-in/second-factor", &fields).await;
    let state = browser.get(SETTINGS).await;

    assert_eq!(leads_to(&let_in), Some("/profile"));
    assert!(state.body.contains("9 of 10 left"), "{state:?}");
    app.end().await;
}

#[tokio::test]
async fn the_buttons_make_new_codes_and_remove_the_app() {
    let world = World::solo().await;
    let (app, _machine, mut ada) = started(&world).await;
    let (_, first) = set_up(&mut ada, &app).await;

    let renewed = ada.form(SETTINGS, &[("do", "new_codes")]).await;
    let removed = ada.form(SETTINGS, &[("do", "remove_app")]).await;
    let told = ada.get(SETTINGS).await;
    let unknown = ada.form(SETTINGS, &[("do", "something_else")]).await;

    assert_eq!(codes(&renewed).len(), 10);
    assert_ne!(codes(&renewed), codes(&first));
    assert_eq!(leads_to(&removed), Some(SETTINGS));
    assert!(told.body.contains("The authenticator app is removed."));
    assert!(told.body.contains("Set up an app") && !told.body.contains("Recovery codes"));
    assert_eq!(unknown.status, 400);
    app.end().await;
}

#[tokio::test]
async fn a_passkey_is_added_asked_for_and_removed() {
    let world = World::solo().await;
    let (app, _machine, mut ada) = started(&world).await;
    let mut passkey = Passkey::new();

    let asked = ada.form(SETTINGS, &[("do", "begin_passkey")]).await;
    let nameless = add(&mut ada, &asked, &mut passkey, "").await;
    let added = add(&mut ada, &nameless, &mut passkey, "My phone").await;
    let state = ada.get(SETTINGS).await;
    let mut browser = reader(&app);
    let question = sign_in(&mut browser).await;
    let challenge = field(&question, "challenge");
    let credential = passkey.get(&options(&question)).to_string();
    let fields = [
        ("challenge", challenge.as_str()),
        ("next", SETTINGS),
        ("credential", &credential),
    ];
    let let_in = browser.form("/sign-in/second-factor", &fields).await;
    let id = attribute(&state, "name=\"id\" value=\"");
    let removed = browser
        .form(SETTINGS, &[("do", "remove_passkey"), ("id", &id)])
        .await;
    let again = browser
        .form(SETTINGS, &[("do", "remove_passkey"), ("id", &id)])
        .await;

    for page in [&asked, &nameless, &question] {
        assert!(may_run_scripts(page), "{page:?}");
        assert!(page.body.contains("/assets/passkeys.js"));
    }
    assert_eq!(nameless.status, 422);
    assert!(nameless.body.contains("Has no letter"), "{nameless:?}");
    assert_eq!(codes(&added).len(), 10, "{added:?}");
    assert!(state.body.contains("My phone") && !may_run_scripts(&state));
    assert_eq!(leads_to(&let_in), Some(SETTINGS));
    assert_eq!(leads_to(&removed), Some(SETTINGS));
    assert_eq!(again.status, 404);
    app.end().await;
}

async fn add(ada: &mut Browser, page: &Response, passkey: &mut Passkey, name: &str) -> Response {
    let (state, credential) = (
        field(page, "state"),
        passkey.create(&options(page)).to_string(),
    );
    let fields = [
        ("do", "add_passkey"),
        ("state", &state),
        ("credential", &credential),
        ("name", name),
    ];
    ada.form(SETTINGS, &fields).await
}

#[tokio::test]
async fn confirming_asks_for_the_code_or_the_passkey_too() {
    let world = World::solo().await;
    let (app, _machine, mut ada) = started(&world).await;
    let (phone, _) = set_up(&mut ada, &app).await;
    let mut passkey = Passkey::new();
    let asked = ada.form(SETTINGS, &[("do", "begin_passkey")]).await;
    assert_eq!(
        leads_to(&add(&mut ada, &asked, &mut passkey, "a key").await),
        Some(SETTINGS)
    );
    app.clock.advance(TimeDelta::minutes(10));

    let denied = ada.get(APP).await;
    let page = ada.get("/confirm?next=/profile/second-factor/app").await;
    let code = phone.code(&app);
    let alone = [("password", PASSWORD), ("next", APP)];
    let alone = ada.form("/confirm", &alone).await;
    let wrong = [
        ("password", PASSWORD),
        ("next", APP),
        ("code", &phone.wrong_code(&app)),
    ];
    let wrong = ada.form("/confirm", &wrong).await;
    let right = [("password", PASSWORD), ("next", APP), ("code", &code)];
    let right = ada.form("/confirm", &right).await;
    let page_with_passkey = ada.get("/confirm?next=/profile&with=passkey").await;
    let credential = passkey.get(&options(&page_with_passkey)).to_string();
    let fields = [
        ("password", PASSWORD),
        ("next", APP),
        ("credential", &credential),
    ];
    let by_passkey = ada.form("/confirm", &fields).await;
    let replayed = ada.form("/confirm", &fields).await;

    assert_eq!(
        leads_to(&denied),
        Some("/confirm?next=/profile/second-factor/app")
    );
    assert!(page.body.contains("name=\"code\"") && !may_run_scripts(&page));
    assert!(page.body.contains("Use a passkey instead"));
    assert_eq!((alone.status, wrong.status), (422, 422));
    assert_eq!(leads_to(&right), Some(APP));
    assert!(may_run_scripts(&page_with_passkey));
    assert_eq!(leads_to(&by_passkey), Some(APP));
    assert_eq!(replayed.status, 422);
    app.end().await;
}

#[tokio::test]
async fn whoever_has_no_question_to_answer_signs_in_first() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut browser = reader(&app);

    let bookmark = browser.get("/sign-in/second-factor").await;
    let fields = [("challenge", "x"), ("code", "123456")];
    let forged = browser.form("/sign-in/second-factor", &fields).await;
    let settings = browser.get(SETTINGS).await;

    assert_eq!(leads_to(&bookmark), Some("/sign-in"));
    assert_eq!(leads_to(&forged), Some("/sign-in"));
    assert_eq!(
        leads_to(&settings),
        Some("/sign-in?next=/profile/second-factor")
    );
    app.end().await;
}

#[tokio::test]
async fn the_question_is_answered_in_the_browser_in_which_it_was_asked() {
    let world = World::solo().await;
    let (app, _machine, mut ada) = started(&world).await;
    let (phone, _) = set_up(&mut ada, &app).await;
    let mut browser = reader(&app);
    let question = sign_in(&mut browser).await;
    let mut thief = reader(&app);
    sign_in(&mut thief).await;

    let (challenge, code) = (field(&question, "challenge"), phone.code(&app));
    let fields = [("challenge", challenge.as_str()), ("code", &code)];
    let stolen = thief.form("/sign-in/second-factor", &fields).await;
    let let_in = browser.form("/sign-in/second-factor", &fields).await;

    assert_eq!(leads_to(&stolen), Some("/sign-in"));
    assert_eq!(leads_to(&let_in), Some("/profile"));
    assert_eq!(
        leads_to(&thief.get(SETTINGS).await),
        Some("/sign-in?next=/profile/second-factor")
    );
    app.end().await;
}
