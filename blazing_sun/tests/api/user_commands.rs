//! `blazing_sun user`, and the first administrator that the settings name.

use blazing_sun::kernel::clock::{Clock, SystemClock};
use chrono::TimeDelta;
use uuid::Uuid;

use crate::harness::{Browser, Machine, PASSWORD, Process, TestApp, World, member, token};

const ADA: &str = "ada@example.org";
const BOB: &str = "bob@example.org";

async fn people(world: &World) -> Vec<(String, String, String)> {
    sqlx::query_as("SELECT email, status, role FROM users ORDER BY id")
        .fetch_all(&world.pool())
        .await
        .expect("accounts")
}

fn person(email: &str, status: &str, role: &str) -> (String, String, String) {
    (email.to_owned(), status.to_owned(), role.to_owned())
}

/// Ends with 1 and says why in one line.
async fn refused(world: &World, command: &str, input: &str) -> String {
    let finished = Process::finish_given(world, command, input).await;
    assert_eq!(
        (finished.code, finished.stdout.as_str()),
        (Some(1), ""),
        "{finished:?}"
    );
    assert_eq!(finished.stderr.lines().count(), 1, "{finished:?}");
    finished
        .stderr
        .trim_end()
        .trim_start_matches("blazing_sun: ")
        .to_owned()
}

#[tokio::test]
async fn a_new_database_has_no_account() {
    let world = World::unmigrated().await.with("CACHE", "none");
    let world = world
        .with("JOBS_CARRIER", "postgres")
        .with("EVENTS_CARRIER", "postgres");

    let migrated = Process::finish(&world, "migrate").await;
    TestApp::start(&world).await.end().await;

    assert_eq!(migrated.code, Some(0), "{migrated:?}");
    assert_eq!(people(&world).await, []);
}

#[tokio::test]
async fn an_account_with_a_password_is_opened_at_once_and_the_password_is_no_argument() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let command = "user create --email ada@example.org --name Ada --role admin --password-stdin";

    let input = format!("{PASSWORD}\nanother line\n");
    let finished = Process::finish_given(&world, command, &input).await;
    machine.settle().await;
    let mut ada = Browser::new(&app);
    let signed_in = ada.sign_in(ADA, PASSWORD).await;
    let listed = ada.get("/api/v1/users").await;
    let taken = refused(&world, command, &input).await;
    let argument = Process::finish(
        &world,
        "user create --email x@example.org --password secret",
    )
    .await;

    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(!finished.stdout.contains(PASSWORD) && !finished.stderr.contains(PASSWORD));
    assert_eq!((signed_in.status, listed.status), (200, 200));
    assert_eq!(listed.json()["users"][0]["name"], "Ada");
    assert!(
        taken.starts_with("the address has an account already"),
        "{taken}"
    );
    assert_eq!(argument.code, Some(2), "{argument:?}");
    let told: Vec<(String, i64)> = sqlx::query_as(
        "SELECT type, sequence FROM audit_log WHERE type LIKE 'user.%' ORDER BY event_id",
    )
    .fetch_all(&world.pool())
    .await
    .expect("the audit");
    let expected = [
        ("user.created.v1", 1),
        ("user.activated.v1", 2),
        ("user.updated.v1", 3),
    ];
    assert_eq!(
        told,
        expected.map(|(kind, sequence)| (kind.to_owned(), sequence))
    );
    assert_eq!(world.mails().len(), 0);
    app.end().await;
}

#[tokio::test]
async fn who_gets_no_password_is_invited() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;

    let finished = Process::finish(
        &world,
        "user create --email bob@example.org --role operator",
    )
    .await;
    // The command goes by the clock of the machine, which is ahead of the test's.
    app.clock
        .advance(SystemClock.now() - app.clock.now() + TimeDelta::minutes(1));
    machine.settle().await;
    let offered = people(&world).await;
    let body = serde_json::json!({ "token": token(&world.newest_mail(BOB)), "password": PASSWORD });
    let accepted = Browser::new(&app)
        .post("/api/v1/auth/invitation", &body)
        .await;
    let again = refused(&world, "user create --email bob@example.org", "").await;

    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert_eq!(offered, [person(BOB, "pending", "user")]);
    assert_eq!(accepted.status, 200, "{accepted:?}");
    assert_eq!(people(&world).await, [person(BOB, "active", "operator")]);
    assert!(
        again.starts_with("the address has an account already"),
        "{again}"
    );
    app.end().await;
}

