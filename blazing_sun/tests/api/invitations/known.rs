//! Invitations to addresses that have an account, or get one in another way.

use serde_json::json;

use super::{ADA, BOB, accept, account, invite, states};
use crate::harness::{Browser, PASSWORD, World, admin, register, token};

#[tokio::test]
async fn an_address_that_has_an_account_is_told_to_the_administrator_alone() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    register(&world, &app, &mut machine, BOB).await;
    let mails = world.mails().len();

    let batch = invite(
        &mut ada,
        &json!({ "email": "BOB@example.org", "role": "admin" }),
    )
    .await;
    machine.settle().await;

    assert_eq!(states(&mut ada, &batch).await, [("registered", 1)]);
    assert_eq!(world.mails().len(), mails);
    assert_eq!(account(&world, BOB).await.2, "user");
    app.end().await;
}

#[tokio::test]
async fn a_stranger_who_signs_up_with_the_address_gets_neither_the_role_nor_the_account() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    let sign_up = json!({ "email": BOB, "password": "of a stranger" });
    let mut stranger = Browser::new(&app);

    // Before the invitation, and after it.
    stranger.post("/api/v1/auth/sign-up", &sign_up).await;
    machine.settle().await;
    let early = token(&world.newest_mail(BOB));
    invite(&mut ada, &json!({ "email": BOB, "role": "admin" })).await;
    machine.settle().await;
    let invitation = token(&world.newest_mail(BOB));
    stranger.post("/api/v1/auth/sign-up", &sign_up).await;
    machine.settle().await;
    let late = token(&world.newest_mail(BOB));
    let meanwhile = account(&world, BOB).await;
    let before = stranger.sign_in(BOB, "of a stranger").await;
    let accepted = accept(&app, &invitation, PASSWORD).await;
    let mut activations = Vec::new();
    for token in [early, late] {
        let body = json!({ "token": token });
        activations.push(stranger.post("/api/v1/auth/activate", &body).await.status);
    }
    let after = stranger.sign_in(BOB, "of a stranger").await;
    let owner = Browser::new(&app).sign_in(BOB, PASSWORD).await;

    assert_eq!(
        (meanwhile.1.as_str(), meanwhile.2.as_str()),
        ("pending", "user")
    );
    assert_eq!(
        (before.status, after.status, activations),
        (401, 401, vec![422, 422])
    );
    assert_eq!((accepted.status, owner.status), (200, 200));
    let links = "SELECT count(*) FROM user_tokens WHERE used_at IS NULL";
    assert_eq!(world.number(&world.pool(), links).await, 0);
    app.end().await;
}

#[tokio::test]
async fn who_opens_the_account_in_another_way_has_no_role_by_it_and_the_invitation_is_void() {
    let (world, app, mut machine) = World::solo().await.start().await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    let batch = invite(&mut ada, &json!({ "email": BOB, "role": "admin" })).await;
    machine.settle().await;
    let invitation = token(&world.newest_mail(BOB));

    register(&world, &app, &mut machine, BOB).await;
    let answer = accept(&app, &invitation, "another horse").await;

    assert_eq!(
        (answer.status, answer.problem()),
        (422, "bad_link".to_owned())
    );
    assert_eq!(account(&world, BOB).await.2, "user");
    assert_eq!(states(&mut ada, &batch).await, [("registered", 1)]);
    assert_eq!(
        ada.get(&batch).await.json()["rows"][0]["state"],
        "registered"
    );
    app.end().await;
}
