//! Workers that die, hang, wake up late, stop, and get tickets that are none.

use blazing_sun::flow::catalogue::Catalogue;
use blazing_sun::flow::job::Ticket;
use blazing_sun::flow::worker::Outcome;
use blazing_sun::flow::{dead_letter, jobs, outbox};
use blazing_sun::kernel::id;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use sqlx::Executor;
use sqlx::postgres::PgListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::harness::{
    ATTEMPTS, CHANNEL, Carrier, Deed, Effect, Errand, Script, Working, World, soon, told,
};

/// How long a worker is believed to live that says nothing of its job.
const LEASE: TimeDelta = TimeDelta::seconds(20);
const MOMENT: TimeDelta = TimeDelta::milliseconds(1);
/// What the spine waits at most before another attempt.
const LONGEST_PAUSE: TimeDelta = TimeDelta::hours(1);

/// Until when the worker of a job is believed to live.
async fn lease_until(world: &World, id: Uuid) -> Option<DateTime<Utc>> {
    sqlx::query_scalar("SELECT lease_until FROM jobs WHERE id = $1")
        .bind(id)
        .fetch_one(world.pool())
        .await
        .expect("the job")
}

over_both_carriers! {
    async fn a_job_whose_worker_was_killed_runs_again(carrier: Carrier) {
        let world = World::with_jobs_over(carrier).await;
        let id = world.enqueue(&Errand::<5>::default()).await;
        let mut relay = world.relay().await;
        relay.once().await;
        begin_and_kill(&world).await;

        world.clock.advance(LEASE);
        world.sweep().await;
        let believed_alive = world.job(id).await;
        world.clock.advance(MOMENT);
        world.sweep().await;
        let taken_back = world.job(id).await;
        let mut worker = world.worker(Script::of([]).catalogue(), 1).await;
        let outcomes = worker.work_until_empty(&mut relay).await;

        assert_eq!((believed_alive.state.as_str(), believed_alive.attempt), ("running", 1));
        assert_eq!((taken_back.state.as_str(), told(&taken_back).as_str()), ("ready", "1 lost"));
        assert_eq!(without_copies(outcomes), [Outcome::Done]);
        assert_eq!(world.errands().await, [Effect { counter: id, n: 2 }]);
        assert_eq!(told(&world.job(id).await), "1 lost, 2 done");
    }

    async fn a_job_that_always_kills_its_worker_is_given_up(carrier: Carrier) {
        let world = World::with_jobs_over(carrier).await;
        let id = world.enqueue(&Errand::<5>::default()).await;
        let mut relay = world.relay().await;

        for attempt in 1..=ATTEMPTS {
            assert_eq!(world.job(id).await.state, "ready", "before attempt {attempt}");
            relay.once().await;
            begin_and_kill(&world).await;
            world.clock.advance(LEASE + MOMENT);
            world.sweep().await;
        }

        let job = world.job(id).await;
        assert_eq!((job.state.as_str(), job.attempt), ("failed", ATTEMPTS));
        assert_eq!(told(&job), "1 lost, 2 lost, 3 lost, 4 lost, 5 lost");
        assert_eq!(world.errands().await, []);
        if carrier == Carrier::Broker {
            world.sweep().await;
            assert_eq!(world.broker().await.take_failed().await.len(), 1);
        }
    }

    async fn a_worker_that_was_taken_for_dead_wakes_and_commits_nothing(carrier: Carrier) {
        let world = World::with_jobs_over(carrier).await;
        let id = world.enqueue(&Errand::<5>::default()).await;
        let script = Script::of([Deed::Pause]);
        let (mut late, mut relay) = (world.worker(script.catalogue(), 1).await, world.relay().await);
        relay.once().await;
        let attempt = late.begin_next().await;
        let paused = script.paused().await;
        world.clock.advance(LEASE + MOMENT);
        world.sweep().await;
        let outcomes = world.worker(script.catalogue(), 1).await.work_until_empty(&mut relay).await;

        paused.go_on(Deed::Succeed);
        let outcome = soon("the late attempt", attempt).await.expect("an outcome");

        assert_eq!((outcomes, outcome), (vec![Outcome::Done], Outcome::Lost));
        assert_eq!(world.errands().await, [Effect { counter: id, n: 2 }]);
        assert_eq!(told(&world.job(id).await), "1 lost, 2 done");
    }

    async fn a_worker_that_was_taken_for_dead_commits_nothing_while_the_job_waits(carrier: Carrier) {
        let world = World::with_jobs_over(carrier).await;
        let id = world.enqueue(&Errand::<5>::default()).await;
        let script = Script::of([Deed::Pause]);
        let (mut late, mut relay) = (world.worker(script.catalogue(), 1).await, world.relay().await);
        relay.once().await;
        let attempt = late.begin_next().await;
        let paused = script.paused().await;
        world.clock.advance(LEASE + MOMENT);
        world.sweep().await;

        paused.go_on(Deed::Succeed);
        let outcome = soon("the late attempt", attempt).await.expect("an outcome");

        assert_eq!((outcome, world.errands().await), (Outcome::Lost, vec![]));
        assert_eq!(late.work_until_empty(&mut relay).await, [Outcome::Done]);
        assert_eq!(world.errands().await, [Effect { counter: id, n: 2 }]);
    }

    async fn a_worker_that_was_taken_for_dead_and_fails_changes_nothing(carrier: Carrier) {
        let world = World::with_jobs_over(carrier).await;
        let id = world.enqueue(&Errand::<5>::default()).await;
        let script = Script::of([Deed::Pause, Deed::Pause]);
        let (mut late, mut relay) = (world.worker(script.catalogue(), 1).await, world.relay().await);
        relay.once().await;
        let first = late.begin_next().await;
        let first_pause = script.paused().await;
        world.clock.advance(LEASE + MOMENT);
        world.sweep().await;
        let mut other = world.worker(script.catalogue(), 1).await;
        relay.once().await;
        let second = other.begin_next().await;
        let second_pause = script.paused().await;

        // The job runs, as it did when the first one left it.
        first_pause.go_on(Deed::Discard);
        let late_outcome = soon("the late attempt", first).await.expect("an outcome");
        let between = world.job(id).await;
        second_pause.go_on(Deed::Succeed);
        let outcome = soon("the attempt", second).await.expect("an outcome");

        assert_eq!((late_outcome, outcome), (Outcome::Lost, Outcome::Done));
        assert_eq!((between.state.as_str(), told(&between).as_str()), ("running", "1 lost"));
        assert_eq!(told(&world.job(id).await), "1 lost, 2 done");
    }

    async fn a_job_that_takes_its_time_stays_with_its_worker(carrier: Carrier) {
        let world = World::with_jobs_over(carrier).await;
        let id = world.enqueue(&Errand::<5>::default()).await;
        let script = Script::of([Deed::Pause]);
        let (mut worker, mut relay) = (world.worker(script.catalogue(), 1).await, world.relay().await);
        relay.once().await;
        let attempt = worker.begin_next().await;
        let paused = script.paused().await;

        let before = lease_until(&world, id).await;
        world.clock.advance(LEASE);
        soon("a renewal", async { while lease_until(&world, id).await == before {} }).await;
        world.clock.advance(LEASE);
        world.sweep().await;
        let job = world.job(id).await;
        paused.go_on(Deed::Succeed);
        let outcome = soon("the attempt", attempt).await.expect("an outcome");

        assert_eq!((job.state.as_str(), job.attempt, outcome), ("running", 1, Outcome::Done));
        assert_eq!(told(&world.job(id).await), "1 done");
    }

    async fn a_job_that_was_taken_away_is_broken_off(carrier: Carrier) {
        let world = World::with_jobs_over(carrier).await;
        let id = world.enqueue(&Errand::<5>::default()).await;
        let script = Script::of([Deed::Pause]);
        let (mut worker, mut relay) = (world.worker(script.catalogue(), 1).await, world.relay().await);
        relay.once().await;
        let attempt = worker.begin_next().await;
        let _paused = script.paused().await;
        world.clock.advance(LEASE + MOMENT);
        world.sweep().await;

        let outcome = soon("the end of the attempt", attempt).await.expect("an outcome");

        assert_eq!((outcome, told(&world.job(id).await).as_str()), (Outcome::Lost, "1 lost"));
        assert_eq!(world.errands().await, []);
    }

    async fn a_late_worker_whose_job_nobody_took_still_finishes_it(carrier: Carrier) {
        let world = World::with_jobs_over(carrier).await;
        let id = world.enqueue(&Errand::<5>::default()).await;
        let script = Script::of([Deed::Pause]);
        let (mut late, mut relay) = (world.worker(script.catalogue(), 1).await, world.relay().await);
        relay.once().await;
        let attempt = late.begin_next().await;
        let paused = script.paused().await;
        world.clock.advance(LEASE + MOMENT);

        paused.go_on(Deed::Succeed);
        let outcome = soon("the late attempt", attempt).await.expect("an outcome");
        world.sweep().await;

        assert_eq!(outcome, Outcome::Done);
        assert_eq!(told(&world.job(id).await), "1 done");
    }

    async fn a_worker_waits_with_a_ticket_while_postgresql_refuses_it(carrier: Carrier) {
        let world = World::with_jobs_over(carrier).await;
        let id = world.enqueue(&Errand::<5>::default()).await;
        let (mut worker, mut relay) = (world.worker(Script::of([]).catalogue(), 1).await, world.relay().await);
        relay.once().await;
        refuse_once(&world, "BEFORE UPDATE ON jobs FOR EACH ROW WHEN (NEW.state = 'running')").await;

        let outcome = worker.work_next().await;

        assert_eq!(outcome, Outcome::Done);
        assert_eq!(told(&world.job(id).await), "1 done");
    }

    async fn a_failure_that_cannot_be_noted_is_known_by_its_lease(carrier: Carrier) {
        let world = World::with_jobs_over(carrier).await;
        let id = world.enqueue(&Errand::<5>::default()).await;
        let mut relay = world.relay().await;
        let mut worker = world.worker(Script::of([Deed::Discard]).catalogue(), 1).await;
        relay.once().await;
        refuse_once(&world, "BEFORE UPDATE ON jobs FOR EACH ROW WHEN (NEW.history <> OLD.history)").await;

        let outcome = worker.work_next().await;
        let between = world.job(id).await;
        world.clock.advance(LEASE + MOMENT);
        world.sweep().await;
        let outcomes = worker.work_until_empty(&mut relay).await;

        assert_eq!((outcome, outcomes), (Outcome::Lost, vec![Outcome::Done]));
        assert_eq!(between.state, "running");
        assert_eq!(told(&world.job(id).await), "1 lost, 2 done");
    }

    async fn a_worker_that_is_told_to_stop_finishes_what_it_began_and_begins_nothing_more(carrier: Carrier) {
        let world = World::with_jobs_over(carrier).await;
        let script = Script::of([Deed::Pause]);
        let begun = world.enqueue(&Errand::<5>::default()).await;
        let next = world.enqueue(&Errand::<0>::default()).await;
        let mut relay = world.relay().await;
        relay.once().await;
        let (stop, mut running) = (CancellationToken::new(), JoinSet::new());
        world.run_worker(script.catalogue(), 1, &stop, &mut running).await;
        let paused = script.paused().await;

        stop.cancel();
        if carrier == Carrier::Broker {
            let broker = world.broker().await;
            broker.nobody_consumes().await;
            assert_eq!(broker.tickets().await, 1, "the next one only");
        }
        paused.go_on(Deed::Succeed);
        soon("the end of the worker", running.join_next()).await;

        assert_eq!(world.job(begun).await.state, "done");
        assert_eq!(world.job(next).await.attempt, 0);
        // Nothing of it is lost with the worker.
        let outcomes = world.worker(script.catalogue(), 1).await.work_until_empty(&mut relay).await;
        assert_eq!(outcomes, [Outcome::Done]);
    }

    async fn two_relays_and_two_workers_run_each_job_once(carrier: Carrier) {
        const JOBS: usize = 500;
        let world = World::with_jobs_over(carrier).await;
        let script = Script::of([]);
        let mut committed = PgListener::connect_with(world.pool()).await.expect("a listener");
        committed.listen(CHANNEL).await.expect("a channel");
        let (stop, mut running) = (CancellationToken::new(), JoinSet::new());
        for _ in 0..2 {
            world.run_worker(script.catalogue(), 3, &stop, &mut running).await;
            let relay = world.standby_relay().await;
            running.spawn(relay.run(stop.clone()));
        }

        for _ in 0..5 {
            enqueue_errands(&world, JOBS / 10).await;
        }
        hear(&mut committed, JOBS / 4).await;
        // In the middle of the work another relay takes over, and is gone.
        sqlx::query("UPDATE leases SET holder = gen_random_uuid(), epoch = epoch + 1, expires_at = now()")
            .execute(world.pool())
            .await
            .expect("another leader");
        for _ in 0..5 {
            enqueue_errands(&world, JOBS / 10).await;
        }
        hear(&mut committed, JOBS - JOBS / 4).await;
        stop.cancel();
        while let Some(ended) = soon("the end", running.join_next()).await {
            ended.expect("a role that ends by itself");
        }

        assert_eq!(world.rows("jobs WHERE state = 'done' AND attempt = 1").await, 500);
        assert_eq!(world.rows("effects").await, 500);
        assert_eq!(world.rows("(SELECT DISTINCT counter FROM effects)").await, 500);
    }
}

