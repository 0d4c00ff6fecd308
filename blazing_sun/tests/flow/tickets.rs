//! Tickets: in which order and how many of them lie in RabbitMQ, and what happens when they get lost or cannot be sent.

use blazing_sun::flow::jobs;
use blazing_sun::flow::relay::{Step, waiting};
use blazing_sun::flow::worker::Outcome;
use blazing_sun::infra::rabbitmq::{self, RabbitMq};
use chrono::{DateTime, TimeDelta};
use sqlx::Executor;
use uuid::Uuid;

use crate::harness::{
    Carrier, Deed, Effect, Errand, RESEND_AFTER, Relaying, Script, World, soon, told,
};
use crate::support::Gate;

/// The most tickets that the spine has in the queue.
const WINDOW: usize = 5000;
/// The most tickets that it sends in one step.
const BATCH: usize = 500;
const MOMENT: TimeDelta = TimeDelta::milliseconds(1);

over_both_carriers! {
    async fn the_more_urgent_job_runs_first_and_among_equals_the_one_that_waits_longest(carrier: Carrier) {
        let world = World::with_jobs_over(carrier).await;
        let second = TimeDelta::seconds(1);
        let mut expected = [Uuid::nil(); 5];
        expected[4] = world.enqueue(&Errand::<0>::default()).await;
        world.clock.advance(second);
        expected[2] = world.enqueue(&Errand::<5>::default()).await;
        expected[1] = world.enqueue(&Errand::<5>::default()).await;
        world.clock.advance(second);
        expected[3] = world.enqueue(&Errand::<5>::default()).await;
        expected[0] = world.enqueue(&Errand::<10>::default()).await;
        // Enqueued later, but due before.
        sqlx::query("UPDATE jobs SET run_at = run_at - interval '10 seconds' WHERE id = $1")
            .bind(expected[1])
            .execute(world.pool())
            .await
            .expect("an older job");
        let mut relay = world.relay().await;
        relay.once().await;

        // Comes when all tickets lie there: it would take the first one that it gets.
        let mut worker = world.worker(Script::of([]).catalogue(), 1).await;
        worker.work_until_empty(&mut relay).await;

        let order: Vec<Uuid> = world.errands().await.iter().map(|effect| effect.counter).collect();
        assert_eq!(order, expected);
    }
}

#[tokio::test]
async fn a_ticket_is_sent_once() {
    let world = World::with_jobs_over(Carrier::Broker).await;
    let id = world.enqueue(&Errand::<5>::default()).await;
    let (mut relay, broker) = (world.relay().await, world.broker().await);

    let steps = [relay.once().await.1, relay.once().await.1];

    assert_eq!(steps, [Step::Carried(1), Step::Carried(0)]);
    assert_eq!(broker.tickets().await, 1);
    let ticket: serde_json::Value =
        serde_json::from_slice(&broker.take_ticket().await).expect("JSON");
    let expected = serde_json::json!({ "id": id, "name": "errand", "attempt": 0 });
    assert_eq!(ticket, expected);
}

#[tokio::test]
async fn a_ticket_that_no_queue_takes_is_not_taken_for_sent() {
    let world = World::with_jobs_over(Carrier::Broker).await;
    let (mut relay, broker) = (world.relay().await, world.broker().await);
    world.enqueue(&Errand::<5>::default()).await;
    relay.once().await;
    broker.delete().await;
    let second = world.enqueue(&Errand::<5>::default()).await;

    let returned = relay.try_once().await;
    let unsent = world.job(second).await.state;
    let sent = relay.once().await.1;

    assert!(returned.is_err(), "{returned:?}");
    assert_eq!(unsent, "ready");
    assert_eq!((sent, broker.tickets().await), (Step::Carried(1), 1));
    let mut worker = world.worker(Script::of([]).catalogue(), 1).await;
    assert_eq!(worker.work_next().await, Outcome::Done);
    assert_eq!(told(&world.job(second).await), "1 done");
}

#[tokio::test]
async fn tickets_that_got_lost_are_sent_again_after_the_patience_with_them() {
    let world = World::with_jobs_over(Carrier::Broker).await;
    let id = world.enqueue(&Errand::<5>::default()).await;
    let (mut relay, broker) = (world.relay().await, world.broker().await);
    relay.once().await;
    broker.purge().await;

    world.clock.advance(RESEND_AFTER);
    world.sweep().await;
    let patient = relay.once().await.1;
    world.clock.advance(MOMENT);
    world.sweep().await;
    let impatient = relay.once().await.1;

    assert_eq!((patient, impatient), (Step::Carried(0), Step::Carried(1)));
    let mut worker = world.worker(Script::of([]).catalogue(), 1).await;
    assert_eq!(worker.work_until_empty(&mut relay).await, [Outcome::Done]);
    assert_eq!(world.errands().await, [Effect { counter: id, n: 1 }]);
}

