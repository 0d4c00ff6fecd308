//! Somebody has lost the second factor: an administrator removes it, who knows who asks.

use blazing_sun::audit;
use blazing_sun::kernel::clock::{Clock, SystemClock};
use chrono::TimeDelta;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    App, Browser, Machine, PASSWORD, Passkey, Process, TestApp, World, admin, member,
};

const ADA: &str = "ada@example.org";
const BOB: &str = "bob@example.org";
const VALIDATE: &str = "/api/v1/auth/validate";
const LEFT: &str = "SELECT (SELECT count(*) FROM authenticators) + (SELECT count(*) FROM passkeys)
                         + (SELECT count(*) FROM recovery_codes)";

/// An application after the first hour of 1970, before which no app shows codes.
async fn started(world: &World) -> (TestApp, Machine) {
    let app = TestApp::start(world).await;
    app.clock.advance(TimeDelta::hours(1));
    let machine = Machine::new(world, &app).await;
    (app, machine)
}

async fn user(world: &World, email: &str) -> Uuid {
    sqlx::query_scalar("SELECT id FROM users WHERE email = $1")
        .bind(email)
        .fetch_one(&world.pool())
        .await
        .expect("an account")
}

/// The last change of an account that was told, and who made it.
async fn last_change(world: &World, account: Uuid) -> (Value, Option<Uuid>) {
    let history = audit::history(&world.pool(), account).await;
    let history = history.expect("the audit");
    let mut changes = history.iter().rev();
    let last = changes.find(|entry| entry.kind == "user.updated.v1");
    let last = last.expect("a change");
    (last.data["changed"].clone(), last.actor_id)
}

fn told_of(world: &World, what: &str) -> bool {
    let mail = world.newest_mail(BOB);
    let text = mail_parser::MessageParser::default()
        .parse(mail.as_bytes())
        .and_then(|mail| Some(mail.body_text(0)?.into_owned()))
        .expect("a text");
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").contains(what)
}

#[tokio::test]
async fn an_administrator_removes_all_of_it_and_the_owner_is_told() {
    let world = World::solo().await;
    let (app, mut machine) = started(&world).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    let mut bob = member(&world, &app, &mut machine, BOB).await;
    App::set_up(&mut bob, &app).await;
    let added = Passkey::new().add(&mut bob, "a key").await;
    assert_eq!(added.status, 201, "{added:?}");
    let (pool, id) = (world.pool(), user(&world, BOB).await);
    let before = world.number(&pool, LEFT).await;

    let path = format!("/api/v1/users/{id}/second-factor");
    let removed = ada.delete(&path).await;
    let nothing = ada.delete(&path).await;
    let unknown = format!("/api/v1/users/{}/second-factor", Uuid::nil());
    let unknown = ada.delete(&unknown).await;
    machine.settle().await;

    assert_eq!((removed.status, unknown.status), (204, 404));
    assert_eq!(
        (nothing.status, nothing.problem()),
        (409, "no_second_factor".to_owned())
    );
    assert_eq!((before, world.number(&pool, LEFT).await), (12, 0));
    assert_eq!(bob.get(VALIDATE).await.status, 401);
    assert_eq!(ada.get(VALIDATE).await.status, 204);
    let changed = json!(["authenticator_removed", "passkey_removed"]);
    let by = Some(user(&world, ADA).await);
    assert_eq!(last_change(&world, id).await, (changed, by));
    assert!(told_of(
        &world,
        "the authenticator app was removed and a passkey was removed"
    ));
    let signed_in = Browser::new(&app).sign_in(BOB, PASSWORD).await;
    assert_eq!(signed_in.json()["status"], "signed_in");
    app.end().await;
}

#[tokio::test]
async fn nobody_does_it_for_themselves_or_without_showing_who_they_are() {
    let world = World::solo().await.with("CACHE", "redis");
    let (app, mut machine) = started(&world).await;
    let mut ada = admin(&world, &app, &mut machine, ADA).await;
    let mut bob = member(&world, &app, &mut machine, BOB).await;
    App::set_up(&mut ada, &app).await;
    App::set_up(&mut bob, &app).await;
    let of_ada = format!("/api/v1/users/{}/second-factor", user(&world, ADA).await);
    let of_bob = format!("/api/v1/users/{}/second-factor", user(&world, BOB).await);
    ada.get(VALIDATE).await;

    let own = ada.delete(&of_ada).await;
    // As it is while Redis is away: nobody can tell it that the session has changed.
    let set_role = async |role: &str| {
        sqlx::query("UPDATE users SET role = $1 WHERE email = $2")
            .bind(role)
            .bind(ADA)
            .execute(&world.pool())
            .await
            .expect("a role");
    };
    set_role("user").await;
    let no_more = ada.delete(&of_bob).await;
    set_role("admin").await;
    app.clock.advance(TimeDelta::minutes(10));
    let late = ada.delete(&of_bob).await;

    let kinds = [
        (own, "own_account"),
        (no_more, "insufficient_role"),
        (late, "confirmation_required"),
    ];
    for (answer, kind) in kinds {
        assert_eq!((answer.status, answer.problem().as_str()), (403, kind));
    }
    assert_eq!(world.number(&world.pool(), LEFT).await, 22);
    app.end().await;
}

#[tokio::test]
async fn the_command_does_it_for_the_last_administrator_too() {
    let world = World::solo().await;
    let (app, mut machine) = started(&world).await;
    let mut bob = admin(&world, &app, &mut machine, BOB).await;
    App::set_up(&mut bob, &app).await;
    let id = user(&world, BOB).await;
    let command = "user remove-second-factor --email bob@example.org";

    let removed = Process::finish(&world, command).await;
    let nothing = Process::finish(&world, command).await;
    // The command goes by the clock of the machine, which is ahead of the test's.
    let ahead = SystemClock.now() - app.clock.now() + TimeDelta::minutes(1);
    app.clock.advance(ahead);
    machine.settle().await;

    assert_eq!(removed.code, Some(0), "{removed:?}");
    assert_eq!(
        removed.stdout.trim_end(),
        format!("{id} signs in with the password alone now; sessions ended: 1")
    );
    assert_eq!(
        (nothing.code, nothing.stderr.trim_end()),
        (Some(1), "blazing_sun: the account has no second factor")
    );
    assert_eq!(world.number(&world.pool(), LEFT).await, 0);
    let changed = json!(["authenticator_removed"]);
    assert_eq!(last_change(&world, id).await, (changed, None));
    assert!(told_of(&world, "the authenticator app was removed"));
    app.end().await;
}