#[tokio::test]
async fn a_ticket_that_is_delivered_twice_runs_once() {
    let world = World::with_jobs_over(Carrier::Broker).await;
    let id = world.enqueue(&Errand::<5>::default()).await;
    let broker = world.broker().await;
    broker.throw(&ticket(id, 0)).await;
    broker.throw(&ticket(id, 0)).await;
    let mut worker = world.worker(Script::of([]).catalogue(), 2).await;

    let outcomes = [worker.work_next().await, worker.work_next().await];

    assert_eq!(outcomes, [Outcome::Done, Outcome::Repeated]);
    assert_eq!(world.errands().await, [Effect { counter: id, n: 1 }]);
    assert_eq!(broker.tickets().await, 0);
}

#[tokio::test]
async fn copies_of_a_ticket_that_are_worked_at_once_run_once() {
    let world = World::with_jobs_over(Carrier::Broker).await;
    let id = world.enqueue(&Errand::<5>::default()).await;
    let broker = world.broker().await;
    let script = Script::of([Deed::Pause]);
    broker.throw(&ticket(id, 0)).await;
    broker.throw(&ticket(id, 0)).await;
    let mut worker = world.worker(script.catalogue(), 2).await;

    let first = worker.begin_next().await;
    let paused = script.paused().await;
    let second = worker.work_next().await;
    paused.go_on(Deed::Succeed);

    assert_eq!(second, Outcome::Repeated);
    assert_eq!(
        soon("the first", first).await.expect("an outcome"),
        Outcome::Done
    );
    assert_eq!(world.errands().await, [Effect { counter: id, n: 1 }]);
}

