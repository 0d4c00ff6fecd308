//! What the spine measures: it moves when the thing happens, and what concerns all processes only the leader tells.

use blazing_sun::flow::ctx::{Cause, Ctx};
use blazing_sun::flow::dead_letter;
use blazing_sun::flow::freshness::{self, Behind};
use blazing_sun::flow::lease::Lease;
use blazing_sun::flow::metrics::FlowMetrics;
use blazing_sun::flow::relay::{EventsCarrier, JobsCarrier, Relay};
use blazing_sun::infra::measures::Measures;
use blazing_sun::kernel::clock::Clock;
use blazing_sun::kernel::id;
use chrono::{DateTime, TimeDelta};
use prometheus::TextEncoder;
use sqlx::Executor;
use tokio_util::sync::CancellationToken;

use crate::harness::{Carrier, Counting, Gate, World, soon};

/// A process of a world, and what it shows.
struct Process {
    ctx: Ctx,
    measures: Measures,
}

impl Process {
    fn of(world: &World) -> Self {
        let measures = Measures::default();
        let metrics = FlowMetrics::new(&measures).expect("metrics");
        let ctx = Ctx::new(world.pool().clone(), world.clock.clone(), metrics);
        Self { ctx, measures }
    }

    /// What a series says, if there is one.
    fn says(&self, series: &str) -> Option<f64> {
        let text = TextEncoder::new()
            .encode_to_string(&self.measures.gather())
            .expect("text");
        let mut lines = text.lines();
        let value = lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map(|value| value.parse().expect("a number"))
    }

    fn relay(&self, events: EventsCarrier) -> Relay {
        Relay::new(self.ctx.clone(), events, JobsCarrier::Postgres)
    }
}

#[tokio::test]
async fn a_transaction_counts_as_it_ended_and_one_that_is_dropped_was_rolled_back() {
    let world = World::with_events_over(Carrier::Postgres).await;
    let process = Process::of(&world);
    let begin = async || {
        process
            .ctx
            .begin(Cause::new("test"))
            .await
            .expect("PostgreSQL")
    };
    let counted = |outcome: &str| {
        let name = "postgres_transaction_duration_seconds_count";
        process.says(&format!("{name}{{outcome=\"{outcome}\"}}"))
    };

    begin().await.commit().await.expect("a commit");
    let committed = [counted("committed"), counted("rolled_back")];
    begin().await.rollback().await.expect("a rollback");
    drop(begin().await);
    let mut broken = begin().await;
    let deferred = "CREATE TEMP TABLE twice (n int UNIQUE DEFERRABLE INITIALLY DEFERRED);
                    INSERT INTO twice VALUES (1), (1);";
    broken.conn().execute(deferred).await.expect("rows");
    broken.commit().await.expect_err("a commit that fails");

    assert_eq!(committed, [Some(1.0), Some(0.0)]);
    assert_eq!(
        [counted("committed"), counted("rolled_back")],
        [Some(1.0), Some(3.0)]
    );
    assert_eq!(process.says("postgres_pool_wait_seconds_count"), Some(4.0));
}

#[tokio::test]
async fn a_batch_counts_with_its_size() {
    let world = World::with_events_over(Carrier::Postgres).await;
    for _ in 0..3 {
        world.count(id::new()).await;
    }
    let process = Process::of(&world);
    let mut relay = process.relay(EventsCarrier::Postgres);
    let term = relay
        .take_lease()
        .await
        .expect("PostgreSQL")
        .expect("a free lease");

    soon("a step", relay.once(term)).await.expect("a step");
    soon("an idle step", relay.once(term))
        .await
        .expect("a step");

    let said = ["records_sum", "records_count", "duration_seconds_count"]
        .map(|name| process.says(&format!("relay_batch_{name}{{kind=\"event\"}}")));
    assert_eq!(said, [Some(3.0), Some(1.0), Some(1.0)]);
    assert_eq!(process.says("relay_producer_resets_total"), Some(0.0));
}

#[tokio::test]
async fn a_producer_that_is_made_anew_is_counted() {
    let world = World::with_events_over(Carrier::Broker).await;
    let kafka = world.kafka().await;
    // Not one of the world's topics.
    let mut tx = world.begin().await;
    tx.conn()
        .execute(
            "INSERT INTO outbox (id, topic, key, type, body, size, emitted_at)
             VALUES (gen_random_uuid(), 'no.such.topic', gen_random_uuid(), 'x.v1', '{}', 2, now())",
        )
        .await
        .expect("a row");
    tx.commit().await.expect("a commit");
    let process = Process::of(&world);
    let mut relay = process.relay(EventsCarrier::Kafka(kafka));
    let term = relay
        .take_lease()
        .await
        .expect("PostgreSQL")
        .expect("a free lease");

    soon("a step", relay.once(term)).await.expect("a step");

    assert_eq!(process.says("relay_producer_resets_total"), Some(1.0));
}