#[tokio::test]
async fn what_is_wrong_is_told_in_one_line() {
    let world = World::solo().await;
    let with_password = "user create --email ada@example.org --password-stdin";

    for (command, input, reason) in [
        (
            "user create --email ada@",
            "",
            "--email is not an e-mail address such as ada@example.org",
        ),
        (
            "user create --email a@b.cd --name \u{1}",
            "",
            "--name has control characters",
        ),
        (
            with_password,
            "short\n",
            "the password has fewer than 8 characters",
        ),
        (
            with_password,
            "",
            "the password has fewer than 8 characters",
        ),
        (
            "user role --email ada@example.org admin",
            "",
            "the address has no account",
        ),
        (
            "user sign-out --email ada@example.org",
            "",
            "the address has no account",
        ),
        (
            "user remove-second-factor --email ada@example.org",
            "",
            "the address has no account",
        ),
        (
            "user list --email \u{1}",
            "",
            "--email is not an e-mail address such as ada@example.org",
        ),
    ] {
        assert_eq!(refused(&world, command, input).await, reason, "{command}");
    }
    for command in [
        "user sign-out",
        "user role --email a@b.cd king",
        "user list --limit 0",
    ] {
        assert_eq!(
            Process::finish(&world, command).await.code,
            Some(2),
            "{command}"
        );
    }
    assert_eq!(people(&world).await, []);
}

#[tokio::test]
async fn accounts_are_listed_and_their_roles_changed() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    member(&world, &app, &mut machine, BOB).await;

    let raised = Process::finish(&world, "user role --email ADA@example.org admin").await;
    let after = ada.get("/api/v1/auth/validate").await;
    let last = refused(&world, "user role --email ada@example.org user", "").await;
    let listed = Process::finish(&world, "user list --email a").await;

    assert_eq!(raised.code, Some(0), "{raised:?}");
    assert_eq!(after.status, 401);
    assert_eq!(
        last,
        "this is the last administrator; make somebody else one first"
    );
    let lines: Vec<&str> = listed.stdout.lines().collect();
    assert_eq!(lines.len(), 1, "{listed:?}");
    let words: Vec<&str> = lines[0].split_whitespace().skip(1).collect();
    assert_eq!(words, ["admin", "active", ADA]);
    app.end().await;
}

#[tokio::test]
async fn sessions_are_ended_also_where_they_are_cached() {
    let world = World::solo().await.with("CACHE", "redis");
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, ADA).await;
    let mut bob = member(&world, &app, &mut machine, BOB).await;
    let mut statuses = Vec::new();

    for command in [
        "schedule list",
        "user sign-out --email ada@example.org",
        "user sign-out --all",
    ] {
        assert_eq!(
            Process::finish(&world, command).await.code,
            Some(0),
            "{command}"
        );
        for browser in [&mut ada, &mut bob] {
            statuses.push(browser.get("/api/v1/auth/validate").await.status);
        }
    }

    assert_eq!(statuses, [204, 204, 401, 204, 401, 401]);
    app.end().await;
}

#[tokio::test]
async fn a_first_administrator_with_a_password_is_there_after_the_first_start() {
    let world = World::solo()
        .await
        .with("ADMIN_EMAIL", ADA)
        .with("ADMIN_PASSWORD", PASSWORD);

    let app = TestApp::start(&world).await;
    let signed_in = Browser::new(&app).sign_in(ADA, PASSWORD).await;
    app.end().await;
    let world = world.with("ADMIN_EMAIL", BOB);
    TestApp::start(&world).await.end().await;

    assert_eq!(signed_in.status, 200);
    assert_eq!(people(&world).await, [person(ADA, "active", "admin")]);
}

