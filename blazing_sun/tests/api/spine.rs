//! The whole application as processes, killed and stopped, with the real brokers between them.

use std::net::SocketAddr;

use futures_util::future::join_all;
use serde_json::json;
use sqlx::PgPool;

use crate::harness::{Gate, Process, World, post};
use crate::support::Garbage;

/// Everything that was committed has had its effect.
const OPEN: &str = "SELECT (SELECT count(*) FROM outbox)
                         + (SELECT count(*) FROM jobs WHERE state <> 'done')
                         + (SELECT count(*) FROM event_log WHERE id NOT IN (SELECT event_id FROM inbox WHERE consumer = 'audit'))";

/// A world with brokers in which people sign up faster than one address may.
async fn busy_world() -> World {
    World::with_brokers().await.with("THROTTLE_FACTOR", 1000)
}

/// Signs up with addresses that nobody else has, all at once, and returns how many were accepted.
async fn sign_up(address: SocketAddr, who: &str, count: usize) -> i64 {
    let requests = (0..count).map(|number| {
        let body =
            json!({ "email": format!("{who}{number}@example.org"), "password": "correct horse" });
        async move { post(address, "/api/v1/auth/sign-up", &body).await }
    });
    for answer in join_all(requests).await {
        assert_eq!(answer.status, 202, "{answer:?}");
    }
    i64::try_from(count).expect("a number")
}

/// Every account has its event, its line in the audit log and its mail, each once, and there is nothing else but what the
/// system says about itself.
async fn assert_all_arrived_once(world: &World, accounts: i64) {
    world.until(OPEN, 0).await;
    let pool = world.pool();
    let number = async |query| world.number(&pool, query).await;
    assert_eq!(number("SELECT count(*) FROM users").await, accounts);
    assert_eq!(
        number("SELECT count(*) FROM event_log WHERE type NOT LIKE 'system.%'").await,
        accounts
    );
    assert_eq!(
        number("SELECT count(DISTINCT id) FROM event_log WHERE type NOT LIKE 'system.%'").await,
        accounts
    );
    assert_eq!(
        number("SELECT count(*) FROM audit_log WHERE type NOT LIKE 'system.%'").await,
        accounts
    );
    assert_eq!(
        number("SELECT count(DISTINCT subject) FROM audit_log WHERE type NOT LIKE 'system.%'")
            .await,
        accounts
    );
    assert_eq!(number("SELECT count(*) FROM dead_letters").await, 0);
    assert_eq!(
        i64::try_from(world.mails().len()).expect("a number"),
        accounts
    );
    pool.close().await;
}

/// Makes whoever leads look as if it had been away for long.
async fn lapse_leases(pool: &PgPool) {
    sqlx::query("UPDATE leases SET expires_at = '-infinity'")
        .execute(pool)
        .await
        .expect("lapsed leases");
}

#[tokio::test]
async fn two_processes_of_every_part_side_by_side_do_everything_once() {
    let world = busy_world().await;
    let mut front = [Process::only(&world, "http"), Process::only(&world, "http")];
    let _back: Vec<Process> = ["relay", "worker", "consumers", "schedule"]
        .iter()
        .flat_map(|role| [Process::only(&world, role), Process::only(&world, role)])
        .collect();
    let (one, other) = (front[0].listening().await, front[1].listening().await);

    let accepted = join_all([sign_up(one, "ada", 20), sign_up(other, "bob", 20)]).await;

    assert_all_arrived_once(&world, accepted.iter().sum()).await;
}

#[tokio::test]
async fn sigterm_under_load_loses_and_duplicates_nothing() {
    let world = busy_world().await;
    let mut front = Process::only(&world, "http");
    let address = front.listening().await;
    let mut accepted = 0;

    // Each back end is ended while it has its hands full; the next one takes over.
    for round in ["a", "b", "c"] {
        let mut back = Process::only(&world, "relay,worker,consumers");
        back.listening().await;
        accepted += sign_up(address, round, 15).await;
        back.signal("TERM").await;
        assert!(back.ended().await.success());
    }
    let _last = Process::only(&world, "relay,worker,consumers");

    assert_all_arrived_once(&world, accepted).await;
}

#[tokio::test]
async fn kill_9_under_load_loses_and_duplicates_nothing() {
    let world = busy_world().await;
    let mut front = Process::only(&world, "http");
    let address = front.listening().await;
    let pool = world.pool();
    let mut accepted = 0;

    for round in ["a", "b", "c"] {
        let mut back = Process::only(&world, "relay,worker,consumers");
        back.listening().await;
        accepted += sign_up(address, round, 15).await;
        back.signal("KILL").await;
        back.ended().await;
        // As if the time of what it held had passed.
        lapse_leases(&pool).await;
        sqlx::query("UPDATE jobs SET lease_until = '-infinity' WHERE state = 'running'")
            .execute(&pool)
            .await
            .expect("lapsed leases");
    }
    let _last = Process::only(&world, "relay,worker,consumers");

    assert_all_arrived_once(&world, accepted).await;
    pool.close().await;
}

#[tokio::test]
async fn a_relay_that_was_stopped_and_wakes_after_another_took_over_does_no_harm() {
    let world = busy_world().await;
    let pool = world.pool();
    let mut front = Process::only(&world, "http");
    let address = front.listening().await;
    let mut first = Process::only(&world, "relay");
    first.logged("leads").await;
    let mut accepted = sign_up(address, "a", 10).await;

    // In the midst of its work, if it is lucky.
    first.signal("STOP").await;
    accepted += sign_up(address, "b", 10).await;
    let mut second = Process::only(&world, "relay");
    lapse_leases(&pool).await;
    second.logged("leads").await;
    accepted += sign_up(address, "c", 10).await;
    first.signal("CONT").await;
    accepted += sign_up(address, "d", 10).await;
    let _rest = Process::only(&world, "worker,consumers");

    assert_all_arrived_once(&world, accepted).await;
    pool.close().await;
}

