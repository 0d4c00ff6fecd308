//! Changing the address of an account, with the consent of both addresses.

use blazing_sun::audit;
use chrono::TimeDelta;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    App, Browser, Machine, PASSWORD, Response, TestApp, World, member, register, token,
};

const ADA: &str = "ada@example.org";
const NEW: &str = "lovelace@example.org";
const BOB: &str = "bob@example.org";
const PATH: &str = "/api/v1/profile/email";

async fn ask(browser: &mut Browser, email: &str) -> Response {
    browser.post(PATH, &json!({ "email": email })).await
}

/// Agrees with the token of the newest mail to an address.
async fn agree(world: &World, app: &TestApp, address: &str) -> Response {
    let body = json!({ "token": token(&world.newest_mail(address)) });
    Browser::new(app)
        .post("/api/v1/profile/email/confirm", &body)
        .await
}

fn status(answer: &Response) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["status"].clone()
}

#[tokio::test]
async fn the_address_changes_when_both_have_agreed_in_either_order() {
    for order in [[ADA, NEW], [NEW, ADA]] {
        let (world, app, mut machine) = World::solo().await.start().await;
        let mut ada = member(&world, &app, &mut machine, ADA).await;

        let asked = ask(&mut ada, NEW).await;
        machine.settle().await;
        let half = agree(&world, &app, order[0]).await;
        let still = Browser::new(&app).sign_in(ADA, PASSWORD).await;
        let shown = ada.get(PATH).await.json();
        let done = agree(&world, &app, order[1]).await;
        machine.settle().await;

        assert_eq!(asked.status, 202, "{asked:?}");
        assert_eq!((status(&half), still.status), (json!("half"), 200));
        assert_eq!(shown["email"], NEW);
        assert_ne!(shown["old_confirmed"], shown["new_confirmed"]);
        assert_eq!(status(&done), "changed");
        assert_eq!(
            ada.get("/api/v1/auth/validate").await.status,
            401,
            "everybody signs in again"
        );
        assert_eq!(Browser::new(&app).sign_in(ADA, PASSWORD).await.status, 401);
        assert_eq!(Browser::new(&app).sign_in(NEW, PASSWORD).await.status, 200);
        let id: Uuid = sqlx::query_scalar("SELECT id FROM users")
            .fetch_one(&world.pool())
            .await
            .expect("one account");
        let history = audit::history(&world.pool(), id).await.expect("the audit");
        let told = history
            .iter()
            .filter(|entry| entry.data["changed"] == json!(["email"]));
        let told: Vec<&Value> = told.map(|entry| &entry.data["email_change_id"]).collect();
        let change: Uuid =
            sqlx::query_scalar("SELECT id FROM email_changes WHERE done_at IS NOT NULL")
                .fetch_one(&world.pool())
                .await
                .expect("what the mails that tell of it need");
        assert_eq!(told, [&json!(change)]);
        assert!(
            history
                .iter()
                .all(|entry| !entry.data.to_string().contains("example.org"))
        );
        app.end().await;
    }
}

#[tokio::test]
async fn one_address_alone_changes_nothing_and_each_link_works_once() {
    let (world, app, mut machine) = World::solo()
        .await
        .patient()
        .with("THROTTLE_FACTOR", 100)
        .start()
        .await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    ask(&mut ada, NEW).await;
    machine.settle().await;

    let attempts = (0..50).map(|_| agree(&world, &app, NEW));
    let answers = futures_util::future::join_all(attempts).await;

    let count = |status| {
        answers
            .iter()
            .filter(|answer| answer.status == status)
            .count()
    };
    assert_eq!((count(200), count(422)), (1, 49));
    assert_eq!(Browser::new(&app).sign_in(NEW, PASSWORD).await.status, 401);
    app.end().await;
}

#[tokio::test]
async fn an_address_that_has_an_account_gets_another_mail_and_is_never_taken() {
    let (world, app, mut machine) = World::solo().await.start().await;
    register(&world, &app, &mut machine, BOB).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;

    let free = ask(&mut ada, NEW).await;
    let taken = ask(&mut ada, BOB).await;
    machine.settle().await;

    assert_eq!((taken.status, &taken.body), (free.status, &free.body));
    let mail = world.newest_mail(BOB);
    assert!(!mail.contains("email-change"), "{mail}");
    assert_eq!(status(&agree(&world, &app, ADA).await), "half");
    app.end().await;
}

#[tokio::test]
async fn who_opens_an_account_with_the_address_meanwhile_keeps_it() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    ask(&mut ada, NEW).await;
    machine.settle().await;
    let to_new = token(&world.newest_mail(NEW));
    agree(&world, &app, ADA).await;
    register(&world, &app, &mut machine, NEW).await;

    let answer = Browser::new(&app)
        .post("/api/v1/profile/email/confirm", &json!({ "token": to_new }))
        .await;

    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (409, "address_taken")
    );
    assert_eq!(Browser::new(&app).sign_in(ADA, PASSWORD).await.status, 200);
    app.end().await;
}

