//! Dead letters: what fails waits with all that follows in its aggregate, is told, and comes back in order.

use async_trait::async_trait;
use blazing_sun::flow::ctx::Tx;
use blazing_sun::flow::dead_letter::{self, DeadLetter, DeadLettered, Replayed};
use blazing_sun::flow::event::{CloudEvent, Event, Topic};
use blazing_sun::flow::reaction::{Reaction, Wanted};
use blazing_sun::kernel::id;
use uuid::Uuid;

use crate::harness::{Carrier, Consuming, Counting, Relaying, World};

over_both_carriers! {
    async fn what_fails_holds_up_its_aggregate_for_its_consumer_and_nothing_else(carrier: Carrier) {
        let world = World::with_events_over(carrier).await;
        let (ill, well) = (id::new(), id::new());
        for _ in 0..4 {
            world.count(ill).await;
            world.count(well).await;
        }
        world.relay().await.carry_all().await;
        let counting = Counting::named("counting");
        counting.poison(ill, 2);

        world.consumer(counting).await.take_all().await;
        world.consumer(Counting::named("another")).await.take_all().await;

        assert_eq!(world.numbers("counting", ill).await, [1]);
        assert_eq!(world.numbers("counting", well).await, [1, 2, 3, 4]);
        world.assert_counted_once_in_order("another").await;
        let letters = world.letters("counting").await;
        assert_eq!(states(&letters), ["failed", "parked", "parked"]);
        assert!(letters[0].error.contains("2 is poison"), "{}", letters[0].error);
        assert_eq!(letters[0].attempts, 5);
        assert!(world.letters("another").await.is_empty());
    }

    async fn a_replay_gives_what_waited_to_the_healed_reaction_in_order(carrier: Carrier) {
        let world = World::with_events_over(carrier).await;
        let Waiting { counting, counter, mut consumer, mut relay, letters } = waiting(&world).await;
        counting.heal();

        // Any of them stands for all that wait together.
        let replayed = dead_letter::replay(&consumer.consumer, &letters[2]).await.expect("PostgreSQL");

        assert_eq!(replayed, Replayed { taken: 3, left: 0 });
        assert_eq!(world.numbers("counting", counter).await, [1, 2, 3, 4]);
        world.count(counter).await;
        relay.carry_all().await;
        consumer.take_all().await;
        world.assert_counted_once_in_order("counting").await;
        assert_eq!(states(&world.letters("counting").await), ["replayed"; 3]);
        let again = dead_letter::replay(&consumer.consumer, &letters[0]).await.expect("PostgreSQL");
        assert_eq!(again, Replayed::default());
    }

    async fn what_comes_while_something_waits_parks_behind_it(carrier: Carrier) {
        let world = World::with_events_over(carrier).await;
        let Waiting { counting, counter, mut consumer, mut relay, letters } = waiting(&world).await;
        counting.heal();

        world.count(counter).await;
        relay.carry_all().await;
        consumer.take_all().await;
        assert_eq!(world.numbers("counting", counter).await, [1]);
        dead_letter::replay(&consumer.consumer, &letters[0]).await.expect("PostgreSQL");

        world.assert_counted_once_in_order("counting").await;
    }

    async fn a_replay_stops_at_what_fails_again(carrier: Carrier) {
        let world = World::with_events_over(carrier).await;
        let Waiting { counting, counter, consumer, letters, .. } = waiting(&world).await;

        let replayed = dead_letter::replay(&consumer.consumer, &letters[0]).await.expect("PostgreSQL");
        assert_eq!(replayed, Replayed { taken: 0, left: 3 });
        assert_eq!(world.letters("counting").await[0].attempts, 6);
        counting.heal();
        counting.poison(counter, 4);
        let replayed = dead_letter::replay(&consumer.consumer, &letters[0]).await.expect("PostgreSQL");

        assert_eq!(replayed, Replayed { taken: 2, left: 1 });
        assert_eq!(world.numbers("counting", counter).await, [1, 2, 3]);
        let letters = world.letters("counting").await;
        assert_eq!(states(&letters), ["replayed", "replayed", "failed"]);
        assert!(letters[2].error.contains("4 is poison"), "{}", letters[2].error);
    }

    async fn what_is_discarded_never_has_its_effect_and_lets_the_next_go(carrier: Carrier) {
        let world = World::with_events_over(carrier).await;
        let Waiting { counting, counter, mut consumer, mut relay, letters } = waiting(&world).await;
        counting.heal();

        let discard = || dead_letter::discard(consumer.consumer.ctx(), &letters[0]);
        assert!(discard().await.expect("PostgreSQL"));
        assert!(!discard().await.expect("PostgreSQL"));
        let replayed = dead_letter::replay(&consumer.consumer, &letters[1]).await.expect("PostgreSQL");
        assert_eq!(replayed, Replayed { taken: 2, left: 0 });
        world.count(counter).await;
        relay.carry_all().await;
        consumer.take_all().await;
        // It comes again, from the log.
        blazing_sun::flow::rebuild::fill_gaps(&consumer.consumer, 0).await.expect("PostgreSQL");

        assert_eq!(world.numbers("counting", counter).await, [1, 3, 4, 5]);
        assert_eq!(states(&world.letters("counting").await), ["discarded", "replayed", "replayed"]);
    }

    async fn what_comes_again_while_it_waits_is_kept_once(carrier: Carrier) {
        let world = World::with_events_over(carrier).await;
        let Waiting { counting, counter, consumer, letters, .. } = waiting(&world).await;
        counting.heal();

        blazing_sun::flow::rebuild::fill_gaps(&consumer.consumer, 0).await.expect("PostgreSQL");
        assert_eq!(states(&world.letters("counting").await), ["failed", "parked", "parked"]);
        dead_letter::replay(&consumer.consumer, &letters[0]).await.expect("PostgreSQL");

        assert_eq!(world.numbers("counting", counter).await, [1, 2, 3, 4]);
    }

    async fn a_dead_letter_is_told_once_with_all_that_is_needed_to_find_it(carrier: Carrier) {
        let world = World::with_events_over(carrier).await;
        let Waiting { letters, mut relay, counter, .. } = waiting(&world).await;

        relay.carry_all().await;

        let bodies: Vec<String> = sqlx::query_scalar("SELECT body FROM event_log WHERE topic = $1")
            .bind(dead_letter::TOPIC.name())
            .fetch_all(world.pool())
            .await
            .expect("events");
        assert_eq!(bodies.len(), 1, "{bodies:?}");
        let event = CloudEvent::parse(bodies[0].as_bytes()).expect("an event");
        let told: DeadLettered = event.decode().expect("its data").expect("its type");
        let failed = &letters[0];
        assert_eq!(event.correlationid, "test");
        assert_eq!(event.causationid, failed.event_id);
        assert_eq!(Some(told.event_id), failed.event_id);
        assert_eq!(
            (told.consumer.as_str(), told.topic.as_str(), told.attempts),
            ("counting", "counter.events", 5)
        );
        assert_eq!((told.partition, told.offset), (failed.partition, failed.record_offset));
        assert_eq!(told.partition.is_some(), carrier == Carrier::Broker);
        assert_eq!(told.key, Some(counter.to_string()));
        assert_eq!(told.value.as_bytes(), failed.value);
        assert_eq!(told.error, failed.error);
    }

    async fn what_fails_among_the_dead_letters_does_not_go_round(carrier: Carrier) {
        let world = World::with_events_over(carrier).await;
        let Waiting { mut relay, .. } = waiting(&world).await;
        relay.carry_all().await;

        world.consumer(Hopeless).await.take_all().await;
        relay.carry_all().await;

        let told = "event_log WHERE topic = 'events.dead_letter'";
        assert_eq!(world.rows(told).await, 1);
        assert_eq!(world.rows("outbox").await, 0);
        assert_eq!(states(&world.letters("hopeless").await), ["failed"]);
    }
}