#[tokio::test]
async fn a_worker_killed_in_the_middle_of_a_job_has_its_attempt_counted_and_the_job_runs_again() {
    // A mail server that takes the connection and says nothing.
    let mut silent = Gate::holding().await;
    let world = busy_world().await;
    let pool = world.pool();
    let mut front = Process::only(&world, "http,relay,consumers");
    let accepted = sign_up(front.listening().await, "ada", 1).await;
    let mails = world.variable("MAIL_MAILER").to_owned();
    let world = world.with("MAIL_MAILER", "smtp").behind(&silent, "MAIL");
    let worker = Process::only(&world, "worker");
    silent.first_connection().await;

    worker.signal("KILL").await;
    worker.ended().await;
    sqlx::query(
        "UPDATE jobs SET lease_until = '-infinity' WHERE state = 'running' AND attempt = 1",
    )
    .execute(&pool)
    .await
    .expect("a lapsed lease");
    let world = world.with("MAIL_MAILER", mails);
    let _next = Process::only(&world, "worker");

    assert_all_arrived_once(&world, accepted).await;
    let attempts = "SELECT sum(attempt) FROM jobs";
    assert_eq!(world.number(&pool, attempts).await, 2);
    let history = "SELECT count(*) FROM jobs WHERE history->0->>'outcome' = 'lost' AND history->1->>'outcome' = 'done'";
    assert_eq!(world.number(&pool, history).await, 1);
    pool.close().await;
}

#[tokio::test]
async fn garbage_in_the_topics_stops_nothing_and_is_accounted_for() {
    let world = busy_world().await;
    let garbage = Garbage {
        key: Some(b"\0"),
        value: Some(b"\xff not an event"),
    };
    for topic in ["user.events", "events.dead_letter"] {
        world.topics().throw(topic, garbage).await;
    }
    let mut all = Process::only(&world, "http,relay,worker,consumers");

    let accepted = sign_up(all.listening().await, "ada", 3).await;

    // The audit reads both topics, the notifications one of them; each accounts for what it met.
    for (consumer, number) in [
        (
            "SELECT count(*) FROM dead_letters WHERE state = 'unreadable' AND consumer = 'audit'",
            2,
        ),
        (
            "SELECT count(*) FROM dead_letters WHERE state = 'unreadable' AND consumer = 'notify'",
            1,
        ),
    ] {
        world.until(consumer, number).await;
    }
    world.until(OPEN, 0).await;
    let pool = world.pool();
    assert_eq!(
        world.number(&pool, "SELECT count(*) FROM audit_log").await,
        accepted
    );
    pool.close().await;
}

#[tokio::test]
async fn the_commands_show_what_happened_and_deal_with_what_failed() {
    let refusing = Gate::refusing().await;
    let world = busy_world().await;
    let mut all = Process::only(&world, "http,relay,consumers");
    sign_up(all.listening().await, "ada", 1).await;
    let pool = world.pool();
    let broken = world.with("MAIL_MAILER", "smtp").behind(&refusing, "MAIL");
    let worker = Process::only(&broken, "worker");
    broken
        .until(
            "SELECT count(*) FROM jobs WHERE attempt = 1 AND state IN ('ready', 'sent')",
            1,
        )
        .await;
    worker.signal("TERM").await;
    worker.ended().await;
    let world = broken;

    let stats = Process::finish(&world, "jobs stats").await;
    let id: uuid::Uuid = sqlx::query_scalar("SELECT id FROM jobs")
        .fetch_one(&pool)
        .await
        .expect("the job");
    let shown = Process::finish(&world, &format!("jobs show {id}")).await;
    let discarded = Process::finish(&world, &format!("jobs discard {id}")).await;
    let failed = Process::finish(&world, "jobs list --state failed").await;
    let again = Process::finish(&world, &format!("jobs retry {id}")).await;
    let not_failed = Process::finish(&world, &format!("jobs retry {id}")).await;
    let tail = Process::finish(&world, "events tail").await;
    let letters = Process::finish(&world, "events dead-letters list").await;
    let replay = Process::finish(&world, "events replay audit").await;
    let rebuild = Process::finish(&world, "events rebuild audit").await;
    let unknown = Process::finish(&world, "events replay nobody").await;

    assert!(stats.stdout.starts_with("send_email"), "{stats:?}");
    assert!(
        shown.stdout.contains("\"attempt\": 1") && shown.stdout.contains("\"failed\""),
        "{shown:?}"
    );
    assert_eq!(discarded.stdout, format!("discarded {id}\n"));
    assert!(failed.stdout.starts_with(&id.to_string()), "{failed:?}");
    assert_eq!(again.stdout, "1 will be tried again\n");
    assert_eq!(
        (not_failed.code, not_failed.stderr),
        (Some(1), format!("blazing_sun: {id} is not a failed job\n"))
    );
    assert!(
        tail.stdout.contains("\"type\":\"user.created.v1\""),
        "{tail:?}"
    );
    assert_eq!((letters.code, letters.stdout.as_str()), (Some(0), ""));
    assert_eq!(replay.stdout, "audit looked at 1 events\n");
    assert!(
        rebuild.code == Some(1) && rebuild.stderr.contains("cannot be rebuilt"),
        "{rebuild:?}"
    );
    assert_eq!(
        unknown.stderr,
        "blazing_sun: there is no consumer \"nobody\"; there are: audit, notify, reports, feed\n"
    );
    pool.close().await;
}