#[tokio::test]
async fn an_account_that_was_never_activated_does_not_keep_the_address() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let body = json!({ "email": NEW, "password": "of a stranger" });
    Browser::new(&app).post("/api/v1/auth/sign-up", &body).await;
    ask(&mut ada, NEW).await;
    machine.settle().await;

    agree(&world, &app, ADA).await;
    let done = agree(&world, &app, NEW).await;
    machine.settle().await;

    assert_eq!(status(&done), "changed");
    let deleted = "SELECT count(*) FROM audit_log WHERE type = 'user.deleted.v1'";
    assert_eq!(world.number(&world.pool(), deleted).await, 1);
    app.end().await;
}

#[tokio::test]
async fn a_change_is_replaced_cancelled_and_over_after_a_day() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let mut bob = member(&world, &app, &mut machine, BOB).await;
    ask(&mut ada, "first@example.org").await;
    machine.settle().await;
    let first = token(&world.newest_mail("first@example.org"));
    ask(&mut ada, NEW).await;
    machine.settle().await;

    let path = "/api/v1/profile/email/confirm";
    let replaced = Browser::new(&app)
        .post(path, &json!({ "token": first }))
        .await;
    let bobs = (bob.get(PATH).await.status, bob.delete(PATH).await.status);
    let cancelled = ada.delete(PATH).await;
    let over = agree(&world, &app, NEW).await;
    ask(&mut ada, NEW).await;
    machine.settle().await;
    app.clock.advance(TimeDelta::hours(24));
    let late = agree(&world, &app, NEW).await;

    assert_eq!(
        (replaced.status, replaced.problem().as_str()),
        (422, "bad_link")
    );
    assert_eq!(bobs, (404, 404), "nobody touches the change of another");
    assert_eq!(
        (cancelled.status, over.status, late.status),
        (204, 422, 422)
    );
    app.end().await;
}

#[tokio::test]
async fn a_change_asks_for_a_new_confirmation_and_another_address() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;

    let same = ask(&mut ada, "ADA@example.org").await;
    let malformed = ask(&mut ada, "ada@").await;
    app.clock.advance(TimeDelta::minutes(10));
    let late = ask(&mut ada, NEW).await;

    assert_eq!((same.status, malformed.status), (422, 422));
    assert_eq!(same.json()["errors"][0]["pointer"], "/email");
    assert_eq!(
        (late.status, late.problem().as_str()),
        (403, "confirmation_required")
    );
    app.end().await;
}

#[tokio::test]
async fn links_that_went_to_the_old_address_are_good_no_more() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    register(&world, &app, &mut machine, BOB).await;
    sqlx::query(
        "INSERT INTO user_tokens (id, user_id, purpose, expires_at, created_at)
                 SELECT gen_random_uuid(), id, 'reset', 'infinity', 'epoch' FROM users",
    )
    .execute(&world.pool())
    .await
    .expect("links");
    ask(&mut ada, NEW).await;
    machine.settle().await;
    let unused = "SELECT count(*) FROM user_tokens WHERE used_at IS NULL";

    agree(&world, &app, ADA).await;
    let before = world.number(&world.pool(), unused).await;
    let done = agree(&world, &app, NEW).await;

    assert_eq!(status(&done), "changed");
    assert_eq!(before, 2);
    assert_eq!(world.number(&world.pool(), unused).await, 1, "Bob's");
    app.end().await;
}

#[tokio::test]
async fn a_link_is_for_its_side_and_its_change_alone() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let mut bob = member(&world, &app, &mut machine, BOB).await;
    ask(&mut ada, NEW).await;
    ask(&mut bob, "babbage@example.org").await;
    machine.settle().await;

    // Bob agrees with all that he has, as often as he likes.
    for address in [BOB, "babbage@example.org", BOB] {
        agree(&world, &app, address).await;
    }
    let untouched = ada.get(PATH).await.json();
    agree(&world, &app, ADA).await;
    let twice = agree(&world, &app, ADA).await;
    let half = ada.get(PATH).await.json();

    assert_eq!(
        (&untouched["old_confirmed"], &untouched["new_confirmed"]),
        (&json!(false), &json!(false))
    );
    assert_eq!((twice.status, twice.problem().as_str()), (422, "bad_link"));
    assert_eq!(
        (&half["old_confirmed"], &half["new_confirmed"]),
        (&json!(true), &json!(false))
    );
    app.end().await;
}

#[tokio::test]
async fn of_both_addresses_that_agree_at_once_one_moves_the_account() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    ask(&mut ada, NEW).await;
    machine.settle().await;

    let (old, new) =
        futures_util::future::join(agree(&world, &app, ADA), agree(&world, &app, NEW)).await;

    let mut statuses = [status(&old), status(&new)].map(|status| status.to_string());
    statuses.sort();
    assert_eq!(statuses, ["\"changed\"", "\"half\""]);
    assert_eq!(Browser::new(&app).sign_in(NEW, PASSWORD).await.status, 200);
    app.end().await;
}

