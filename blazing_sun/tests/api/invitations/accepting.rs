//! Accepting an invitation, on its page too.

use serde_json::{Value, json};

use super::{ACCEPT, ADA, BOB, accept, account, invite};
use crate::harness::{Browser, PASSWORD, TestApp, World, admin, token};

#[tokio::test]
async fn an_invitation_is_accepted_once_even_if_many_try_at_the_same_time() {
    let (world, app, mut machine) = World::solo()
        .await
        .patient()
        .with("THROTTLE_FACTOR", 100)
        .start()
        .await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    invite(&mut ada, &json!({ "email": BOB, "role": "operator" })).await;
    machine.settle().await;
    let token = token(&world.newest_mail(BOB));

    let tries = (0..50).map(|_| accept(&app, &token, PASSWORD));
    let answers = futures_util::future::join_all(tries).await;
    let later = accept(&app, &token, PASSWORD).await;

    let count = |status| {
        answers
            .iter()
            .filter(|answer| answer.status == status)
            .count()
    };
    assert_eq!((count(200), count(422), later.status), (1, 49, 422));
    let version = "SELECT version FROM users WHERE email = 'bob@example.org'";
    assert_eq!(world.number(&world.pool(), version).await, 3);
    app.end().await;
}

#[tokio::test]
async fn whoever_accepts_keeps_to_the_rules_for_passwords_and_names() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    invite(
        &mut ada,
        &json!({ "email": "bob@flowers.example", "name": "Robert Gardener" }),
    )
    .await;
    machine.settle().await;
    let token = token(&world.newest_mail("bob@flowers.example"));

    let mut browser = Browser::new(&app);
    let wrong = json!({ "token": token, "name": "\u{202e}", "password": "short" });
    let wrong = browser.post(ACCEPT, &wrong).await;
    let mut known = Vec::new();
    for password in ["password1", "flowers1", "gardener", "Robert Gardener"] {
        known.push(accept(&app, &token, password).await.status);
    }
    let unknown = browser
        .post(ACCEPT, &json!({ "token": "x", "password": "short" }))
        .await;
    let body = json!({ "token": token, "name": "Bob", "password": PASSWORD });
    let right = browser.post(ACCEPT, &body).await;

    let errors = wrong.json()["errors"].clone();
    let pointers = [0, 1].map(|number| errors[number]["pointer"].clone());
    assert_eq!(
        (wrong.status, pointers),
        (422, ["/name", "/password"].map(Value::from))
    );
    assert_eq!(known, [422, 422, 422, 422]);
    assert_eq!(unknown.problem(), "bad_link");
    assert_eq!(right.status, 200);
    assert_eq!(account(&world, "bob@flowers.example").await.3, "Bob");
    app.end().await;
}

#[tokio::test]
async fn tries_to_accept_are_counted() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;

    let mut statuses = Vec::new();
    for _ in 0..31 {
        statuses.push(accept(&app, "x", PASSWORD).await.status);
    }

    assert_eq!((statuses[29], statuses[30]), (422, 429));
    app.end().await;
}

#[tokio::test]
async fn the_page_behind_the_link_opens_the_account_only_when_its_form_is_sent() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    invite(
        &mut ada,
        &json!({ "email": BOB, "name": "Bob", "role": "operator" }),
    )
    .await;
    machine.settle().await;
    let token = token(&world.newest_mail(BOB));
    let mut bob = Browser::new(&app);
    let form = |password| {
        [
            ("token", token.as_str()),
            ("name", "Robert"),
            ("password", password),
        ]
    };

    let page = bob.get(&format!("/invitation?token={token}")).await;
    let before = account(&world, BOB).await.1;
    let wrong = bob.form("/invitation", &form("short")).await;
    let done = bob.form("/invitation", &form(PASSWORD)).await;
    let again = bob.form("/invitation", &form(PASSWORD)).await;
    let used = bob.get(&format!("/invitation?token={token}")).await;

    assert!(
        page.body.contains(BOB) && page.body.contains("value=\"Bob\""),
        "{page:?}"
    );
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(before, "pending");
    assert_eq!(wrong.status, 422);
    assert!(
        wrong.body.contains("fewer than 8 characters") && wrong.body.contains("value=\"Robert\""),
        "{wrong:?}"
    );
    assert!(
        !wrong.body.contains("short"),
        "a password is not shown again"
    );
    assert!(done.body.contains("Your account is open"), "{done:?}");
    for page in [again, used] {
        assert!(page.body.contains("not good any more"), "{page:?}");
    }
    let (_, status, role, name) = account(&world, BOB).await;
    assert_eq!(
        (status.as_str(), role.as_str(), name.as_str()),
        ("active", "operator", "Robert")
    );
    app.end().await;
}

#[tokio::test]
async fn who_activates_while_the_invitation_is_accepted_waits_and_holds_nobody_up() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let body = json!({ "email": BOB, "password": "of a stranger" });
    Browser::new(&app).post("/api/v1/auth/sign-up", &body).await;
    machine.settle().await;
    let body = json!({ "token": token(&world.newest_mail(BOB)) });

    // As whoever accepts does: the account first, then the links to it.
    let mut held = world.pool().begin().await.expect("a transaction");
    sqlx::query("SELECT FROM users FOR UPDATE")
        .execute(&mut *held)
        .await
        .expect("the account");
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let accepting = async {
        world.until(waiting, 1).await;
        sqlx::query("DELETE FROM user_tokens")
            .execute(&mut *held)
            .await
            .expect("no deadlock");
        held.commit().await.expect("an end");
    };
    let mut stranger = Browser::new(&app);
    let (activated, ()) = tokio::join!(stranger.post("/api/v1/auth/activate", &body), accepting);

    assert_eq!(
        (activated.status, activated.problem()),
        (422, "bad_link".to_owned())
    );
    app.end().await;
}
