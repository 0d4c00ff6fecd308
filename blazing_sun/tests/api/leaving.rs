//! Leaving, and changing one's mind.

use blazing_sun::audit;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join;
use serde_json::{Value, json};

use crate::harness::{
    Browser, Machine, PASSWORD, Program, TestApp, World, enqueue, id_of, member, run,
};

const ADA: &str = "ada@example.org";
const BOB: &str = "bob@example.org";
const EXPORTS: &str = "/api/v1/profile/exports";
const DELETION: &str = "/api/v1/profile/deletion";

#[tokio::test]
async fn who_leaves_is_signed_out_everywhere_and_can_come_back_for_two_weeks() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let mut phone = Browser::new(&app);
    phone.sign_in(ADA, PASSWORD).await;
    let mut bob = member(&world, &app, &mut machine, BOB).await;
    for email in [ADA, BOB] {
        sqlx::query(
            "INSERT INTO api_tokens (id, user_id, name, token_hash, scopes, created_at, expires_at)
             VALUES (gen_random_uuid(), $1, 'x', sha256($2), '{}', now(), now())",
        )
        .bind(id_of(&world, email).await)
        .bind(email.as_bytes())
        .execute(&world.pool())
        .await
        .expect("a token");
    }
    let mut held = ada.clone();
    let mut program = Program::sign_in(&app, ADA).await;
    machine.settle().await;

    let leaving = ada.post(DELETION, &json!({})).await;
    machine.settle().await;
    let mail = world.newest_mail(ADA);
    let others = [
        held.get(EXPORTS).await,
        phone.get(EXPORTS).await,
        program.get(EXPORTS).await,
        program.renew().await,
    ];
    let back = ada.sign_in(ADA, PASSWORD).await;
    let again = ada.post(DELETION, &json!({})).await;
    let kept = ada.delete(DELETION).await;
    let kept_again = ada.delete(DELETION).await;
    app.clock.advance(TimeDelta::days(30));
    enqueue(&world, &app, "erase_accounts", json!({})).await;
    machine.settle().await;

    let at: DateTime<Utc> =
        serde_json::from_value(leaving.json()["deletion_at"].clone()).expect("a moment");
    assert_eq!(leaving.status, 202, "{leaving:?}");
    assert_eq!(at, DateTime::UNIX_EPOCH + TimeDelta::days(14));
    assert!(mail.contains("will be deleted on 15 Jan 1970"), "{mail}");
    assert_eq!(others.map(|answer| answer.status), [401; 4]);
    let left = "SELECT count(*) FROM api_tokens";
    assert_eq!(world.number(&world.pool(), left).await, 1, "Bob's");
    assert_eq!(bob.sign_in(BOB, PASSWORD).await.status, 200);
    assert_eq!(back.status, 200, "signing in is still possible");
    assert_eq!(
        (again.status, again.problem()),
        (409, "deletion_scheduled".to_owned())
    );
    assert_eq!((kept.status, kept_again.status), (204, 404));
    assert_eq!(ada.sign_in(ADA, PASSWORD).await.status, 200, "still there");
    let history = audit::history(&world.pool(), id_of(&world, ADA).await)
        .await
        .expect("the audit");
    let changes: Vec<(i64, Value)> = history
        .into_iter()
        .filter(|entry| entry.kind == "user.updated.v1")
        .map(|entry| (entry.sequence, entry.data["changed"].clone()))
        .collect();
    assert_eq!(
        changes,
        [
            (3, json!(["deletion_scheduled"])),
            (4, json!(["deletion_cancelled"]))
        ]
    );
    app.end().await;
}