/// The relay waits for Kafka then, and what it leaves lying is what somebody has to be told of.
#[tokio::test]
async fn what_waits_is_told_while_kafka_is_away() {
    let world = World::with_events_over(Carrier::Broker).await;
    let process = Process::of(&world);
    let gate = Gate::refusing().await;
    let kafka = world.kafka_through(&gate).await;
    world.count(id::new()).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(process.relay(EventsCarrier::Kafka(kafka)).run(stop.clone()));
    soon(
        "a look",
        until(|| process.says("outbox_events") == Some(1.0)),
    )
    .await;

    world.count(id::new()).await;
    world.clock.advance(TimeDelta::seconds(90));

    let told = || {
        let names = ["outbox_events", "outbox_oldest_age_seconds"];
        names.map(|name| process.says(name)) == [Some(2.0), Some(90.0)]
    };
    soon("what waits", until(told)).await;
    stop.cancel();
    soon("the end", running).await.expect("no panic");
}

#[tokio::test]
async fn who_leads_no_more_tells_nothing_about_the_whole() {
    let world = World::with_events_over(Carrier::Postgres).await;
    let process = Process::of(&world);
    let whole = [
        "outbox_events",
        "outbox_oldest_age_seconds",
        r#"jobs{state="failed"}"#,
    ];
    let tells = || whole.map(|name| process.says(name).is_some());
    assert_eq!(tells(), [false; 3], "nobody leads yet");
    let stop = CancellationToken::new();
    let relay = process.relay(EventsCarrier::Postgres);
    let running = tokio::spawn(relay.run(stop.clone()));
    soon("a leader", until(|| tells() == [true; 3])).await;
    assert_eq!(process.says(r#"leader{lease="relay"}"#), Some(1.0));

    world
        .pool()
        .execute("UPDATE leases SET holder = gen_random_uuid(), epoch = epoch + 1, expires_at = 'infinity'")
        .await
        .expect("another holder");

    soon("the end of the lead", until(|| tells() == [false; 3])).await;
    assert_eq!(process.says(r#"leader{lease="relay"}"#), Some(0.0));
    assert_eq!(
        process.says(r#"lease_changes_total{lease="relay"}"#),
        Some(1.0)
    );
    // The other one goes, and this one tells again.
    world.lapse_leases().await;
    soon("a leader", until(|| tells() == [true; 3])).await;
    assert_eq!(
        process.says(r#"lease_changes_total{lease="relay"}"#),
        Some(2.0)
    );
    stop.cancel();
    soon("the end", running).await.expect("no panic");
    assert_eq!(tells(), [false; 3]);
    assert!(
        Lease::new("relay")
            .take(world.pool())
            .await
            .expect("PostgreSQL")
            .is_some()
    );
}

#[tokio::test]
async fn a_consumer_is_behind_by_what_it_has_not_had_and_by_the_age_of_the_oldest() {
    let world = World::with_events_over(Carrier::Postgres).await;
    let counting = Counting::named("counting");
    let mut consumer = world.consumer(counting.clone()).await;
    let counter = id::new();
    let behind = async |consumer: &crate::harness::Consuming| {
        freshness::behind(&consumer.consumer)
            .await
            .expect("PostgreSQL")
    };
    let begun = world.clock.now();
    for _ in 0..3 {
        world.count(counter).await;
        world.clock.advance(TimeDelta::seconds(10));
    }

    let unpublished = behind(&consumer).await;
    world.relay().await.carry_all().await;
    let published = behind(&consumer).await;
    // One fails, and the next waits behind it: an operator's matter, and no lag.
    counting.poison(counter, 2);
    consumer.take_all().await;
    let taken = behind(&consumer).await;
    let open = dead_letter::count_open(world.pool())
        .await
        .expect("PostgreSQL");

    let nothing = Behind {
        records: 0,
        since: None,
    };
    assert_eq!(unpublished, nothing);
    assert_eq!(
        published,
        Behind {
            records: 3,
            since: Some(begun)
        }
    );
    assert_eq!(taken, nothing);
    assert_eq!(open, [("counting".to_owned(), 2)]);
    let letters = world.letters("counting").await;
    for letter in &letters {
        dead_letter::discard(&world.ctx, letter)
            .await
            .expect("PostgreSQL");
    }
    let open = dead_letter::count_open(world.pool())
        .await
        .expect("PostgreSQL");
    assert_eq!(open, []);
}

#[tokio::test]
async fn what_lies_far_behind_a_consumers_place_and_was_had_hides_nothing() {
    let world = World::with_events_over(Carrier::Postgres).await;
    let consumer = world.consumer(Counting::named("counting")).await;
    world.relay().await.carry_all().await;
    for statement in [
        "INSERT INTO event_log (id, topic, key, type, body, emitted_at)
         SELECT gen_random_uuid(), 'counter.events', gen_random_uuid(), 'counter.counted.v1', '{}', to_timestamp(n)
         FROM generate_series(1, 10001) n",
        "INSERT INTO inbox (consumer, event_id)
         SELECT 'counting', id FROM event_log WHERE emitted_at < to_timestamp(10001)",
    ] {
        world.pool().execute(statement).await.expect("rows");
    }

    let behind = freshness::behind(&consumer.consumer)
        .await
        .expect("PostgreSQL");

    let since = DateTime::from_timestamp(10_001, 0);
    assert_eq!(behind, Behind { records: 1, since });
}

async fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}
