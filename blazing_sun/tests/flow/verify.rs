//! Comparing the log with Kafka and with what consumers have had, and filling what is missing: each effect once.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use blazing_sun::flow::catalogue::Catalogue;
use blazing_sun::flow::ctx::{Ctx, Tx};
use blazing_sun::flow::event::{CloudEvent, Topic};
use blazing_sun::flow::reaction::{Outside, Reaction, Wanted};
use blazing_sun::flow::relay::{EventsCarrier, JobsCarrier, Relay};
use blazing_sun::flow::verify::{Carried, Counts, Filled, Findings, Range, Verifier};
use blazing_sun::infra::kafka::Reader;
use blazing_sun::kernel::id;
use chrono::{DateTime, TimeDelta, Utc};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use uuid::Uuid;

use crate::harness::{Carrier, Consuming, Counted, Counting, Garbage, Relaying, World, soon};

/// As long as the stack has it.
const KEPT: TimeDelta = TimeDelta::days(7);
const EVERYTHING: Range = Range {
    from: 0,
    since: None,
};

over_both_carriers! {
    async fn what_is_on_its_way_is_not_missing(carrier: Carrier) {
        let world = World::with_events_over(carrier).await;
        let counter = id::new();
        let mut relay = world.relay().await;
        count(&world, counter, 5).await;
        relay.carry_all().await;
        take_all_and_leave(world.consumer(Counting::named("counting")).await).await;
        count(&world, counter, 2).await;
        relay.carry_all().await;
        count(&world, counter, 1).await;

        let found = look(&world, carrier, "counting").await;

        assert_eq!(counts(&found), Counts { taken: 5, coming: 2, dead: 0, missing: 0 });
        assert_eq!((found.gaps(), found.unpublished), (0, 1));
        assert_eq!(found.topics.is_some(), carrier == Carrier::Broker);
    }

    async fn a_gap_in_an_inbox_is_found_and_filled_once(carrier: Carrier) {
        let world = World::with_events_over(carrier).await;
        let counter = id::new();
        count(&world, counter, 6).await;
        world.relay().await.carry_all().await;
        take_all_and_leave(world.consumer(Counting::named("counting")).await).await;
        lose_effects(&world, &[2, 5]).await;

        let found = look(&world, carrier, "counting").await;
        let (filled, whole) = fill(&world, carrier, "counting").await;
        let (nothing, _) = fill(&world, carrier, "counting").await;

        assert_eq!(counts(&found), Counts { taken: 4, coming: 0, dead: 0, missing: 2 });
        assert_eq!(found.gaps(), 2);
        assert_eq!(filled.given, BTreeMap::from([("counting".to_owned(), 2)]));
        assert!(filled.published.is_empty());
        assert_eq!((counts(&whole).taken, whole.gaps()), (6, 0));
        assert_eq!(nothing, Filled::default());
        assert_eq!(sorted_numbers(&world, "counting", counter).await, [1, 2, 3, 4, 5, 6]);
    }

    async fn a_dead_letter_is_not_missing_and_what_lies_behind_it_neither(carrier: Carrier) {
        let world = World::with_events_over(carrier).await;
        let counter = id::new();
        count(&world, counter, 3).await;
        world.relay().await.carry_all().await;
        let counting = Counting::named("counting");
        counting.poison(counter, 2);
        take_all_and_leave(world.consumer(counting).await).await;

        let found = look(&world, carrier, "counting").await;

        assert_eq!(counts(&found), Counts { taken: 1, coming: 0, dead: 2, missing: 0 });
        assert_eq!(found.gaps(), 0);
    }

    async fn only_what_is_in_the_range_is_compared(carrier: Carrier) {
        let world = World::with_events_over(carrier).await;
        count(&world, id::new(), 6).await;
        world.relay().await.carry_all().await;
        take_all_and_leave(world.consumer(Counting::named("counting")).await).await;
        lose_effects(&world, &[1, 4]).await;
        let position: i64 = sqlx::query_scalar("SELECT position FROM event_log ORDER BY position OFFSET 2 LIMIT 1")
            .fetch_one(world.pool()).await.expect("a position");
        let verifier = verifier(&world, carrier, Counting::named("counting"), KEPT).await;

        let behind = verifier.verify(Range { from: position, since: None }).await.expect("services");
        let behind = behind.close().await.expect("PostgreSQL");
        let later = Range { from: 0, since: Some(world.ctx.now() + TimeDelta::hours(2)) };
        let later = verifier.verify(later).await.expect("services").close().await.expect("PostgreSQL");
        let earlier = Range { from: 0, since: Some(world.ctx.now() - TimeDelta::hours(2)) };
        let earlier = verifier.verify(earlier).await.expect("services").close().await.expect("PostgreSQL");

        assert_eq!(counts(&behind), Counts { taken: 2, coming: 0, dead: 0, missing: 1 });
        assert_eq!(counts(&later), Counts::default());
        assert_eq!(earlier.gaps(), 2);
        if carrier == Carrier::Broker {
            assert_eq!((carried(&behind).logged, carried(&behind).kept, carried(&behind).extra), (3, 3, 0));
        }
    }
}