#[tokio::test]
async fn a_ticket_of_an_earlier_attempt_is_void() {
    let world = World::with_jobs_over(Carrier::Broker).await;
    let id = world.enqueue(&Errand::<5>::default()).await;
    let broker = world.broker().await;
    let (mut worker, mut relay) = (
        world.worker(Script::of([Deed::Retry]).catalogue(), 1).await,
        world.relay().await,
    );
    worker.work_until_empty(&mut relay).await;

    broker.throw(&ticket(id, 0)).await;
    let before_it_is_due = worker.work_next().await;
    world.clock.advance(LONGEST_PAUSE);
    broker.throw(&ticket(id, 0)).await;
    let when_it_is_due = worker.work_next().await;
    let outcomes = worker.work_until_empty(&mut relay).await;

    assert_eq!(
        [before_it_is_due, when_it_is_due],
        [Outcome::Repeated, Outcome::Repeated]
    );
    assert_eq!(outcomes, [Outcome::Done]);
    assert_eq!(told(&world.job(id).await), "1 failed, 2 done");
}

#[tokio::test]
async fn an_operators_retry_makes_no_old_ticket_good_again() {
    let world = World::with_jobs_over(Carrier::Broker).await;
    let id = world.enqueue(&Errand::<5>::default()).await;
    let broker = world.broker().await;
    let script = Script::of([Deed::Retry, Deed::Discard]);
    let (mut worker, mut relay) = (
        world.worker(script.catalogue(), 1).await,
        world.relay().await,
    );
    worker.work_until_empty(&mut relay).await;
    world.clock.advance(LONGEST_PAUSE);
    worker.work_until_empty(&mut relay).await;

    jobs::retry(world.pool(), Some(id), world.ctx.now())
        .await
        .expect("PostgreSQL");
    let mut outcomes = Vec::new();
    for attempt in [0, 1] {
        broker.throw(&ticket(id, attempt)).await;
        outcomes.push(worker.work_next().await);
    }
    outcomes.extend(worker.work_until_empty(&mut relay).await);

    assert_eq!(
        outcomes,
        [Outcome::Repeated, Outcome::Repeated, Outcome::Done]
    );
    assert_eq!(world.errands().await, [Effect { counter: id, n: 3 }]);
}

