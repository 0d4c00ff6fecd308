//! Who has a password and tries second factors is noticed by its owner.

use chrono::TimeDelta;
use serde_json::json;
use uuid::Uuid;

use crate::harness::{App, Browser, Machine, TestApp, World, challenge, enqueue, member};

const ADA: &str = "ada@example.org";
const BOB: &str = "bob@example.org";

/// Ada and Bob, who have an app each; no answer is refused for coming too soon.
async fn started(world: &World) -> (TestApp, Machine, App) {
    let app = TestApp::start(world).await;
    app.clock.advance(TimeDelta::hours(1));
    let mut machine = Machine::new(world, &app).await;
    let mut bob = member(world, &app, &mut machine, BOB).await;
    App::set_up(&mut bob, &app).await;
    let mut ada = member(world, &app, &mut machine, ADA).await;
    let (phone, _) = App::set_up(&mut ada, &app).await;
    machine.settle().await;
    (app, machine, phone)
}

/// Gives so many wrong codes in sign-ins of their own.
async fn guess(app: &TestApp, machine: &mut Machine, (email, phone): (&str, &App), times: usize) {
    for _ in 0..times {
        let mut browser = Browser::new(app);
        let challenge = challenge(&mut browser, email).await;
        let body = json!({ "challenge": challenge, "code": phone.wrong_code(app) });
        let answer = browser.post("/api/v1/auth/second-factor", &body).await;
        assert_eq!(answer.problem(), "wrong_code");
    }
    machine.settle().await;
}

/// How many mails have told somebody.
fn told(world: &World, email: &str) -> usize {
    let mails = world.mails();
    let is_one = |mail: &&String| {
        mail.contains("Somebody with your password tried wrong codes")
            && mail.contains(&format!("To: {email}"))
    };
    mails.iter().filter(is_one).count()
}

#[tokio::test]
async fn five_wrong_codes_are_told_once_a_day() {
    let world = World::solo().await.with("THROTTLE_FACTOR", 100);
    let (app, mut machine, phone) = started(&world).await;
    let ada = (ADA, &phone);

    guess(&app, &mut machine, ada, 4).await;
    guess(&app, &mut machine, (BOB, &phone), 4).await;
    let after_four = (told(&world, ADA), told(&world, BOB));
    app.clock.advance(TimeDelta::hours(23));
    guess(&app, &mut machine, ada, 1).await;
    let after_five = told(&world, ADA);
    // Others are counted from here on, while it is quiet for a day.
    app.clock.advance(TimeDelta::hours(1));
    guess(&app, &mut machine, ada, 6).await;
    machine.deliver_again().await;
    machine.settle().await;
    let still = told(&world, ADA);
    app.clock.advance(TimeDelta::hours(22));
    guess(&app, &mut machine, ada, 1).await;
    let just_before = told(&world, ADA);
    app.clock.advance(TimeDelta::hours(1));
    guess(&app, &mut machine, ada, 1).await;
    let next_day = told(&world, ADA);

    assert_eq!(after_four, (0, 0));
    assert_eq!((after_five, still, just_before, next_day), (1, 1, 1, 2));
    assert_eq!(told(&world, BOB), 0);
    let mail = world.newest_mail(ADA);
    assert!(
        mail.contains("/forgot") && !mail.contains("token="),
        "{mail}"
    );
    app.end().await;
}

#[tokio::test]
async fn wrong_passwords_and_codes_of_long_ago_are_told_to_nobody() {
    let world = World::solo().await.with("THROTTLE_FACTOR", 100);
    let (app, mut machine, phone) = started(&world).await;

    for _ in 0..6 {
        Browser::new(&app).sign_in(ADA, "another horse").await;
    }
    guess(&app, &mut machine, (ADA, &phone), 4).await;
    app.clock.advance(TimeDelta::days(1));
    guess(&app, &mut machine, (ADA, &phone), 4).await;

    assert_eq!(told(&world, ADA), 0);
    app.end().await;
}

#[tokio::test]
async fn what_was_counted_is_forgotten_after_a_day_without_more() {
    let world = World::solo().await.with("THROTTLE_FACTOR", 100);
    let (app, mut machine, phone) = started(&world).await;
    let counted = "SELECT count(*) FROM wrong_codes";

    guess(&app, &mut machine, (ADA, &phone), 1).await;
    guess(&app, &mut machine, (BOB, &phone), 4).await;
    app.clock.advance(TimeDelta::hours(23));
    // Bob is told now, and it has to be known tomorrow.
    guess(&app, &mut machine, (BOB, &phone), 1).await;
    app.clock.advance(TimeDelta::hours(1));
    enqueue(&world, &app, "purge_accounts", json!({})).await;
    machine.settle().await;

    let left: Vec<Uuid> = sqlx::query_scalar("SELECT user_id FROM wrong_codes")
        .fetch_all(&world.pool())
        .await
        .expect("the table");
    let bob: Uuid = sqlx::query_scalar("SELECT id FROM users WHERE email = $1")
        .bind(BOB)
        .fetch_one(&world.pool())
        .await
        .expect("Bob");
    assert_eq!(left, [bob]);
    app.clock.advance(TimeDelta::hours(23));
    enqueue(&world, &app, "purge_accounts", json!({})).await;
    machine.settle().await;
    assert_eq!(world.number(&world.pool(), counted).await, 0);
    app.end().await;
}