#[tokio::test]
async fn what_kafka_has_lost_is_published_again_and_each_effect_happens_once() {
    let world = World::with_events_over(Carrier::Broker).await;
    let counters = [id::new(), id::new(), id::new()];
    let mut relay = world.relay().await;
    for counter in counters {
        count(&world, counter, 4).await;
    }
    relay.carry_all().await;
    take_all_and_leave(world.consumer(Counting::named("early")).await).await;
    let topic = Counted::TOPIC.name();
    lose_records(&world).await;
    // What comes later is there.
    count(&world, counters[0], 1).await;
    relay.carry_all().await;

    let lost = look(&world, Carrier::Broker, "early").await;
    let (filled, whole) = fill(&world, Carrier::Broker, "late").await;

    let expected = Carried {
        topic: topic.to_owned(),
        logged: 13,
        kept: 1,
        lost: 12,
        expired: 0,
        extra: 0,
    };
    assert_eq!(carried(&lost), expected);
    assert_eq!(
        counts(&lost),
        Counts {
            taken: 12,
            coming: 1,
            dead: 0,
            missing: 0
        }
    );
    assert_eq!(
        filled.published,
        BTreeMap::from([(topic.to_owned(), 12_usize)])
    );
    // It had never come to the one that is late, which gets it from the log.
    assert_eq!(filled.given, BTreeMap::from([("late".to_owned(), 12)]));
    assert_eq!((carried(&whole).kept, whole.gaps()), (13, 0));
    // Both are given everything that lies in Kafka.
    for name in ["early", "late"] {
        let mut consumer = world.consumer(Counting::named(name)).await;
        consumer.take_records(13).await;
        world.assert_counted_once_in_order(name).await;
    }
    // And none of it for longer than it would have stayed.
    let mut reader = Reader::open(&world.kafka().await, &[topic.to_owned()], None)
        .await
        .expect("Kafka");
    let made = reader.next().await.expect("Kafka").into_iter();
    let made: Vec<_> = made.map(|record| record.at.expect("a time")).collect();
    let newest: DateTime<Utc> = sqlx::query_scalar("SELECT max(published_at) FROM event_log")
        .fetch_one(world.pool())
        .await
        .expect("a time");
    assert_eq!(made.len(), 13);
    assert!(made.iter().all(|at| *at <= newest), "{made:?}, {newest}");
}

#[tokio::test]
async fn a_missing_event_overtakes_none_that_is_still_to_come() {
    let world = World::with_events_over(Carrier::Broker).await;
    let counter = id::new();
    for carrier in [true, false, true] {
        count(&world, counter, 1).await;
        let events = if carrier {
            EventsCarrier::Kafka(world.kafka().await)
        } else {
            EventsCarrier::Postgres
        };
        world.lapse_leases().await;
        let relay = Relay::new(world.another_process(), events, JobsCarrier::Postgres);
        Relaying::lead(relay).await.carry_all().await;
    }

    let found = look(&world, Carrier::Broker, "counting").await;
    let (filled, whole) = fill(&world, Carrier::Broker, "counting").await;
    let mut consumer = world.consumer(Counting::named("counting")).await;
    consumer.take_records(3).await;

    assert_eq!((counts(&found).coming, counts(&found).missing), (2, 1));
    assert_eq!(filled.given, BTreeMap::from([("counting".to_owned(), 2)]));
    assert_eq!(whole.gaps(), 0);
    world.assert_counted_once_in_order("counting").await;
}

#[tokio::test]
async fn what_is_no_event_of_the_log_is_extra_and_no_gap() {
    let world = World::with_events_over(Carrier::Broker).await;
    count(&world, id::new(), 2).await;
    world.relay().await.carry_all().await;
    let garbage = Garbage {
        key: None,
        value: Some(b"not an event"),
    };
    let topic = Counted::TOPIC.name();
    world.topics().await.throw(topic, garbage).await;

    let found = look(&world, Carrier::Broker, "counting").await;

    assert_eq!((carried(&found).kept, carried(&found).extra), (2, 1));
    assert_eq!(found.gaps(), 0);
}

#[tokio::test]
async fn what_kafka_need_not_keep_any_longer_is_not_lost() {
    let world = World::with_events_over(Carrier::Broker).await;
    count(&world, id::new(), 3).await;
    world.relay().await.carry_all().await;
    take_all_and_leave(world.consumer(Counting::named("counting")).await).await;
    lose_records(&world).await;
    let counting = Counting::named("counting");
    let verifier = verifier(&world, Carrier::Broker, counting, TimeDelta::zero()).await;

    let mut verification = verifier.verify(EVERYTHING).await.expect("services");
    let filled = verification.fill().await.expect("services");
    let found = verification.close().await.expect("PostgreSQL");

    assert_eq!((carried(&found).lost, carried(&found).expired), (0, 3));
    assert_eq!(filled, Filled::default());
}

