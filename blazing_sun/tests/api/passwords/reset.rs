//! Replacing a forgotten password with the link of a mail.

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::json;

use super::{ADA, BOB, NEW, forgot, is_signed_in, pointers, reset, told};
use crate::harness::{Browser, PASSWORD, TestApp, World, member, register, token};

#[tokio::test]
async fn a_forgotten_password_is_replaced_and_everybody_signs_in_again() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let ada = member(&world, &app, &mut machine, ADA).await;
    let mut phone = Browser::new(&app);
    phone.sign_in(ADA, PASSWORD).await;
    let bob = member(&world, &app, &mut machine, BOB).await;
    let link = forgot(&world, &app, &mut machine, ADA).await;

    let answer = reset(&app, &link, NEW).await;
    machine.settle().await;

    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(
        answer.headers("set-cookie").is_empty(),
        "nobody is signed in"
    );
    assert!(!is_signed_in(&ada).await && !is_signed_in(&phone).await);
    assert!(is_signed_in(&bob).await, "others are not meant");
    assert_eq!(Browser::new(&app).sign_in(ADA, PASSWORD).await.status, 401);
    assert_eq!(Browser::new(&app).sign_in(ADA, NEW).await.status, 200);
    let told = told(&world).await;
    assert!(
        told.contains(&("user.password_changed.v1".to_owned(), 3))
            && told.contains(&("auth.password_reset.v1".to_owned(), 3)),
        "{told:?}"
    );
    app.end().await;
}

#[tokio::test]
async fn a_reset_link_works_once_even_if_many_use_it_at_the_same_time() {
    let (world, app, mut machine) = World::solo()
        .await
        .patient()
        .with("THROTTLE_FACTOR", 10)
        .start()
        .await;
    register(&world, &app, &mut machine, ADA).await;
    let link = forgot(&world, &app, &mut machine, ADA).await;

    let passwords: Vec<String> = (0..50)
        .map(|n| format!("horse number {n} of many"))
        .collect();
    let attempts = passwords
        .iter()
        .map(|password| reset(&app, &link, password));
    let answers = join_all(attempts).await;

    let won: Vec<usize> = (0..50).filter(|n| answers[*n].status == 200).collect();
    assert_eq!(won.len(), 1, "{won:?}");
    let lost = answers.iter().filter(|answer| answer.status == 422);
    assert!(lost.clone().all(|answer| answer.problem() == "bad_link"));
    assert_eq!(lost.count(), 49);
    let mut browser = Browser::new(&app);
    assert_eq!(browser.sign_in(ADA, &passwords[won[0]]).await.status, 200);
    machine.settle().await;
    let resets = told(&world).await;
    let resets = resets
        .iter()
        .filter(|(kind, _)| kind == "auth.password_reset.v1");
    assert_eq!(resets.count(), 1);
    app.end().await;
}

#[tokio::test]
async fn a_refused_password_does_not_use_the_link_up() {
    let (world, app, mut machine) = World::solo().await.start().await;
    register(&world, &app, &mut machine, ADA).await;
    let link = forgot(&world, &app, &mut machine, ADA).await;

    for (bad, reason) in [
        ("short", "has fewer than 8 characters"),
        (
            "password1",
            "is too easy to guess. This is a very common password.",
        ),
        (
            "ada@example.org1",
            "is little more than your name, your address or the name of this site",
        ),
    ] {
        let answer = reset(&app, &link, bad).await;
        assert_eq!(pointers(&answer), [(json!("/password"), json!(reason))]);
    }
    assert_eq!(reset(&app, &link, NEW).await.status, 200);
    app.end().await;
}

#[tokio::test]
async fn a_link_that_is_not_good_any_more_replaces_nothing() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let body = json!({ "email": ADA, "password": PASSWORD });
    Browser::new(&app).post("/api/v1/auth/sign-up", &body).await;
    machine.settle().await;
    let activation = token(&world.newest_mail(ADA));
    let body = json!({ "token": activation });
    let path = "/api/v1/auth/activate";
    assert_eq!(Browser::new(&app).post(path, &body).await.status, 200);

    let first = forgot(&world, &app, &mut machine, ADA).await;
    let second = forgot(&world, &app, &mut machine, ADA).await;
    let superseded = reset(&app, &first, NEW).await;
    let mut changed = second.clone();
    changed.replace_range(30..31, if &second[30..31] == "A" { "B" } else { "A" });
    let forged = reset(&app, &changed, NEW).await;
    let other_purpose = reset(&app, &activation, NEW).await;
    let body = json!({ "token": second });
    let activates = Browser::new(&app).post(path, &body).await;
    app.clock.advance(TimeDelta::minutes(60));
    let expired = reset(&app, &second, NEW).await;
    let third = forgot(&world, &app, &mut machine, ADA).await;
    app.clock.advance(TimeDelta::minutes(59));
    let good = reset(&app, &third, NEW).await;
    let used = reset(&app, &third, NEW).await;

    for bad in [
        &superseded,
        &forged,
        &other_purpose,
        &activates,
        &expired,
        &used,
    ] {
        assert_eq!((bad.status, bad.problem()), (422, "bad_link".to_owned()));
    }
    assert_eq!(good.status, 200);
    app.end().await;
}

