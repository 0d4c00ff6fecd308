//! What an operator sees of jobs, and does with them.

use blazing_sun::flow::jobs;
use blazing_sun::flow::worker::Outcome;
use blazing_sun::kernel::id;
use chrono::TimeDelta;
use uuid::Uuid;

use crate::harness::{ATTEMPTS, Carrier, Deed, Effect, Errand, Script, World, told};

/// What the spine waits at most before another attempt.
const LONGEST_PAUSE: TimeDelta = TimeDelta::hours(1);

over_both_carriers! {
    async fn a_retried_job_gets_as_many_attempts_again(carrier: Carrier) {
        let world = World::with_jobs_over(carrier).await;
        let id = world.enqueue(&Errand::<5>::default()).await;
        let script = Script::of([Deed::Retry; 2 * ATTEMPTS as usize - 1]);
        let (mut worker, mut relay) = (world.worker(script.catalogue(), 1).await, world.relay().await);
        let mut outcomes = Vec::new();
        for _ in 0..ATTEMPTS {
            outcomes.extend(worker.work_until_empty(&mut relay).await);
            world.clock.advance(LONGEST_PAUSE);
        }
        assert_eq!(outcomes.last(), Some(&Outcome::Failed));

        let retried = jobs::retry(world.pool(), Some(id), world.ctx.now()).await.expect("PostgreSQL");
        let waiting = world.job(id).await;
        let mut again = Vec::new();
        for _ in 0..ATTEMPTS {
            again.extend(worker.work_until_empty(&mut relay).await);
            world.clock.advance(LONGEST_PAUSE);
        }

        assert_eq!((retried, waiting.state.as_str()), (1, "ready"));
        assert_eq!(waiting.run_at, world.ctx.now() - LONGEST_PAUSE * ATTEMPTS);
        let mut expected = [Outcome::Retried; ATTEMPTS as usize];
        expected[ATTEMPTS as usize - 1] = Outcome::Done;
        assert_eq!(again, expected);
        let job = world.job(id).await;
        assert_eq!(
            told(&job),
            "1 failed, 2 failed, 3 failed, 4 failed, 5 failed, retried by an operator, \
             6 failed, 7 failed, 8 failed, 9 failed, 10 done"
        );
        assert_eq!(world.errands().await, [Effect { counter: id, n: 10 }]);
    }

    async fn one_failed_job_can_be_retried_or_all_of_them_and_no_other(carrier: Carrier) {
        let world = World::with_jobs_over(carrier).await;
        let script = Script::of([Deed::Discard; 3]);
        let (mut worker, mut relay) = (world.worker(script.catalogue(), 1).await, world.relay().await);
        for _ in 0..3 {
            world.enqueue(&Errand::<5>::default()).await;
        }
        worker.work_until_empty(&mut relay).await;
        let failed = world.rows("jobs WHERE state = 'failed'").await;
        world.enqueue(&Errand::<5>::default()).await;
        worker.work_until_empty(&mut relay).await;
        script.add(Deed::Retry).await;
        let waiting = world.enqueue(&Errand::<5>::default()).await;
        worker.work_until_empty(&mut relay).await;
        let (pool, now) = (world.pool(), world.ctx.now());
        let one = jobs::list(pool, Some("failed"), None, 1).await.expect("PostgreSQL")[0].id;

        let first = jobs::retry(pool, Some(one), now).await.expect("PostgreSQL");
        let twice = jobs::retry(pool, Some(one), now).await.expect("PostgreSQL");
        let not_failed = jobs::retry(pool, Some(waiting), now).await.expect("PostgreSQL");
        let unknown = jobs::retry(pool, Some(id::new()), now).await.expect("PostgreSQL");
        let others = jobs::retry(pool, None, now).await.expect("PostgreSQL");
        let outcomes = worker.work_until_empty(&mut relay).await;

        assert_eq!(failed, 3);
        assert_eq!((first, twice, not_failed, unknown, others), (1, 0, 0, 0, 2));
        assert_eq!(outcomes, [Outcome::Done; 3]);
        assert_eq!(told(&world.job(waiting).await), "1 failed");
    }

    async fn a_discarded_job_is_not_tried_again(carrier: Carrier) {
        let world = World::with_jobs_over(carrier).await;
        let (pool, now) = (world.pool(), world.ctx.now());
        let script = Script::of([Deed::Pause]);
        let (mut worker, mut relay) = (world.worker(script.catalogue(), 1).await, world.relay().await);
        let running = world.enqueue(&Errand::<10>::default()).await;
        let sent = world.enqueue(&Errand::<5>::default()).await;
        relay.once().await;
        let ready = world.enqueue(&Errand::<5>::default()).await;
        let attempt = worker.begin_next().await;
        let paused = script.paused().await;

        let mut discarded = Vec::new();
        for id in [running, sent, ready, sent, id::new()] {
            discarded.push(jobs::discard(pool, id, now).await.expect("PostgreSQL"));
        }
        paused.go_on(Deed::Succeed);
        let outcome = attempt.await.expect("an outcome");
        let outcomes = worker.work_until_empty(&mut relay).await;

        assert_eq!(discarded, [false, true, true, false, false]);
        assert_eq!((outcome, outcomes), (Outcome::Done, vec![]));
        for id in [sent, ready] {
            let job = world.job(id).await;
            assert_eq!((job.state.as_str(), told(&job).as_str()), ("failed", "discarded by an operator"));
        }
        assert_eq!(world.errands().await, [Effect { counter: running, n: 1 }]);
    }
}