#[tokio::test]
async fn five_changes_can_be_asked_for_at_once_and_then_one_has_to_wait() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let mut bob = member(&world, &app, &mut machine, BOB).await;

    for number in 0..5 {
        let answer = ask(&mut ada, &format!("new{number}@example.org")).await;
        assert_eq!(answer.status, 202, "{answer:?}");
    }
    let refused = ask(&mut ada, NEW).await;
    let fields = [("do", "change"), ("email", NEW)];
    let by_page = ada.form("/profile/email", &fields).await;
    let bobs = ask(&mut bob, NEW).await;

    assert_eq!(
        (refused.status, by_page.status, bobs.status),
        (429, 429, 202)
    );
    assert_eq!(refused.header("retry-after"), Some("18000"));
    app.end().await;
}

#[tokio::test]
async fn the_pages_ask_for_the_change_and_agree_to_it() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let page = "/email-change";

    let wrong = [("do", "change"), ("email", "ada@")];
    let wrong = ada.form("/profile/email", &wrong).await;
    let right = [("do", "change"), ("email", NEW)];
    let asked = ada.form("/profile/email", &right).await;
    let shown = ada.get("/profile/email").await;
    machine.settle().await;
    let (old, new) = (
        token(&world.newest_mail(ADA)),
        token(&world.newest_mail(NEW)),
    );
    let question = ada.get(&format!("{page}?token={old}")).await;
    let half = ada.form(page, &[("token", &old)]).await;
    let again = ada.form(page, &[("token", &old)]).await;
    let done = ada.form(page, &[("token", &new)]).await;

    assert_eq!((wrong.status, asked.status), (422, 303));
    assert!(shown.body.contains("A change is under way"), "{shown:?}");
    assert!(
        question.body.contains("Agree to the new address?"),
        "{question:?}"
    );
    assert!(half.body.contains("One of two") && again.body.contains("not good any more"));
    assert!(done.body.contains("The address has changed"), "{done:?}");
    app.end().await;
}

#[tokio::test]
async fn the_page_asks_for_the_second_factor_before_a_change_and_never_to_cancel_one() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    app.clock.advance(TimeDelta::hours(1));
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let (phone, _) = App::set_up(&mut ada, &app).await;
    app.clock.advance(TimeDelta::minutes(10));
    let (page, change) = ("/profile/email", [("do", "change"), ("email", NEW)]);

    let shown = ada.get(page).await;
    let sent_away = ada.form(page, &change).await;
    let nothing = ada.get(PATH).await.status;
    let code = phone.code(&app);
    let answer = [("password", PASSWORD), ("next", page), ("code", &code)];
    let password_alone = ada.form("/confirm", &answer[..2]).await;
    let still = ada.form(page, &change).await;
    let confirmed = ada.form("/confirm", &answer).await;
    let form = ada.get(page).await;
    let asked = ada.form(page, &change).await;
    let under_way = ada.get(PATH).await;
    app.clock.advance(TimeDelta::minutes(10));
    let cancelled = ada.form(page, &[("do", "cancel")]).await;

    let confirm = Some("/confirm?next=/profile/email");
    assert!(!shown.body.contains("name=\"email\""), "{shown:?}");
    assert!(shown.body.contains("href=\"/confirm?next=/profile/email\""));
    for refused in [&sent_away, &still] {
        assert_eq!((refused.status, refused.header("location")), (303, confirm));
    }
    assert_eq!((nothing, password_alone.status), (404, 422));
    assert_eq!(confirmed.header("location"), Some(page));
    assert!(form.body.contains("name=\"email\""), "{form:?}");
    assert_eq!(asked.header("location"), Some(page));
    assert_eq!(under_way.json()["email"], NEW);
    assert_eq!(cancelled.header("location"), Some(page));
    assert_eq!(ada.get(PATH).await.status, 404);
    app.end().await;
}

#[tokio::test]
async fn links_are_tried_so_often_from_one_address_with_pages_and_interface_together() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut browser = Browser::new(&app);
    let (page, body) = ("/email-change", json!({ "token": "guess" }));
    let path = "/api/v1/profile/email/confirm";

    for _ in 0..10 {
        assert_eq!(
            browser.get(&format!("{page}?token=guess")).await.status,
            200
        );
        let pressed = browser.form(page, &[("token", "guess")]).await;
        assert_eq!(pressed.status, 200);
        assert_eq!(browser.post(path, &body).await.status, 422);
    }
    let refused = [
        browser.get(&format!("{page}?token=guess")).await,
        browser.form(page, &[("token", "guess")]).await,
        browser.post(path, &body).await,
    ];
    app.clock.advance(TimeDelta::seconds(2));
    let later = browser.post(path, &body).await;

    for refused in refused {
        assert_eq!(
            (refused.status, refused.header("retry-after")),
            (429, Some("2"))
        );
    }
    assert_eq!(later.status, 422, "nobody is locked out");
    app.end().await;
}