#[tokio::test]
async fn a_mail_that_comes_too_late_brings_no_link() {
    let (world, app, mut machine) = World::solo().await.start().await;
    register(&world, &app, &mut machine, ADA).await;
    let before = world.mails().len();
    let body = json!({ "email": ADA });
    let path = "/api/v1/auth/forgot";
    Browser::new(&app).post(path, &body).await;
    Browser::new(&app).post(path, &body).await;

    machine.settle().await;

    assert_eq!(
        world.mails().len(),
        before + 1,
        "only the newest link is sent"
    );
    app.end().await;
}

#[tokio::test]
async fn a_reset_shuts_what_the_old_password_had_opened_and_leaves_the_second_factor() {
    let (world, app, mut machine) = World::solo().await.start().await;
    register(&world, &app, &mut machine, ADA).await;
    let link = forgot(&world, &app, &mut machine, ADA).await;
    let pool = world.pool();
    for statement in [
        "INSERT INTO authenticators (id, user_id, created_at, confirmed_at)
         SELECT gen_random_uuid(), id, now(), now() FROM users",
        "INSERT INTO api_tokens (id, user_id, name, token_hash, scopes, created_at, expires_at)
         SELECT gen_random_uuid(), id, 'a program', '\\x00', '{}', now(), now() + interval '1 day' FROM users",
    ] {
        sqlx::query(statement).execute(&pool).await.expect("a row");
    }
    let half = Browser::new(&app).sign_in(ADA, PASSWORD).await;
    assert_eq!(half.json()["status"], "second_factor_required");

    assert_eq!(reset(&app, &link, NEW).await.status, 200);

    for (table, expected) in [
        ("SELECT count(*) FROM sign_in_challenges", 0),
        ("SELECT count(*) FROM api_tokens", 0),
        ("SELECT count(*) FROM authenticators", 1),
    ] {
        assert_eq!(world.number(&pool, table).await, expected, "{table}");
    }
    let again = Browser::new(&app).sign_in(ADA, NEW).await;
    assert_eq!(again.json()["status"], "second_factor_required");
    app.end().await;
}

#[tokio::test]
async fn tries_to_reset_are_counted() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;

    let mut browser = Browser::new(&app);
    for _ in 0..15 {
        assert_eq!(reset(&app, "nothing", NEW).await.status, 422);
        assert_eq!(browser.get("/reset?token=nothing").await.status, 200);
    }
    for refused in [
        reset(&app, "nothing", NEW).await,
        browser.get("/reset?token=nothing").await,
    ] {
        assert_eq!(
            (refused.status, refused.header("retry-after")),
            (429, Some("2"))
        );
    }
    app.end().await;
}

#[tokio::test]
async fn the_page_behind_the_link_sets_a_password_only_when_its_button_is_pressed() {
    let (world, app, mut machine) = World::solo().await.start().await;
    register(&world, &app, &mut machine, ADA).await;
    let link = forgot(&world, &app, &mut machine, ADA).await;
    let mut browser = Browser::new(&app).with("accept", "text/html");
    let path = format!("/reset?token={link}");
    let fill = |password| [("token", link.clone()), ("password", password)];
    let press = async |browser: &mut Browser, password: &str| {
        let fields = fill(password.to_owned());
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        browser.form("/reset", &fields).await
    };

    let page = browser.get(&path).await;
    let refused = press(&mut browser, "short").await;
    let done = press(&mut browser, NEW).await;
    let again = press(&mut browser, NEW).await;
    let opened_again = browser.get(&path).await;
    let nonsense = browser.get("/reset?token=%22%3E%3Cscript%3E").await;

    assert!(page.status == 200 && page.body.contains(&link), "{page:?}");
    assert!(page.body.contains("autocomplete=\"new-password\""));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("Has fewer than 8 characters.") && refused.body.contains(&link));
    assert!(!refused.body.contains("short"));
    assert!(done.body.contains("Your password is set"), "{done:?}");
    for bad in [&again, &opened_again, &nonsense] {
        assert!(bad.body.contains("not good any more"), "{bad:?}");
        assert!(!bad.body.contains("<script"));
    }
    assert_eq!(Browser::new(&app).sign_in(ADA, NEW).await.status, 200);
    app.end().await;
}