#[tokio::test]
async fn a_job_that_was_given_up_again_is_told_to_the_queue_of_the_failed_again() {
    let world = World::with_jobs_over(Carrier::Broker).await;
    let id = world.enqueue(&Errand::<5>::default()).await;
    let (pool, now) = (world.pool(), world.ctx.now());
    let broker = world.broker().await;

    jobs::discard(pool, id, now).await.expect("PostgreSQL");
    world.sweep().await;
    let first = broker.take_failed().await.len();
    jobs::retry(pool, Some(id), now).await.expect("PostgreSQL");
    world.sweep().await;
    let while_it_waits = broker.take_failed().await.len();
    jobs::discard(pool, id, now).await.expect("PostgreSQL");
    world.sweep().await;
    let second = broker.take_failed().await.len();

    assert_eq!((first, while_it_waits, second), (1, 0, 1));
}

#[tokio::test]
async fn jobs_are_counted_listed_and_shown() {
    let world = World::with_jobs_over(Carrier::Postgres).await;
    let pool = world.pool();
    let began = world.ctx.now();
    let script = Script::of([Deed::Succeed, Deed::Discard, Deed::Retry]);
    let (mut worker, mut relay) = (
        world.worker(script.catalogue(), 1).await,
        world.relay().await,
    );
    let done = world.enqueue(&Errand::<10> { label: 1 }).await;
    let failed = world.enqueue(&Errand::<5> { label: 2 }).await;
    let again = world.enqueue(&Errand::<0> { label: 3 }).await;
    worker.work_until_empty(&mut relay).await;
    world.clock.advance(TimeDelta::seconds(10));
    let new = world.enqueue(&Errand::<5> { label: 4 }).await;

    let stats: Vec<(String, String, i64)> = jobs::stats(pool)
        .await
        .expect("PostgreSQL")
        .into_iter()
        .map(|state| (state.name, state.state, state.count))
        .collect();
    let list = async |state, name, limit| -> Vec<Uuid> {
        let listed = jobs::list(pool, state, name, limit).await;
        let listed = listed.expect("PostgreSQL").into_iter();
        listed.map(|job| job.id).collect()
    };

    let row = |name: &str, state: &str| (name.to_owned(), state.to_owned(), 1);
    assert_eq!(
        stats,
        [
            row("errand", "failed"),
            row("errand", "ready"),
            row("idle_errand", "ready"),
            row("urgent_errand", "done"),
        ]
    );
    assert_eq!(list(None, None, 10).await, [new, again, failed, done]);
    assert_eq!(list(None, None, 2).await, [new, again]);
    assert_eq!(list(Some("ready"), None, 10).await, [new, again]);
    assert_eq!(list(None, Some("errand"), 10).await, [new, failed]);
    assert_eq!(list(Some("ready"), Some("errand"), 10).await, [new]);
    assert!(list(Some("sent"), None, 10).await.is_empty());
    let job = world.job(failed).await;
    assert_eq!(
        (job.id, job.name.as_str(), job.state.as_str()),
        (failed, "errand", "failed")
    );
    assert_eq!(
        (job.attempt, job.max_attempts, job.priority),
        (1, ATTEMPTS, 5)
    );
    assert_eq!((job.created_at, &job.payload["label"]), (began, &2.into()));
    assert_eq!(job.history[0]["error"], "never");
    let unknown = jobs::show(pool, id::new()).await.expect("PostgreSQL");
    assert!(unknown.is_none(), "{unknown:?}");
}

#[tokio::test]
async fn the_oldest_job_of_each_kind_is_told() {
    let world = World::with_jobs_over(Carrier::Postgres).await;
    let began = world.ctx.now();
    world.enqueue(&Errand::<5>::default()).await;
    world.clock.advance(TimeDelta::hours(1));
    world.enqueue(&Errand::<5>::default()).await;

    let stats = jobs::stats(world.pool()).await.expect("PostgreSQL");

    let [stat] = stats.as_slice() else {
        panic!("one kind in one state, not {stats:?}");
    };
    assert_eq!((stat.count, stat.oldest), (2, began));
}