#[tokio::test]
async fn the_last_administrator_cannot_leave_nor_can_the_last_two_at_once() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let mut bob = member(&world, &app, &mut machine, BOB).await;

    run(
        &world,
        "UPDATE users SET role = 'admin' WHERE email LIKE 'ada%'",
    )
    .await;
    let alone = ada.post(DELETION, &json!({})).await;
    assert_eq!(
        (alone.status, alone.problem()),
        (409, "last_administrator".to_owned())
    );
    assert_eq!(ada.get(EXPORTS).await.status, 200, "nothing has happened");
    // One who is not activated could not act.
    run(
        &world,
        "UPDATE users SET role = 'admin', status = 'pending' WHERE email LIKE 'bob%'",
    )
    .await;
    assert_eq!(ada.post(DELETION, &json!({})).await.status, 409);

    run(&world, "UPDATE users SET status = 'active'").await;
    for _ in 0..10 {
        let (hers, his) = (json!({}), json!({}));
        let both = join(ada.post(DELETION, &hers), bob.post(DELETION, &his)).await;
        let mut statuses = [both.0.status, both.1.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [202, 409], "{both:?}");
        run(&world, "UPDATE users SET deletion_at = NULL").await;
        for (browser, email) in [(&mut ada, ADA), (&mut bob, BOB)] {
            assert_eq!(browser.sign_in(email, PASSWORD).await.status, 200);
        }
    }

    // Whoever leaves counts no more.
    assert_eq!(bob.post(DELETION, &json!({})).await.status, 202);
    assert_eq!(ada.post(DELETION, &json!({})).await.status, 409);
    app.end().await;
}

#[tokio::test]
async fn somebody_takes_their_data_along_and_leaves_without_a_script() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA)
        .await
        .with("accept", "text/html");
    let mut bob = member(&world, &app, &mut machine, BOB)
        .await
        .with("accept", "text/html");
    const PAGE: &str = "/profile/data";
    let asking = [("do", "export")];

    // An export.
    assert!(ada.get(PAGE).await.body.contains("You have no exports."));
    assert_eq!(ada.form(PAGE, &asking).await.header("location"), Some(PAGE));
    let waiting = ada.get(PAGE).await.body;
    assert!(
        waiting.contains("is in the making. When it is ready") && waiting.contains("In the making")
    );
    assert!(!waiting.contains("Make an export"));
    let refused = ada.form(PAGE, &asking).await;
    assert!(refused.status == 409 && refused.body.contains("An export is in the making."));
    machine.settle().await;
    let ready = ada.get(PAGE).await.body.replace("&#x2f;", "/");
    assert!(ready.contains("8 Jan 1970, 00:00"), "{ready}");
    let (_, link) = ready.split_once("href=\"/profile/data/").expect("a link");
    let link = format!("/profile/data/{}", &link[..36]);
    let file = ada.get(&link).await;
    assert_eq!(file.json()["data"]["account"]["profile"]["email"], ADA);
    assert_eq!(bob.get(&link).await.status, 404);
    app.clock.advance(TimeDelta::minutes(10));
    let first = format!("/confirm?next={link}");
    assert_eq!(
        ada.get(&link).await.header("location"),
        Some(first.as_str())
    );
    let answer = ada.form(PAGE, &asking).await;
    assert_eq!(
        answer.header("location"),
        Some("/confirm?next=/profile/data")
    );

    // Leaving, after a fresh confirmation, which asks for all that signing in asks for.
    let leaving = [("do", "delete"), ("sure", "yes"), ("password", PASSWORD)];
    assert_eq!(
        ada.form(PAGE, &leaving).await.header("location"),
        Some("/confirm?next=/profile/data")
    );
    let proof = json!({ "password": PASSWORD });
    assert_eq!(ada.post("/api/v1/auth/confirm", &proof).await.status, 204);
    let wrong = ada.form(PAGE, &[("do", "delete"), ("password", "x")]).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.body.contains("2 things need"), "{wrong:?}");
    assert_eq!(ada.form(PAGE, &leaving).await.header("location"), Some("/"));
    assert!(
        ada.get("/")
            .await
            .body
            .contains("will be deleted on 15 Jan 1970, 00:10")
    );
    let gone = ada.get(PAGE).await;
    assert_eq!(gone.header("location"), Some("/sign-in?next=/profile/data"));

    // And back.
    ada.sign_in(ADA, PASSWORD).await;
    assert!(
        ada.get(PAGE)
            .await
            .body
            .contains("will be deleted on 15 Jan 1970")
    );
    assert_eq!(
        ada.form(PAGE, &[("do", "keep")]).await.header("location"),
        Some(PAGE)
    );
    let kept = ada.get(PAGE).await.body;
    assert!(kept.contains("You keep your account.") && kept.contains("Delete my account"));
    app.end().await;
}