#[tokio::test]
async fn a_ticket_that_an_operator_made_void_stays_void_after_a_retry() {
    let world = World::with_jobs_over(Carrier::Broker).await;
    let id = world.enqueue(&Errand::<5>::default()).await;
    let (mut worker, mut relay) = (
        world.worker(Script::of([]).catalogue(), 1).await,
        world.relay().await,
    );
    relay.once().await;
    let (pool, now) = (world.pool(), world.ctx.now());

    let discarded = jobs::discard(pool, id, now).await.expect("PostgreSQL");
    let retried = jobs::retry(pool, Some(id), now).await.expect("PostgreSQL");
    let old = worker.work_next().await;
    let outcomes = worker.work_until_empty(&mut relay).await;

    assert_eq!((discarded, retried), (true, 1));
    assert_eq!((old, outcomes), (Outcome::Repeated, vec![Outcome::Done]));
    assert_eq!(world.errands().await, [Effect { counter: id, n: 2 }]);
}

#[tokio::test]
async fn what_is_not_a_ticket_is_kept_as_a_dead_letter() {
    let world = World::with_jobs_over(Carrier::Broker).await;
    let broker = world.broker().await;
    let garbage = [
        b"".to_vec(),
        vec![0xff, 0x00, 0xfe],
        b"\0".to_vec(),
        b"[1, 2]".to_vec(),
        // The error about it would name the field.
        br#"{"\u0000": 1}"#.to_vec(),
        json!({ "id": "7", "name": "errand", "attempt": 0 })
            .to_string()
            .into_bytes(),
        json!({ "id": id::new(), "name": "errand", "attempt": 0, "priority": 10 })
            .to_string()
            .into_bytes(),
        json!({ "id": id::new(), "name": "errand", "attempt": 3_000_000_000_u32 })
            .to_string()
            .into_bytes(),
        vec![b'{'; 10_000_000],
    ];
    for body in &garbage {
        broker.throw(body).await;
    }
    let id = world.enqueue(&Errand::<5>::default()).await;
    let (mut worker, mut relay) = (
        world.worker(Script::of([]).catalogue(), 1).await,
        world.relay().await,
    );

    let mut outcomes = Vec::new();
    for _ in &garbage {
        outcomes.push(worker.work_next().await);
    }
    let afterwards = worker.work_until_empty(&mut relay).await;

    assert_eq!(outcomes, vec![Outcome::Unreadable; garbage.len()]);
    assert_eq!(afterwards, [Outcome::Done]);
    assert_eq!(world.errands().await, [Effect { counter: id, n: 1 }]);
    let letters = dead_letter::list(world.pool(), Some("worker"), false, 100)
        .await
        .expect("PostgreSQL");
    assert_eq!(letters.len(), garbage.len());
    for (letter, body) in letters.iter().zip(&garbage) {
        assert_eq!(
            (letter.state.as_str(), letter.topic.as_str()),
            ("unreadable", "jobs")
        );
        assert_eq!(letter.size, body.len() as i64);
        assert!(body.starts_with(&letter.value) && letter.value.len() == body.len().min(1 << 20));
        assert!(!letter.error.is_empty());
    }
    assert_eq!(broker.tickets().await, 0);
}