#[tokio::test]
async fn a_long_queue_is_no_reason_for_copies() {
    let world = World::with_jobs_over(Carrier::Broker).await;
    let (mut relay, broker) = (world.relay().await, world.broker().await);
    for _ in 0..3 {
        world.enqueue(&Errand::<5>::default()).await;
    }
    relay.once().await;

    world.clock.advance(RESEND_AFTER * 100);
    world.sweep().await;
    let step = relay.once().await.1;

    assert_eq!((step, broker.tickets().await), (Step::Carried(0), 3));
}

#[tokio::test]
async fn a_ticket_lost_out_of_many_is_found_and_no_job_runs_twice_for_that() {
    let world = World::with_jobs_over(Carrier::Broker).await;
    let (mut relay, broker) = (world.relay().await, world.broker().await);
    for _ in 0..3 {
        world.enqueue(&Errand::<5>::default()).await;
    }
    relay.once().await;
    broker.take_ticket().await;

    world.clock.advance(RESEND_AFTER + MOMENT);
    world.sweep().await;
    relay.once().await;
    let mut worker = world.worker(Script::of([]).catalogue(), 1).await;
    let mut outcomes = worker.work_until_empty(&mut relay).await;
    while broker.tickets().await > 0 {
        outcomes.push(worker.work_next().await);
    }

    let count = |wanted| {
        outcomes
            .iter()
            .filter(|outcome| **outcome == wanted)
            .count()
    };
    assert_eq!(count(Outcome::Done), 3);
    assert_eq!(
        world
            .rows("jobs WHERE state = 'done' AND attempt = 1")
            .await,
        3
    );
    assert_eq!(world.rows("effects").await, 3);
}

#[tokio::test]
async fn while_rabbitmq_refuses_connections_jobs_are_enqueued_and_wait() {
    let world = World::with_jobs_over(Carrier::Broker).await;
    let gate = Gate::refusing().await;
    let mut relay = relay_through(&world, &gate).await;
    world.enqueue(&Errand::<5>::default()).await;

    let first = relay.try_once().await;
    world.enqueue(&Errand::<5>::default()).await;
    let second = relay.try_once().await;

    assert!(first.is_err() && second.is_err());
    assert!(gate.connections() >= 2, "{} tries", gate.connections());
    all_arrive_through(&world, &gate, &mut relay).await;
}

#[tokio::test]
async fn while_rabbitmq_does_not_answer_jobs_are_enqueued_and_wait() {
    let world = World::with_jobs_over(Carrier::Broker).await;
    let mut gate = Gate::holding().await;
    let mut relay = relay_through(&world, &gate).await;
    world.enqueue(&Errand::<5>::default()).await;

    // As soon as nothing but its patience with RabbitMQ can end the step, that passes at once.
    let patience = async {
        gate.first_connection().await;
        tokio::time::pause();
    };
    let (step, ()) = tokio::join!(relay.try_once(), patience);
    tokio::time::resume();
    world.enqueue(&Errand::<5>::default()).await;

    assert!(step.is_err(), "{step:?}");
    all_arrive_through(&world, &gate, &mut relay).await;
}

#[tokio::test]
async fn a_relay_that_was_deposed_settles_nothing_and_leaves_only_copies() {
    let world = World::with_jobs_over(Carrier::Broker).await;
    let id = world.enqueue(&Errand::<5>::default()).await;
    let mut deposed = world.relay().await;
    world.lapse_leases().await;
    let mut leader = world.relay().await;

    let late = deposed.once().await.1;
    let state = world.job(id).await.state;
    let sent = leader.once().await.1;

    assert_eq!((late, state.as_str()), (Step::Deposed, "ready"));
    assert_eq!(sent, Step::Carried(1));
    let mut worker = world.worker(Script::of([]).catalogue(), 1).await;
    let outcomes = [worker.work_next().await, worker.work_next().await];
    assert_eq!(outcomes, [Outcome::Done, Outcome::Repeated]);
    assert_eq!(world.errands().await, [Effect { counter: id, n: 1 }]);
}

