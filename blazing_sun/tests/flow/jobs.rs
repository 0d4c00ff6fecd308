//! A job's way from the transaction to its effect, and what becomes of attempts that fail.

use std::future::pending;
use std::time::Duration;

use async_trait::async_trait;
use blazing_sun::flow::catalogue::Catalogue;
use blazing_sun::flow::event::MAX_BYTES;
use blazing_sun::flow::job::{Job, JobError, Run, Ticket};
use blazing_sun::flow::jobs::{self, Verdict};
use blazing_sun::flow::lease::Lease;
use blazing_sun::flow::outbox::{self, Refused};
use blazing_sun::flow::worker::Outcome;
use blazing_sun::kernel::id;
use chrono::TimeDelta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::Executor;
use uuid::Uuid;

use crate::harness::{
    ATTEMPTS, Carrier, Deed, Effect, Errand, Script, World, count, entries_read, pin_snapshot,
    told, watched_pool,
};

/// What the spine waits at most before another attempt.
const LONGEST_PAUSE: TimeDelta = TimeDelta::hours(1);

over_both_carriers! {
    async fn a_job_of_a_transaction_that_rolls_back_is_never_run(carrier: Carrier) {
        let world = World::with_jobs_over(carrier).await;
        let mut tx = world.begin().await;
        outbox::enqueue(&mut tx, &Errand::<5>::default()).await.expect("a job");
        tx.rollback().await.expect("a rollback");
        let mut tx = world.begin().await;
        outbox::enqueue(&mut tx, &Errand::<5>::default()).await.expect("a job");
        drop(tx);

        let mut worker = world.worker(Script::of([]).catalogue(), 1).await;
        let outcomes = worker.work_until_empty(&mut world.relay().await).await;

        assert_eq!(outcomes, []);
        assert_eq!(world.rows("jobs").await, 0);
        assert_eq!(world.errands().await, []);
    }

    async fn a_committed_job_runs_once(carrier: Carrier) {
        let world = World::with_jobs_over(carrier).await;
        let mut tx = world.begin().await;
        let id = outbox::enqueue(&mut tx, &Errand::<5>::default()).await.expect("a job");
        let (mut worker, mut relay) = (world.worker(Script::of([]).catalogue(), 1).await, world.relay().await);
        let too_early = worker.work_until_empty(&mut relay).await;
        tx.commit().await.expect("a commit");

        let outcomes = worker.work_until_empty(&mut relay).await;
        let afterwards = worker.work_until_empty(&mut relay).await;

        assert_eq!((too_early, outcomes, afterwards), (vec![], vec![Outcome::Done], vec![]));
        assert_eq!(world.errands().await, [Effect { counter: id, n: 1 }]);
        let job = world.job(id).await;
        assert_eq!((job.state.as_str(), job.attempt, told(&job).as_str()), ("done", 1, "1 done"));
    }

    async fn the_effect_and_the_note_that_it_is_done_commit_together(carrier: Carrier) {
        let world = World::with_jobs_over(carrier).await;
        let id = world.enqueue(&Errand::<5>::default()).await;
        // Notices only at the commit that the effect is there already.
        let once = "ALTER TABLE effects ADD UNIQUE (consumer, counter) DEFERRABLE INITIALLY DEFERRED";
        world.pool().execute(once).await.expect("a constraint");
        sqlx::query("INSERT INTO effects (consumer, counter, n) VALUES ('errand', $1, 0)")
            .bind(id)
            .execute(world.pool())
            .await
            .expect("an obstacle");
        let (mut worker, mut relay) = (world.worker(Script::of([]).catalogue(), 1).await, world.relay().await);

        let refused = worker.work_until_empty(&mut relay).await;
        let job = world.job(id).await;
        world.pool().execute("DELETE FROM effects").await.expect("no obstacle");
        world.clock.advance(LONGEST_PAUSE);
        let taken = worker.work_until_empty(&mut relay).await;

        assert_eq!((refused, taken), (vec![Outcome::Retried], vec![Outcome::Done]));
        assert_eq!((job.state.as_str(), told(&job).as_str()), ("ready", "1 failed"));
        assert_eq!(world.errands().await, [Effect { counter: id, n: 2 }]);
        assert_eq!(world.job(id).await.state, "done");
    }

    async fn what_a_failed_attempt_wrote_emitted_and_enqueued_is_undone(carrier: Carrier) {
        let world = World::with_jobs_over(carrier).await;
        let id = world.enqueue(&Chain { counter: id::new() }).await;
        let catalogue = Script::of([]).catalogue().job::<Chain>(());
        let (mut worker, mut relay) = (world.worker(catalogue, 1).await, world.relay().await);

        let first = worker.work_until_empty(&mut relay).await;
        relay.carry_all().await;
        let after_the_first = (
            world.rows("counters").await,
            world.rows("event_log").await,
            world.rows("jobs").await,
        );
        world.clock.advance(LONGEST_PAUSE);
        let second = worker.work_until_empty(&mut relay).await;

        assert_eq!((first, after_the_first), (vec![Outcome::Retried], (0, 0, 1)));
        assert_eq!(second, [Outcome::Done, Outcome::Done]);
        assert_eq!((world.rows("counters").await, world.rows("event_log").await), (1, 1));
        // The whole chain knows where it began, and each link what led to it.
        let links: Vec<(String, Option<Uuid>)> = sqlx::query_as(
            "SELECT body::jsonb ->> 'correlationid', (body::jsonb ->> 'causationid')::uuid FROM event_log
             UNION ALL SELECT correlation_id, causation_id FROM jobs WHERE name = 'errand'",
        )
        .fetch_all(world.pool())
        .await
        .expect("causes");
        assert_eq!(links, [("test".to_owned(), Some(id)), ("test".to_owned(), Some(id))]);
    }

    async fn a_job_that_overlooks_an_error_of_its_transaction_is_not_done(carrier: Carrier) {
        let world = World::with_jobs_over(carrier).await;
        let id = world.enqueue(&Careless {}).await;
        let mut worker = world.worker(Catalogue::default().job::<Careless>(()), 1).await;

        let outcomes = worker.work_until_empty(&mut world.relay().await).await;

        assert_eq!(outcomes, [Outcome::Retried]);
        assert_eq!(world.job(id).await.state, "ready");
    }

    async fn pauses_between_attempts_double_and_nothing_runs_before_it_is_due(carrier: Carrier) {
        let world = World::with_jobs_over(carrier).await;
        let id = world.enqueue(&Errand::<5>::default()).await;
        let script = Script::of([Deed::Retry; ATTEMPTS as usize - 1]);
        let (mut worker, mut relay) = (world.worker(script.catalogue(), 1).await, world.relay().await);
        let moment = TimeDelta::milliseconds(1);

        for attempt in 1..ATTEMPTS {
            let outcomes = worker.work_until_empty(&mut relay).await;
            let job = world.job(id).await;
            let pause = job.run_at - world.ctx.now();
            let longest = TimeDelta::seconds(1 << attempt);
            assert_eq!((outcomes, job.attempt), (vec![Outcome::Retried], attempt));
            assert!(longest / 2 <= pause && pause <= longest, "{pause} after attempt {attempt}");

            world.clock.advance(pause - moment);
            let too_early = worker.work_until_empty(&mut relay).await;
            world.clock.advance(moment);
            assert_eq!(too_early, []);
        }

        assert_eq!(worker.work_until_empty(&mut relay).await, [Outcome::Done]);
        assert_eq!(world.errands().await, [Effect { counter: id, n: ATTEMPTS.into() }]);
        assert_eq!(told(&world.job(id).await), "1 failed, 2 failed, 3 failed, 4 failed, 5 done");
    }

    async fn a_job_that_is_out_of_attempts_is_given_up_with_its_history(carrier: Carrier) {
        let world = World::with_jobs_over(carrier).await;
        let id = world.enqueue(&Errand::<5>::default()).await;
        let script = Script::of([Deed::Retry, Deed::Panic, Deed::Retry, Deed::Panic, Deed::Retry]);
        let (mut worker, mut relay) = (world.worker(script.catalogue(), 1).await, world.relay().await);

        let mut outcomes = Vec::new();
        for _ in 0..ATTEMPTS {
            outcomes.extend(worker.work_until_empty(&mut relay).await);
            world.clock.advance(LONGEST_PAUSE);
        }
        let afterwards = worker.work_until_empty(&mut relay).await;

        let mut expected = [Outcome::Retried; ATTEMPTS as usize];
        expected[4] = Outcome::Failed;
        assert_eq!((outcomes.as_slice(), afterwards), (expected.as_slice(), vec![]));
        let job = world.job(id).await;
        assert_eq!((job.state.as_str(), job.attempt), ("failed", ATTEMPTS));
        assert_eq!(told(&job), "1 failed, 2 failed, 3 failed, 4 failed, 5 failed");
        assert_eq!(job.history[0]["error"], "not now");
        assert_eq!(job.history[1]["error"], "it panicked");
        assert_eq!(world.errands().await, []);
    }

    async fn a_discarded_job_is_given_up_at_once(carrier: Carrier) {
        let world = World::with_jobs_over(carrier).await;
        let id = world.enqueue(&Errand::<5>::default()).await;
        let mut worker = world.worker(Script::of([Deed::Discard]).catalogue(), 1).await;

        let outcomes = worker.work_until_empty(&mut world.relay().await).await;

        assert_eq!(outcomes, [Outcome::Failed]);
        let job = world.job(id).await;
        assert_eq!((job.state.as_str(), told(&job).as_str()), ("failed", "1 discarded"));
        assert_eq!(job.history[0]["error"], "never");
        assert_eq!(world.errands().await, []);
    }

    async fn an_attempt_that_takes_too_long_has_failed(carrier: Carrier) {
        let world = World::with_jobs_over(carrier).await;
        let id = world.enqueue(&Endless {}).await;
        let mut worker = world.worker(Catalogue::default().job::<Endless>(()), 1).await;

        let outcomes = worker.work_until_empty(&mut world.relay().await).await;

        assert_eq!(outcomes, [Outcome::Retried]);
        let job = world.job(id).await;
        assert_eq!(told(&job), "1 failed");
        assert_eq!(job.history[0]["error"], "it took longer than 0 s");
        assert_eq!(world.rows("counters").await, 0);
    }

    async fn a_job_that_this_build_does_not_know_waits_for_one_that_does(carrier: Carrier) {
        let world = World::with_jobs_over(carrier).await;
        let id = world.enqueue(&Errand::<5>::default()).await;
        let mut relay = world.relay().await;
        let mut old = world.worker(Catalogue::default(), 1).await;

        let refused = old.work_until_empty(&mut relay).await;
        drop(old);
        world.clock.advance(LONGEST_PAUSE);
        let taken = world.worker(Script::of([]).catalogue(), 1).await.work_until_empty(&mut relay).await;

        assert_eq!((refused, taken), (vec![Outcome::Retried], vec![Outcome::Done]));
        let job = world.job(id).await;
        assert_eq!(told(&job), "1 failed, 2 done");
        assert_eq!(job.history[0]["error"], "this build does not know the job errand");
    }

    async fn a_payload_of_another_form_is_given_up_at_once(carrier: Carrier) {
        let world = World::with_jobs_over(carrier).await;
        let id = world.enqueue(&Errand::<5>::default()).await;
        world.pool().execute(r#"UPDATE jobs SET payload = '{"label": "five"}'"#).await.expect("another form");
        let mut worker = world.worker(Script::of([]).catalogue(), 1).await;

        let outcomes = worker.work_until_empty(&mut world.relay().await).await;

        assert_eq!(outcomes, [Outcome::Failed]);
        let job = world.job(id).await;
        let error = job.history[0]["error"].as_str().expect("an error");
        assert!(error.starts_with("the payload is not one of errand: "), "{error}");
    }

    async fn any_error_is_kept_with_as_much_as_there_is_room_for(carrier: Carrier) {
        let world = World::with_jobs_over(carrier).await;
        let error = format!("a\0b{}", "ü".repeat(1000));
        let id = world.enqueue(&Complaining {}).await;
        let mut worker = world.worker(Catalogue::default().job::<Complaining>(error), 1).await;

        let outcomes = worker.work_until_empty(&mut world.relay().await).await;

        assert_eq!(outcomes, [Outcome::Failed]);
        let job = world.job(id).await;
        assert_eq!(told(&job), "1 discarded");
        assert_eq!(job.history[0]["error"], format!("a\u{fffd}b{}", "ü".repeat(497)));
    }
}

#[tokio::test]
async fn a_job_that_was_given_up_leaves_one_copy_in_the_queue_of_the_failed() {
    let world = World::with_jobs_over(Carrier::Broker).await;
    let id = world.enqueue(&Errand::<5> { label: 7 }).await;
    let mut worker = world
        .worker(Script::of([Deed::Discard]).catalogue(), 1)
        .await;
    worker.work_until_empty(&mut world.relay().await).await;
    let broker = world.broker().await;

    world.sweep().await;
    let copies = broker.take_failed().await;
    world.sweep().await;

    let [copy] = copies.as_slice() else {
        panic!("one copy, not {copies:?}");
    };
    assert_eq!(
        *copy,
        serde_json::to_value(world.job(id).await).expect("JSON")
    );
    assert_eq!(copy["payload"]["label"], 7);
    assert_eq!(copy["history"][0]["error"], "never");
    assert_eq!(broker.take_failed().await, [] as [serde_json::Value; 0]);
}

#[tokio::test]
async fn a_job_that_is_too_large_to_be_copied_is_refused() {
    let world = World::with_jobs_over(Carrier::Broker).await;
    let mut tx = world.begin().await;
    let luggage = |bytes| Luggage {
        content: "x".repeat(bytes - r#"{"content":""}"#.len()),
    };

    let largest = outbox::enqueue(&mut tx, &luggage(MAX_BYTES)).await;
    let refused = outbox::enqueue(&mut tx, &luggage(MAX_BYTES + 1)).await;

    assert!(largest.is_ok(), "{largest:?}");
    assert!(
        matches!(refused, Err(Refused::TooLarge { name: "luggage", bytes }) if bytes == MAX_BYTES + 1),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_process_is_told_that_a_job_was_committed() {
    let world = World::with_jobs_over(Carrier::Postgres).await;
    let told = world.ctx.wakeups().jobs.notified();

    world.enqueue(&Errand::<5>::default()).await;

    crate::harness::soon("the signal", told).await;
}

/// Emits an event and enqueues a job; the first attempt fails after that.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Chain {
    counter: Uuid,
}

#[async_trait]
impl Job for Chain {
    const NAME: &'static str = "chain";
    const SUMMARY: &'static str = "Sets off an event and a job.";
    const PRIORITY: i16 = 5;
    type Tools = ();

    async fn run(&self, _: &(), run: &mut Run) -> Result<(), JobError> {
        let attempt = run.attempt();
        let tx = run.tx().await?;
        count(tx, self.counter).await;
        outbox::enqueue(tx, &Errand::<5>::default())
            .await
            .expect("a job");
        if attempt == 1 {
            return Err(JobError::Retry("not now".to_owned()));
        }
        Ok(())
    }
}

/// Ends well although PostgreSQL refused what it did.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Careless {}

#[async_trait]
impl Job for Careless {
    const NAME: &'static str = "careless";
    const SUMMARY: &'static str = "Overlooks an error.";
    const PRIORITY: i16 = 5;
    type Tools = ();

    async fn run(&self, _: &(), run: &mut Run) -> Result<(), JobError> {
        let refused = run.tx().await?.conn().execute("SELECT 1 / 0").await;
        assert!(refused.is_err());
        Ok(())
    }
}

/// Never ends.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Endless {}

#[async_trait]
impl Job for Endless {
    const NAME: &'static str = "endless";
    const SUMMARY: &'static str = "Never ends.";
    const PRIORITY: i16 = 5;
    const TIMEOUT: Duration = Duration::from_millis(10);
    type Tools = ();

    async fn run(&self, _: &(), run: &mut Run) -> Result<(), JobError> {
        count(run.tx().await?, id::new()).await;
        pending().await
    }
}

/// Fails for good, with an error of the test's choice.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Complaining {}

#[async_trait]
impl Job for Complaining {
    const NAME: &'static str = "complaining";
    const SUMMARY: &'static str = "Fails.";
    const PRIORITY: i16 = 5;
    type Tools = String;

    async fn run(&self, error: &String, _: &mut Run) -> Result<(), JobError> {
        Err(JobError::Discard(error.clone()))
    }
}

/// Carries more than ids.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Luggage {
    content: String,
}

#[async_trait]
impl Job for Luggage {
    const NAME: &'static str = "luggage";
    const SUMMARY: &'static str = "Takes room.";
    const PRIORITY: i16 = 5;
    type Tools = ();

    async fn run(&self, _: &(), _: &mut Run) -> Result<(), JobError> {
        Err(JobError::Discard("too heavy".to_owned()))
    }
}

/// A long transaction keeps dead rows from being cleaned up; the others must not have to read them for every job.
#[tokio::test]
async fn a_job_costs_no_look_at_those_that_are_done() {
    const DONE: i32 = 20_000;
    // All indexes but that of the ids.
    const OTHERS: &str = "relname = 'jobs' AND indexrelname <> 'jobs_pkey'";
    let world = World::with_jobs_over(Carrier::Postgres).await;
    let name = Errand::<5>::NAME;
    sqlx::query(
        "INSERT INTO jobs (id, name, payload, priority, state, max_attempts, run_at, correlation_id, created_at)
         SELECT uuidv7(), $1, '{}', 5, 'ready', 10, now(), 'test', now() FROM generate_series(1, $2)",
    )
    .bind(name)
    .bind(DONE)
    .execute(world.pool())
    .await
    .expect("jobs");
    let long = pin_snapshot(&world).await;
    for change in [
        "UPDATE jobs SET state = 'sent', sent_at = now()",
        "UPDATE jobs SET state = 'running', attempt = 1, lease_until = now()",
        "UPDATE jobs SET state = 'done', lease_until = NULL, finished_at = now()",
        "ANALYZE jobs",
    ] {
        world.pool().execute(change).await.expect("a change");
    }

    let term = Lease::new("relay").take(world.pool()).await;
    let term = term.expect("PostgreSQL").expect("the lease");
    let now = world.ctx.now();
    for plans in ["force_custom_plan", "force_generic_plan"] {
        let pool = watched_pool(&world, plans).await;
        let mut claimed = Vec::new();
        let before = entries_read(&pool, OTHERS).await;
        for _ in 0..2 {
            let id = world.enqueue(&Errand::<5>::default()).await;
            let ticket = Ticket {
                id,
                name: name.to_owned(),
                attempt: 0,
            };
            let settled = jobs::settle_sent(&pool, term, std::slice::from_ref(&ticket), now).await;
            assert!(settled.expect("PostgreSQL"));
            assert_eq!(world.job(id).await.state, "sent");
            let claim = jobs::claim(&pool, &ticket, now).await.expect("PostgreSQL");
            assert!(claim.is_some());
            let renewed = jobs::renew(&pool, id, 1, now).await.expect("PostgreSQL");
            assert!(renewed);
            claimed.push(id);
        }
        let mut connection = pool.acquire().await.expect("a connection");
        let finished = jobs::finish(&mut connection, claimed[0], 1, now).await;
        assert!(finished.expect("PostgreSQL"));
        drop(connection);
        let failed = jobs::fail(&pool, claimed[1], 1, now, true, "a test").await;
        assert_eq!(failed.expect("PostgreSQL"), Verdict::Failed);
        let read = entries_read(&pool, OTHERS).await - before;
        pool.close().await;

        assert_eq!(read, 0, "{plans}: entries of other jobs were read");
    }
    long.rollback().await.expect("a rollback");
}