#[tokio::test]
async fn a_consumer_without_an_inbox_is_named_and_not_judged() {
    let world = World::with_events_over(Carrier::Postgres).await;
    count(&world, id::new(), 3).await;
    world.relay().await.carry_all().await;
    let verifier = verifier(&world, Carrier::Postgres, Forgetful, KEPT).await;

    let found = verifier.verify(EVERYTHING).await.expect("services");
    let found = found.close().await.expect("PostgreSQL");

    assert_eq!((found.consumers[0].logged, found.gaps()), (3, 0));
    assert_eq!(found.consumers[0].counts, None);
}

/// Its effects are elsewhere.
struct Forgetful;

#[async_trait]
impl Reaction for Forgetful {
    fn consumer(&self) -> &'static str {
        "forgetful"
    }

    fn summary(&self) -> &'static str {
        "Keeps no inbox."
    }

    fn topics(&self) -> &'static [Topic] {
        &[Counted::TOPIC]
    }

    fn wanted(&self) -> Wanted {
        Wanted::Everything
    }

    fn outside(&self) -> Option<&dyn Outside> {
        Some(self)
    }

    async fn react(&self, _: &mut Tx, _: &CloudEvent) -> anyhow::Result<()> {
        Ok(())
    }
}

#[async_trait]
impl Outside for Forgetful {
    async fn carry_out(&self, _: &Ctx, _: &[&CloudEvent]) -> anyhow::Result<()> {
        Ok(())
    }
}

async fn count(world: &World, counter: Uuid, times: usize) {
    for _ in 0..times {
        world.count(counter).await;
    }
}

/// Its place is committed when it leaves.
async fn take_all_and_leave(mut consumer: Consuming) {
    consumer.take_all().await;
}

/// Loses all that lies in the topic, as a broker does whose disk is new.
async fn lose_records(world: &World) {
    let settings = world.kafka().await;
    let topic = settings.full_name(Counted::TOPIC.name());
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set(
            "bootstrap.servers",
            format!("{}:{}", settings.host, settings.port),
        )
        .create()
        .expect("a client");
    let mut all = TopicPartitionList::new();
    for partition in 0..3 {
        all.add_partition_offset(&topic, partition, Offset::End)
            .expect("an offset");
    }
    let options = AdminOptions::new();
    let losing = admin.delete_records(&all, &options);
    let lost = soon("losing records", losing).await.expect("Kafka");
    assert!(lost.elements().iter().all(|one| one.error().is_ok()));
}

async fn verifier(
    world: &World,
    carrier: Carrier,
    reaction: impl Reaction + 'static,
    kept: TimeDelta,
) -> Verifier {
    let catalogue = Catalogue::default().event::<Counted>().reaction(reaction);
    let kafka = match carrier {
        Carrier::Broker => Some(world.kafka().await),
        Carrier::Postgres => None,
    };
    Verifier::new(world.another_process(), Arc::new(catalogue), kafka, kept)
}

async fn look(world: &World, carrier: Carrier, name: &'static str) -> Findings {
    let verifier = verifier(world, carrier, Counting::named(name), KEPT).await;
    let verification = verifier.verify(EVERYTHING).await.expect("services");
    verification.close().await.expect("PostgreSQL")
}

/// Fills what is missing; what was filled, and what is found after that.
async fn fill(world: &World, carrier: Carrier, name: &'static str) -> (Filled, Findings) {
    let verifier = verifier(world, carrier, Counting::named(name), KEPT).await;
    let mut verification = verifier.verify(EVERYTHING).await.expect("services");
    let filled = verification.fill().await.expect("services");
    verification.close().await.expect("PostgreSQL");
    (filled, look(world, carrier, name).await)
}

fn counts(found: &Findings) -> Counts {
    found.consumers[0].counts.expect("a consumer with an inbox")
}

fn carried(found: &Findings) -> Carried {
    found.topics.as_ref().expect("Kafka")[0].clone()
}

/// As if a consumer had never had these counts.
async fn lose_effects(world: &World, numbers: &[i64]) {
    for number in numbers {
        let lost = sqlx::query(
            "DELETE FROM inbox WHERE event_id IN (
                 SELECT id FROM event_log WHERE (body::json -> 'data' ->> 'n')::bigint = $1
             )",
        )
        .bind(number)
        .execute(world.pool())
        .await
        .expect("PostgreSQL");
        assert_eq!(lost.rows_affected(), 1);
        sqlx::query("DELETE FROM effects WHERE n = $1")
            .bind(number)
            .execute(world.pool())
            .await
            .expect("PostgreSQL");
    }
}

async fn sorted_numbers(world: &World, consumer: &str, counter: Uuid) -> Vec<i64> {
    let mut numbers = world.numbers(consumer, counter).await;
    numbers.sort_unstable();
    numbers
}
