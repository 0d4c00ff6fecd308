//! Changing a password that one knows.

use chrono::TimeDelta;
use serde_json::json;

use super::{ADA, BOB, NEW, forgot, is_signed_in, pointers, reset, told};
use crate::harness::{Browser, PASSWORD, Response, TestApp, World, member};

async fn change(browser: &mut Browser, current: &str, new: &str) -> Response {
    let body = json!({ "current_password": current, "new_password": new });
    browser.post("/api/v1/auth/password", &body).await
}

#[tokio::test]
async fn who_knows_their_password_changes_it_and_stays_signed_in_here_alone() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let mut phone = Browser::new(&app);
    phone.sign_in(ADA, PASSWORD).await;
    let bob = member(&world, &app, &mut machine, BOB).await;
    let link = forgot(&world, &app, &mut machine, ADA).await;
    let old_cookie = ada.clone();

    let answer = change(&mut ada, PASSWORD, NEW).await;
    machine.settle().await;

    assert_eq!(answer.status, 204, "{answer:?}");
    assert!(is_signed_in(&ada).await);
    assert!(!is_signed_in(&old_cookie).await, "it has another token");
    assert!(!is_signed_in(&phone).await && is_signed_in(&bob).await);
    assert_eq!(Browser::new(&app).sign_in(ADA, PASSWORD).await.status, 401);
    assert_eq!(Browser::new(&app).sign_in(ADA, NEW).await.status, 200);
    assert_eq!(
        reset(&app, &link, "a third horse").await.problem(),
        "bad_link",
        "a link that was asked for before is void"
    );
    let told = told(&world).await;
    assert!(told.contains(&("user.password_changed.v1".to_owned(), 3)));
    app.end().await;
}

#[tokio::test]
async fn everything_wrong_with_a_change_is_told_at_once_and_nothing_is_changed() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let wrong = (
        json!("/current_password"),
        json!("is not the password of your account"),
    );
    let short = (json!("/new_password"), json!("has fewer than 8 characters"));
    let same = (
        json!("/new_password"),
        json!("is the password that you have"),
    );

    let both = change(&mut ada, NEW, "short").await;
    let current = change(&mut ada, NEW, NEW).await;
    let new = change(&mut ada, PASSWORD, "short").await;
    let equal = change(&mut ada, PASSWORD, PASSWORD).await;

    assert_eq!(pointers(&both), [wrong.clone(), short.clone()]);
    assert_eq!(pointers(&current), [wrong]);
    assert_eq!(pointers(&new), [short]);
    assert_eq!(pointers(&equal), [same]);
    assert!(is_signed_in(&ada).await);
    assert_eq!(Browser::new(&app).sign_in(ADA, PASSWORD).await.status, 200);
    app.end().await;
}

#[tokio::test]
async fn tries_to_guess_the_current_password_are_counted() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;

    for _ in 0..10 {
        assert_eq!(change(&mut ada, NEW, NEW).await.status, 422);
    }
    let refused = change(&mut ada, PASSWORD, NEW).await;

    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (429, Some("60"))
    );
    app.end().await;
}

#[tokio::test]
async fn a_change_does_not_count_as_a_confirmation() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let confirmed = "SELECT extract(epoch FROM confirmed_at)::bigint FROM sessions";
    let before = world.number(&world.pool(), confirmed).await;

    app.clock.advance(TimeDelta::hours(1));
    assert_eq!(change(&mut ada, PASSWORD, NEW).await.status, 204);

    assert_eq!(world.number(&world.pool(), confirmed).await, before);
    app.end().await;
}

#[tokio::test]
async fn nobody_changes_a_password_without_being_signed_in() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;

    let answer = change(&mut Browser::new(&app), PASSWORD, NEW).await;

    assert_eq!(
        (answer.status, answer.problem()),
        (401, "not_signed_in".to_owned())
    );
    app.end().await;
}

#[tokio::test]
async fn of_two_changes_in_two_sessions_one_wins_and_ends_the_other_session() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut one = member(&world, &app, &mut machine, ADA).await;
    let mut other = Browser::new(&app);
    other.sign_in(ADA, PASSWORD).await;

    let (first, second) = tokio::join!(
        change(&mut one, PASSWORD, "the first of two horses"),
        change(&mut other, PASSWORD, "the second of two horses"),
    );

    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    // Whoever comes second is signed out, or gives a password that is not the current one any more.
    assert_eq!(statuses[0], 204, "{first:?} {second:?}");
    assert!([401, 422].contains(&statuses[1]), "{first:?} {second:?}");
    let alive = [is_signed_in(&one).await, is_signed_in(&other).await];
    assert_eq!(alive, [first.status == 204, second.status == 204]);
    app.end().await;
}

#[tokio::test]
async fn sessions_in_the_cache_end_with_the_password_too() {
    let (world, app, mut machine) = World::solo().await.with("CACHE", "redis").start().await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let mut phone = Browser::new(&app);
    phone.sign_in(ADA, PASSWORD).await;
    // Now both are in the cache.
    assert!(is_signed_in(&ada).await && is_signed_in(&phone).await);
    let old_cookie = ada.clone();

    assert_eq!(change(&mut ada, PASSWORD, NEW).await.status, 204);
    let after_change = [
        is_signed_in(&ada).await,
        is_signed_in(&old_cookie).await,
        is_signed_in(&phone).await,
    ];
    let link = forgot(&world, &app, &mut machine, ADA).await;
    assert_eq!(reset(&app, &link, "a third horse").await.status, 200);

    assert_eq!(after_change, [true, false, false]);
    assert!(!is_signed_in(&ada).await);
    app.end().await;
}

#[tokio::test]
async fn the_password_is_changed_on_its_page() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = member(&world, &app, &mut machine, ADA)
        .await
        .with("accept", "text/html");
    let page = "/profile/password";

    let nobody = Browser::new(&app)
        .with("accept", "text/html")
        .get(page)
        .await;
    let form = ada.get(page).await;
    let wrong = [("current", "another horse"), ("password", "short")];
    let wrong = ada.form(page, &wrong).await;
    let right = [("current", PASSWORD), ("password", NEW)];
    let right = ada.form(page, &right).await;
    let told = ada.get(page).await;

    assert_eq!(
        nobody.header("location"),
        Some("/sign-in?next=/profile/password")
    );
    assert!(
        form.status == 200 && form.body.contains(ADA),
        "for password managers"
    );
    assert_eq!(wrong.status, 422);
    assert!(wrong.body.contains("Is not the password of your account."));
    assert!(wrong.body.contains("Has fewer than 8 characters."));
    assert!(!wrong.body.contains("another horse"));
    assert_eq!((right.status, right.header("location")), (303, Some(page)));
    assert!(
        told.status == 200 && told.body.contains("Your password is changed."),
        "{told:?}"
    );
    assert_eq!(Browser::new(&app).sign_in(ADA, NEW).await.status, 200);
    app.end().await;
}
