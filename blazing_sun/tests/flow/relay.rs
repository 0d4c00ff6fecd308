//! The relay: everything that was committed, in order, whatever happens to it and to Kafka.

use std::ops::RangeInclusive;
use std::time::Duration;

use blazing_sun::flow::ctx::Tx;
use blazing_sun::flow::event::{Event, Topic};
use blazing_sun::flow::outbox;
use blazing_sun::flow::relay::Step;
use blazing_sun::kernel::id;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::Executor;
use tokio::time::Instant;
use uuid::Uuid;

use crate::harness::{
    Carrier, Counting, Gate, Relaying, World, count, count_padded, entries_read, let_pass,
    pin_snapshot, soon, watched_pool,
};

/// How long a topic that refused an event is left alone.
const REFUSED: Duration = Duration::from_secs(30);

/// What happens in the property below.
#[derive(Clone, Debug)]
enum Happening {
    /// A transaction counts these counters up; some of the events are large.
    Commit(Vec<(usize, bool)>),
    /// The relay makes a step.
    Step,
}

#[test]
fn events_of_one_aggregate_arrive_in_order_however_many_are_interleaved() {
    let counts = prop::collection::vec((0..12_usize, prop::bool::weighted(0.2)), 1..8);
    let happening = prop_oneof![
        4 => counts.prop_map(Happening::Commit),
        1 => Just(Happening::Step),
    ];
    let history = prop::collection::vec(happening, 30..60);
    let mut runner = TestRunner::new(Config {
        cases: 3,
        // Each case has a world of its own: a smaller one would take longer to find than to do without.
        max_shrink_iters: 0,
        failure_persistence: None,
        ..Config::default()
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");

    let outcome = runner.run(&history, |history| {
        runtime.block_on(interleave(history));
        Ok(())
    });

    assert!(outcome.is_ok(), "{outcome:?}");
}

async fn interleave(history: Vec<Happening>) {
    let world = World::with_events_over(Carrier::Broker).await;
    let counters: Vec<Uuid> = (0..12).map(|_| id::new()).collect();
    let mut relay = world.relay().await;
    for happening in history {
        match happening {
            Happening::Commit(counts) => {
                let mut tx = world.begin().await;
                for (counter, large) in counts {
                    let padding = if large { 900_000 } else { 0 };
                    count_padded(&mut tx, counters[counter], padding).await;
                }
                tx.commit().await.expect("a commit");
            }
            Happening::Step => drop(relay.once().await),
        }
    }
    relay.carry_all().await;
    world
        .consumer(Counting::named("counting"))
        .await
        .take_all()
        .await;
    world.assert_counted_once_in_order("counting").await;
}

over_both_carriers! {
    async fn many_events_go_in_several_batches_and_in_order(carrier: Carrier) {
        let world = World::with_events_over(carrier).await;
        let counters: Vec<Uuid> = (0..7).map(|_| id::new()).collect();
        let mut tx = world.begin().await;
        for n in 0..2100 {
            count(&mut tx, counters[n % counters.len()]).await;
        }
        tx.commit().await.expect("a commit");
        let mut relay = world.relay().await;

        assert_eq!(relay.once().await.0, Step::Carried(1000));
        relay.carry_all().await;
        world.consumer(Counting::named("counting")).await.take_all().await;

        world.assert_counted_once_in_order("counting").await;
    }

    async fn a_transaction_that_commits_late_is_still_published(carrier: Carrier) {
        let world = World::with_events_over(carrier).await;
        let mut relay = world.relay().await;
        let (early, late) = (id::new(), id::new());
        let mut tx = world.begin().await;
        count(&mut tx, early).await;
        world.count(late).await;
        relay.carry_all().await;
        assert_eq!(world.rows("event_log").await, 1);

        tx.commit().await.expect("a commit");
        let_pass(Duration::from_secs(60)).await;
        relay.carry_all().await;
        world.consumer(Counting::named("counting")).await.take_all().await;

        world.assert_counted_once_in_order("counting").await;
    }
}

over_both_carriers! {
    async fn what_follows_a_transaction_that_commits_late_does_not_overtake_it(carrier: Carrier) {
        let world = World::with_events_over(carrier).await;
        let mut relay = world.relay().await;
        let (counter, other) = (id::new(), id::new());
        for _ in 0..3 {
            let mut late = world.begin().await;
            count(&mut late, counter).await;
            // What others commit meanwhile has higher numbers, and is published.
            world.count(other).await;
            assert_eq!(relay.once().await.0, Step::Carried(1));
            commit_late(late, &world, counter, &mut relay).await;
        }

        world.consumer(Counting::named("counting")).await.take_all().await;

        world.assert_counted_once_in_order("counting").await;
    }
}

over_both_carriers! {
    async fn nothing_overtakes_what_commits_late_after_a_relays_first_looks_found_nothing(carrier: Carrier) {
        let world = World::with_events_over(carrier).await;
        let counter = id::new();
        let mut late = world.begin().await;
        count(&mut late, counter).await;
        let mut relay = world.relay().await;
        for _ in 0..4 {
            assert_eq!(relay.once().await.0, Step::Carried(0));
        }

        commit_late(late, &world, counter, &mut relay).await;
        world.consumer(Counting::named("counting")).await.take_all().await;

        world.assert_counted_once_in_order("counting").await;
    }
}

/// Commits what was begun before, then counts the same counter up: the relay sees both.
async fn commit_late(late: Tx, world: &World, counter: Uuid, relay: &mut Relaying) {
    late.commit().await.expect("a commit");
    world.count(counter).await;
    relay.once().await;
    let_pass(Duration::from_secs(60)).await;
    relay.carry_all().await;
}

/// A long transaction keeps dead rows from being cleaned up; a relay that was just started and has nothing to do must not
/// read them at each look.
#[tokio::test]
async fn an_idle_relay_does_not_read_the_dead_again_and_again() {
    const DEAD: i32 = 2000;
    const LOOKS: i64 = 20;
    const OUTBOX: &str = "indexrelname = 'outbox_pkey'";
    let world = World::with_events_over(Carrier::Postgres).await;
    sqlx::query(
        "INSERT INTO outbox (id, topic, key, type, body, size, emitted_at)
         SELECT uuidv7(), 'test', uuidv7(), 'test', '{}', 2, now() FROM generate_series(1, $1)",
    )
    .bind(DEAD)
    .execute(world.pool())
    .await
    .expect("events");
    let long = pin_snapshot(&world).await;
    world
        .pool()
        .execute("DELETE FROM outbox")
        .await
        .expect("published events");
    let pool = watched_pool(&world, "auto").await;
    let mut relay = world.relay_on(pool.clone()).await;

    let quiet = async {
        loop {
            let before = entries_read(&pool, OUTBOX).await;
            for _ in 0..LOOKS {
                assert_eq!(relay.once().await.0, Step::Carried(0));
            }
            // Once a second it does look whether something was missed.
            if entries_read(&pool, OUTBOX).await - before < i64::from(DEAD) * LOOKS / 2 {
                return;
            }
        }
    };
    // Not before every transaction has ended that ran at its first look, be it of another test.
    soon("looks that read no dead entries", quiet).await;
    world.count(id::new()).await;
    assert_eq!(relay.once().await.0, Step::Carried(1), "a new one");
    pool.close().await;
    long.rollback().await.expect("a rollback");
}

#[tokio::test]
async fn a_relay_killed_between_sending_and_settling_doubles_no_effect() {
    let world = World::with_events_over(Carrier::Broker).await;
    let counter = id::new();
    for _ in 0..3 {
        world.count(counter).await;
    }
    let mut consumer = world.consumer(Counting::named("counting")).await;
    let mut killed = world.relay().await;
    // Settling has to wait for this.
    let mut lease = world.pool().begin().await.expect("a transaction");
    sqlx::query("SELECT FROM leases FOR UPDATE")
        .execute(&mut *lease)
        .await
        .expect("the lease");

    let sending = tokio::spawn(async move { killed.once().await });
    consumer.take_records(3).await;
    soon("a relay that settles", world.blocked(1)).await;
    sending.abort();
    assert!(sending.await.is_err_and(|end| end.is_cancelled()));
    // Its session dies with it; otherwise the statement that waits would still settle.
    let ended = "(SELECT pid FROM pg_stat_activity
                  WHERE datname = current_database() AND wait_event_type = 'Lock' OFFSET 0) waiting
                 WHERE pg_terminate_backend(pid, 60000)";
    assert_eq!(world.rows(ended).await, 1);
    lease.rollback().await.expect("a rollback");
    assert_eq!(world.rows("outbox").await, 3);
    world.count(counter).await;
    world.lapse_leases().await;
    world.relay().await.carry_all().await;
    consumer.take_records(4).await;

    assert_eq!(world.rows("outbox").await, 0);
    assert_eq!(world.numbers("counting", counter).await, [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_relay_that_wakes_after_another_took_over_changes_nothing() {
    let mut gate = Gate::refusing().await;
    let world = World::with_events_over(Carrier::Broker).await;
    let counter = id::new();
    for _ in 0..3 {
        world.count(counter).await;
    }
    let mut asleep = world.relay_to(world.kafka_through(&gate).await).await;
    let mut consumer = world.consumer(Counting::named("counting")).await;

    // It has read its batch and does not get to send it.
    let waking = tokio::spawn(async move { asleep.once().await });
    gate.first_connection().await;
    world.lapse_leases().await;
    let mut awake = world.relay().await;
    for _ in 0..3 {
        world.count(counter).await;
    }
    awake.carry_all().await;
    consumer.take_records(6).await;
    world.count(counter).await;
    let kafka = world.kafka().await;
    gate.pass_to(format!("{}:{}", kafka.host, kafka.port));
    let (events, _) = waking.await.expect("no panic");
    let sent_late = consumer.take_records(3).await;

    assert_eq!(events, Step::Deposed);
    assert_eq!(sent_late.len(), 3);
    assert_eq!(world.rows("event_log").await, 6);
    awake.carry_all().await;
    consumer.take_all().await;
    world.assert_counted_once_in_order("counting").await;
}

#[tokio::test]
async fn a_deposed_relay_settles_nothing_and_its_successor_sends_everything() {
    let world = World::with_events_over(Carrier::Broker).await;
    let counter = id::new();
    world.count(counter).await;
    world.count(counter).await;
    let mut deposed = world.relay().await;
    world.lapse_leases().await;
    let mut leading = world.relay().await;

    assert_eq!(deposed.once().await.0, Step::Deposed);
    assert_eq!(world.rows("outbox").await, 2);
    assert_eq!(leading.once().await.0, Step::Carried(2));
    let mut consumer = world.consumer(Counting::named("counting")).await;
    consumer.take_records(4).await;

    assert_eq!(world.rows("event_log").await, 2);
    assert_eq!(world.numbers("counting", counter).await, [1, 2]);
}

#[tokio::test]
async fn while_kafka_is_away_requests_go_on_and_later_everything_arrives_in_order() {
    let world = World::with_events_over(Carrier::Broker).await;
    let counter = id::new();
    for mut gate in [Gate::refusing().await, Gate::holding().await] {
        world.count(counter).await;
        let mut relay = world.relay_to(world.kafka_through(&gate).await).await;
        let relaying = tokio::spawn(async move { relay.once().await });
        gate.first_connection().await;
        assert!(gate.connections() > 0);

        world.count(counter).await;

        assert!(!relaying.is_finished());
        relaying.abort();
        world.lapse_leases().await;
    }
    assert_eq!(world.rows("outbox").await, 4);
    assert_eq!(world.rows("event_log").await, 0);
    world.relay().await.carry_all().await;
    let mut consumer = world.consumer(Counting::named("counting")).await;
    consumer.take_all().await;

    world.assert_counted_once_in_order("counting").await;
}

#[tokio::test]
async fn a_missing_topic_holds_up_only_itself_and_gets_its_events_in_order_when_it_is_made() {
    let world = World::with_events_over(Carrier::Broker).await;
    let mut relay = world.relay().await;
    let mut consumer = world.consumer(Counting::named("counting")).await;
    let (counter, stray) = (id::new(), id::new());
    // More than one batch of them.
    stray_from(&world, stray, 1..=1100).await;
    assert_eq!(relay.once().await.0, Step::Carried(0));
    let refused_at = Instant::now();
    world.count(counter).await;
    assert_eq!(relay.once().await.0, Step::Carried(1));
    world.topics().await.add(Stray::TOPIC.name()).await;

    // The whole outbox is looked at just before the topic's time is over; what comes then is found by a short look.
    let_pass(REFUSED - refused_at.elapsed() - Duration::from_millis(500)).await;
    world.count(counter).await;
    assert_eq!(relay.once().await.0, Step::Carried(1));
    stray_from(&world, stray, 1101..=1101).await;
    let_pass(Duration::from_millis(600)).await;
    relay.carry_all().await;
    let_pass(REFUSED).await;
    relay.carry_all().await;
    consumer.take_all().await;

    world.assert_counted_once_in_order("counting").await;
    let published: Vec<i64> = sqlx::query_scalar(
        "SELECT (body::jsonb ->> 'sequence')::bigint FROM event_log WHERE topic = $1 ORDER BY position",
    )
    .bind(Stray::TOPIC.name())
    .fetch_all(world.pool())
    .await
    .expect("published events");
    assert!(published.is_sorted(), "{published:?}");
    assert_eq!(published.len(), 1101);
    assert_eq!(world.rows("outbox").await, 0);
}

/// An event whose topic nobody has made.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Stray {
    id: Uuid,
    n: i64,
}

impl Event for Stray {
    const TYPE: &'static str = "stray.strayed.v1";
    const TOPIC: Topic = Topic::new("stray.events");
    const SUMMARY: &'static str = "Something went where nobody is.";

    fn subject(&self) -> Uuid {
        self.id
    }

    fn sequence(&self) -> i64 {
        self.n
    }
}

async fn stray_from(world: &World, id: Uuid, numbers: RangeInclusive<i64>) {
    let mut tx = world.begin().await;
    for n in numbers {
        outbox::emit(&mut tx, &Stray { id, n })
            .await
            .expect("an event");
    }
    tx.commit().await.expect("a commit");
}
