//! What `purge_expired` deletes, and what it leaves.

use blazing_sun::flow::catalogue::Catalogue;
use blazing_sun::flow::jobs;
use blazing_sun::flow::purge::{PurgeExpired, Retention};
use blazing_sun::flow::worker::Outcome;
use blazing_sun::kernel::id;
use chrono::{DateTime, Days, TimeDelta, Utc};
use sqlx::Executor;

use crate::harness::{Carrier, Deed, Errand, Script, World};

const MOMENT: TimeDelta = TimeDelta::milliseconds(1);

#[tokio::test]
async fn done_jobs_are_forgotten_after_their_time_and_all_others_stay() {
    let world = World::with_jobs_over(Carrier::Postgres).await;
    let script = Script::of([Deed::Succeed, Deed::Discard]);
    let old = world.enqueue(&Errand::<10>::default()).await;
    let failed = world.enqueue(&Errand::<5>::default()).await;
    let mut relay = world.relay().await;
    let mut worker = world.worker(script.catalogue(), 1).await;
    worker.work_until_empty(&mut relay).await;
    // Waits since then.
    let waiting = world.enqueue(&Errand::<0>::default()).await;
    world.clock.advance(MOMENT);
    let young = world.enqueue(&Errand::<10>::default()).await;
    worker.work_next().await;
    world.clock.advance(retention().done);

    purge(&world).await;

    let mut left = Vec::new();
    for job in jobs::list(world.pool(), None, None, 10)
        .await
        .expect("PostgreSQL")
    {
        left.push(job.id);
    }
    left.retain(|id| [old, failed, waiting, young].contains(id));
    assert_eq!(left, [young, waiting, failed]);
}

#[tokio::test]
async fn resolved_dead_letters_are_forgotten_after_their_time_and_those_that_wait_stay() {
    let world = World::with_jobs_over(Carrier::Postgres).await;
    let (old, young) = moments(&world, retention().done);
    for (state, resolved_at, n) in [
        ("replayed", Some(old), 1),
        ("discarded", Some(old), 2),
        ("replayed", Some(young), 3),
        ("failed", None, 4),
        ("unreadable", None, 5),
    ] {
        sqlx::query(
            "INSERT INTO dead_letters (consumer, state, topic, record_offset, value, size, error, attempts, created_at, resolved_at)
             VALUES ('test', $1, 'test.events', $2, '', 0, 'test', 1, '2000-01-01T00:00:00Z', $3)",
        )
        .bind(state)
        .bind(n)
        .bind(resolved_at)
        .execute(world.pool())
        .await
        .expect("a dead letter");
    }

    purge(&world).await;

    assert_eq!(world.rows("dead_letters").await, 3);
    assert_eq!(world.rows("dead_letters WHERE record_offset >= 3").await, 3);
}

#[tokio::test]
async fn the_inbox_outlives_every_place_that_an_event_could_come_from_by_a_day() {
    let world = World::with_jobs_over(Carrier::Postgres).await;
    let longest = retention().topics + TimeDelta::days(1);
    let (old, young) = moments(&world, longest);
    sqlx::query(
        "INSERT INTO inbox (consumer, event_id, processed_at)
         SELECT 'old', gen_random_uuid(), $1 FROM generate_series(1, 10001)
         UNION ALL SELECT 'young', gen_random_uuid(), $2 FROM generate_series(1, 2)",
    )
    .bind(old)
    .bind(young)
    .execute(world.pool())
    .await
    .expect("an inbox");

    purge(&world).await;

    assert_eq!(world.rows("inbox").await, 2);
    assert_eq!(world.rows("inbox WHERE consumer = 'young'").await, 2);
}

#[tokio::test]
async fn whole_days_of_the_event_log_are_forgotten() {
    let world = World::with_jobs_over(Carrier::Postgres).await;
    let first_kept = (world.ctx.now() - retention().event_log).date_naive();
    let before = |days| first_kept.checked_sub_days(Days::new(days)).expect("a day");
    for (day, n) in [(before(400), 1), (before(1), 2), (first_kept, 3)] {
        sqlx::query("SELECT event_log_add_day($1)")
            .bind(day)
            .execute(world.pool())
            .await
            .expect("a day of the log");
        for time in ["00:00:00", "23:59:59.999999"] {
            sqlx::query(
                "INSERT INTO event_log (id, topic, key, type, body, emitted_at, published_at)
                 VALUES ($1, 'test.events', $1, $2, '', now(), ($3 + $4::time) AT TIME ZONE 'UTC')",
            )
            .bind(id::new())
            .bind(format!("{n}"))
            .bind(day)
            .bind(time)
            .execute(world.pool())
            .await
            .expect("an event");
        }
    }

    purge(&world).await;

    assert_eq!(world.rows("event_log").await, 2);
    assert_eq!(world.rows("event_log WHERE type = '3'").await, 2);
}

#[tokio::test]
async fn whoever_reads_the_event_log_for_long_is_not_waited_for_and_holds_up_nothing_else() {
    let world = World::with_jobs_over(Carrier::Postgres).await;
    let (old, _) = moments(&world, retention().event_log + TimeDelta::days(1));
    sqlx::query("SELECT event_log_add_day($1::date)")
        .bind(old.date_naive())
        .execute(world.pool())
        .await
        .expect("a day of the log");
    sqlx::query("INSERT INTO inbox VALUES ('test', gen_random_uuid(), '2000-01-01T00:00:00Z')")
        .execute(world.pool())
        .await
        .expect("an inbox");
    let mut reader = world.begin().await;
    let reading = "SELECT count(*) FROM event_log";
    reader.conn().execute(reading).await.expect("a number");
    let id = world.enqueue(&PurgeExpired {}).await;
    let catalogue = Catalogue::default().job::<PurgeExpired>(retention());
    let mut worker = world.worker(catalogue, 1).await;

    let meanwhile = worker.work_next().await;
    let inbox = world.rows("inbox").await;
    reader.rollback().await.expect("a rollback");
    world.clock.advance(TimeDelta::hours(1));
    let afterwards = worker.work_next().await;

    assert_eq!((meanwhile, inbox), (Outcome::Retried, 0));
    assert_eq!(afterwards, Outcome::Done);
    assert_eq!(world.job(id).await.attempt, 2);
    let days = "pg_inherits WHERE inhparent = 'event_log'::regclass";
    assert_eq!(world.rows(days).await, 0);
}

#[tokio::test]
async fn nothing_is_purged_twice() {
    let world = World::with_jobs_over(Carrier::Postgres).await;

    purge(&world).await;
    purge(&world).await;

    assert_eq!(world.rows("jobs WHERE state = 'done'").await, 2);
}

fn retention() -> Retention {
    Retention {
        event_log: TimeDelta::days(3),
        topics: TimeDelta::days(7),
        done: TimeDelta::days(2),
    }
}

/// A moment that has just expired, and one that has not.
fn moments(world: &World, kept: TimeDelta) -> (DateTime<Utc>, DateTime<Utc>) {
    let now = world.ctx.now();
    (now - kept - MOMENT, now - kept)
}

/// Has the job done, as a schedule would.
async fn purge(world: &World) {
    let id = world.enqueue(&PurgeExpired {}).await;
    let catalogue = Catalogue::default().job::<PurgeExpired>(retention());
    let mut worker = world.worker(catalogue, 1).await;
    loop {
        // Before the idle job of a test, which this worker does not know.
        let outcome = worker.work_next().await;
        if outcome == Outcome::Done {
            break;
        }
    }
    assert_eq!(world.job(id).await.state, "done");
}