#[tokio::test]
async fn a_ticket_of_an_unknown_job_is_dropped() {
    let world = World::with_jobs_over(Carrier::Broker).await;
    let broker = world.broker().await;
    broker.throw(&ticket(id::new(), 0)).await;
    let mut worker = world.worker(Script::of([]).catalogue(), 1).await;

    let outcome = worker.work_next().await;

    assert_eq!(outcome, Outcome::Repeated);
    assert_eq!(
        (world.rows("jobs").await, world.rows("dead_letters").await),
        (0, 0)
    );
}

#[tokio::test]
async fn a_worker_waits_with_an_unreadable_message_while_postgresql_refuses_it() {
    let world = World::with_jobs_over(Carrier::Broker).await;
    let broker = world.broker().await;
    broker.throw(b"garbage").await;
    refuse_once(&world, "BEFORE INSERT ON dead_letters FOR EACH ROW").await;
    let mut worker = world.worker(Catalogue::default(), 1).await;

    let outcome = worker.work_next().await;

    assert_eq!(outcome, Outcome::Unreadable);
    assert_eq!(world.rows("dead_letters").await, 1);
}

#[tokio::test]
async fn a_worker_comes_back_to_the_queue_after_it_was_deleted() {
    let world = World::with_jobs_over(Carrier::Broker).await;
    let broker = world.broker().await;
    let script = Script::of([Deed::Pause, Deed::Pause]);
    let (stop, mut running) = (CancellationToken::new(), JoinSet::new());
    world
        .run_worker(script.catalogue(), 1, &stop, &mut running)
        .await;
    let mut relay = world.relay().await;
    let first = world.enqueue(&Errand::<5>::default()).await;
    relay.once().await;
    let paused = script.paused().await;

    broker.delete().await;
    paused.go_on(Deed::Succeed);
    let second = world.enqueue(&Errand::<5>::default()).await;
    // The queue may be missing the first time; a step that fails declares it.
    if relay.try_once().await.is_err() {
        relay.once().await;
    }
    script.paused().await.go_on(Deed::Succeed);
    stop.cancel();
    soon("the end of the worker", running.join_next()).await;

    assert_eq!(world.job(first).await.state, "done");
    assert_eq!(world.job(second).await.state, "done");
}