#[tokio::test]
async fn a_worker_that_is_faster_than_the_relays_note_is_not_overwritten() {
    let world = World::with_jobs_over(Carrier::Broker).await;
    let done = world.enqueue(&Errand::<10>::default()).await;
    let again = world.enqueue(&Errand::<5>::default()).await;
    let mut relay = world.relay().await;
    let script = Script::of([Deed::Succeed, Deed::Retry]);
    let mut worker = world.worker(script.catalogue(), 2).await;
    // Whoever holds the lease's row holds the note up, but not the tickets.
    let mut lease = world.begin().await;
    lease
        .conn()
        .execute("SELECT FROM leases FOR UPDATE")
        .await
        .expect("the lease");

    let working = async {
        let outcomes = [worker.work_next().await, worker.work_next().await];
        lease.rollback().await.expect("a rollback");
        outcomes
    };
    let ((_, step), outcomes) = tokio::join!(relay.once(), working);

    assert_eq!(outcomes, [Outcome::Done, Outcome::Retried]);
    assert_eq!(step, Step::Carried(2));
    assert_eq!(world.job(done).await.state, "done");
    assert_eq!(world.job(again).await.state, "ready");
}

#[tokio::test]
async fn the_queue_holds_a_window_of_tickets_and_the_most_urgent_ones_are_sent_first() {
    let world = World::with_jobs_over(Carrier::Broker).await;
    sqlx::query(
        "INSERT INTO jobs (id, name, payload, priority, state, max_attempts, run_at, correlation_id, created_at)
         SELECT gen_random_uuid(), 'errand', '{\"label\": 0}', 5, 'ready', 5, $1, 'test', $1
         FROM generate_series(1, $2)",
    )
    .bind(world.ctx.now())
    .bind(WINDOW as i32 + 100)
    .execute(world.pool())
    .await
    .expect("a backlog");
    let (mut relay, broker) = (world.relay().await, world.broker().await);

    for batch in 1..=WINDOW / BATCH {
        assert_eq!(relay.once().await.1, Step::Carried(BATCH), "batch {batch}");
    }
    let full = relay.once().await.1;
    let waiting = broker.tickets().await;
    // Two places become free, and there is a job that is more urgent than the hundred that wait for them.
    let mut worker = world.worker(Script::of([]).catalogue(), 1).await;
    worker.work_next().await;
    worker.work_next().await;
    let urgent = world.enqueue(&Errand::<10>::default()).await;
    let room = relay.once().await.1;

    assert_eq!((full, waiting), (Step::Carried(0), WINDOW as u32));
    assert_eq!(room, Step::Carried(2));
    assert_eq!(world.job(urgent).await.state, "sent");
    assert_eq!(world.rows("jobs WHERE state = 'sent'").await, WINDOW as i64);
    // One ticket had come to the worker before; the urgent one is next.
    worker.work_next().await;
    worker.work_next().await;
    assert_eq!(world.job(urgent).await.state, "done");
}

#[tokio::test]
async fn jobs_that_are_not_done_are_told_by_state() {
    let world = World::with_jobs_over(Carrier::Broker).await;
    let mut relay = world.relay().await;
    for _ in 0..3 {
        world.enqueue(&Errand::<5>::default()).await;
    }
    let script = Script::of([Deed::Discard]);
    let mut worker = world.worker(script.catalogue(), 1).await;
    relay.once().await;
    worker.work_next().await;
    world.enqueue(&Errand::<5>::default()).await;

    let ctx = world.another_process();
    waiting::tell(&ctx).await.expect("PostgreSQL");

    let state = |state| ctx.metrics().jobs.get(&[state]).expect("a number");
    let states = ["ready", "sent", "running", "failed"].map(state);
    assert_eq!(states, [1, 2, 0, 1]);
    let count = jobs::sent_count(world.pool(), DateTime::UNIX_EPOCH).await;
    assert_eq!(count.expect("PostgreSQL"), 2);
}

/// A relay that reaches RabbitMQ through a gate.
async fn relay_through(world: &World, gate: &Gate) -> Relaying {
    let settings = rabbitmq::Settings {
        host: "127.0.0.1".to_owned(),
        port: gate.port(),
        ..world.rabbitmq_settings().await
    };
    world.relay_through(RabbitMq::new(settings)).await
}

/// RabbitMQ is back: both jobs that were enqueued meanwhile are done, each once.
async fn all_arrive_through(world: &World, gate: &Gate, relay: &mut Relaying) {
    let settings = world.rabbitmq_settings().await;
    gate.pass_to(format!("{}:{}", settings.host, settings.port));

    let step = soon("a step", relay.once()).await.1;
    let mut worker = world.worker(Script::of([]).catalogue(), 1).await;
    let outcomes = worker.work_until_empty(relay).await;

    assert_eq!(step, Step::Carried(2));
    assert_eq!(outcomes, [Outcome::Done, Outcome::Done]);
    assert_eq!(world.rows("effects").await, 2);
}