#[tokio::test]
async fn a_first_administrator_without_a_password_is_invited_until_there_is_one() {
    let world = World::solo().await.with("ADMIN_EMAIL", ADA);
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    let invitations = "SELECT count(*) FROM invitations WHERE role = 'admin'";
    let mut counts = Vec::new();

    // The job waits, its mail is out, its link has expired.
    for step in 0..3 {
        TestApp::start(&world).await.end().await;
        counts.push(world.number(&world.pool(), invitations).await);
        if step == 0 {
            machine.settle().await;
        } else {
            sqlx::query("UPDATE user_tokens SET expires_at = to_timestamp(0)")
                .execute(&world.pool())
                .await
                .expect("tokens");
        }
    }
    machine.settle().await;
    let body = serde_json::json!({ "token": token(&world.newest_mail(ADA)), "password": PASSWORD });
    let accepted = Browser::new(&app)
        .post("/api/v1/auth/invitation", &body)
        .await;
    TestApp::start(&world).await.end().await;

    assert_eq!(counts, [1, 1, 2]);
    assert_eq!(accepted.status, 200, "{accepted:?}");
    assert_eq!(people(&world).await, [person(ADA, "active", "admin")]);
    assert_eq!(world.number(&world.pool(), invitations).await, 2);
    app.end().await;
}

#[tokio::test]
async fn of_many_processes_that_start_at_once_one_provides_the_first_administrator() {
    let world = World::solo().await.with("ADMIN_EMAIL", ADA);

    // Each has looked, or waits to, when the first one may write.
    let mut held = world.pool().begin().await.expect("a transaction");
    sqlx::query("LOCK TABLE invitation_batches IN EXCLUSIVE MODE")
        .execute(&mut *held)
        .await
        .expect("a lock");
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let release = async {
        world.until(waiting, 4).await;
        held.rollback().await.expect("an end");
    };
    let starts = (0..4).map(|_| TestApp::start(&world));
    let (apps, ()) = tokio::join!(futures_util::future::join_all(starts), release);

    let invitations = "SELECT count(*) FROM invitations";
    assert_eq!(world.number(&world.pool(), invitations).await, 1);
    for app in apps {
        app.end().await;
    }
}

#[tokio::test]
async fn an_account_that_is_there_is_made_no_administrator_in_silence() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    member(&world, &app, &mut machine, ADA).await;
    app.end().await;

    let mut world = world.with("ADMIN_EMAIL", ADA);
    for password in ["", PASSWORD] {
        world = world.with("ADMIN_PASSWORD", password);
        let mut process = Process::run(&world);
        let line = process
            .logged(
                "there is no administrator: ADMIN_EMAIL has an account already, which is given no role by itself; \
                 `blazing_sun user role` gives it one",
            )
            .await;
        assert!(
            line["user.id"]
                .as_str()
                .is_some_and(|id| id.parse::<Uuid>().is_ok()),
            "{line}"
        );
        assert!(!line.to_string().contains(ADA));
        process.listening().await;
    }
    assert_eq!(people(&world).await, [person(ADA, "active", "user")]);
}

#[tokio::test]
async fn a_first_administrator_who_cannot_be_is_told_before_anything_starts() {
    for (email, password, wrong) in [
        (
            "ada@",
            "",
            "ADMIN_EMAIL: \"ada@\" is not valid; expected an e-mail address, or nothing",
        ),
        (
            ADA,
            "password1",
            "ADMIN_PASSWORD: not valid; expected nothing, or 8 to 128 characters that are not easy to guess",
        ),
        (
            ADA,
            "ada example",
            "ADMIN_PASSWORD: not valid; expected nothing, or 8 to 128 characters that are not easy to guess",
        ),
    ] {
        let world = World::solo()
            .await
            .with("ADMIN_EMAIL", email)
            .with("ADMIN_PASSWORD", password);
        let finished = Process::finish(&world, "run").await;
        assert_eq!(finished.code, Some(2));
        assert_eq!(finished.stderr, format!("blazing_sun: {wrong}\n"));
    }
}