/// Begins an attempt at the next job, and kills its worker in the middle of it.
async fn begin_and_kill(world: &World) {
    let script = Script::of([Deed::Pause]);
    let mut worker: Working = world.worker(script.catalogue(), 1).await;
    let attempt = loop {
        let mut attempt = worker.begin_next().await;
        tokio::select! {
            _paused = script.paused() => break attempt,
            // The ticket of a worker that was killed before came back first.
            copy = &mut attempt => assert_eq!(copy.expect("an outcome"), Outcome::Repeated),
        }
    };
    worker.kill(attempt).await;
}

/// Has PostgreSQL refuse what a trigger watches, but only the first time.
async fn refuse_once(world: &World, watched: &'static str) {
    // A sequence remembers what is rolled back.
    let statements = format!(
        "CREATE SEQUENCE refusals;
         CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             IF nextval('refusals') = 1 THEN RAISE EXCEPTION 'not now'; END IF;
             RETURN NEW;
         END $$;
         CREATE TRIGGER refusing {watched} EXECUTE FUNCTION refuse()"
    );
    world
        .pool()
        .execute(sqlx::AssertSqlSafe(statements))
        .await
        .expect("a trigger");
}

async fn enqueue_errands(world: &World, count: usize) {
    let mut tx = world.begin().await;
    for _ in 0..count {
        outbox::enqueue(&mut tx, &Errand::<5>::default())
            .await
            .expect("a job");
    }
    tx.commit().await.expect("a commit");
}

/// Waits until this many errands more have committed.
async fn hear(committed: &mut PgListener, count: usize) {
    for _ in 0..count {
        soon("a committed errand", committed.recv())
            .await
            .expect("PostgreSQL");
    }
}

fn ticket(id: Uuid, attempt: i32) -> Vec<u8> {
    let ticket = Ticket {
        id,
        name: "errand".to_owned(),
        attempt,
    };
    serde_json::to_vec(&ticket).expect("JSON")
}

fn without_copies(outcomes: Vec<Outcome>) -> Vec<Outcome> {
    outcomes
        .into_iter()
        .filter(|outcome| *outcome != Outcome::Repeated)
        .collect()
}