/// A counter at 4, of which a consumer has taken 1, failed at 2 and parked the rest.
struct Waiting {
    counting: Counting,
    counter: Uuid,
    consumer: Consuming,
    relay: Relaying,
    letters: Vec<DeadLetter>,
}

async fn waiting(world: &World) -> Waiting {
    let counter = id::new();
    for _ in 0..4 {
        world.count(counter).await;
    }
    let mut relay = world.relay().await;
    relay.carry_all().await;
    let counting = Counting::named("counting");
    counting.poison(counter, 2);
    let mut consumer = world.consumer(counting.clone()).await;
    consumer.take_all().await;
    let letters = world.letters("counting").await;
    assert_eq!(states(&letters), ["failed", "parked", "parked"]);
    Waiting {
        counting,
        counter,
        consumer,
        relay,
        letters,
    }
}

fn states(letters: &[DeadLetter]) -> Vec<&str> {
    letters.iter().map(|letter| letter.state.as_str()).collect()
}

/// Cannot even take dead letters.
struct Hopeless;

#[async_trait]
impl Reaction for Hopeless {
    fn consumer(&self) -> &'static str {
        "hopeless"
    }

    fn summary(&self) -> &'static str {
        "Cannot even take dead letters."
    }

    fn topics(&self) -> &'static [Topic] {
        &[dead_letter::TOPIC]
    }

    fn wanted(&self) -> Wanted {
        Wanted::Types(&[DeadLettered::TYPE])
    }

    async fn react(&self, _: &mut Tx, _: &CloudEvent) -> anyhow::Result<()> {
        anyhow::bail!("no hope")
    }
}
