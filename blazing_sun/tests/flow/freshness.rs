//! How fresh a read model says that it is: never fresher than it is.

use blazing_sun::flow::dead_letter;
use blazing_sun::flow::freshness::complete_until;
use blazing_sun::kernel::id;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::harness::{Carrier, Counted, Counting, World, count};

/// How many events are looked at, at most.
const WINDOW: usize = 1000;

async fn fresh(world: &World, counter: Uuid) -> DateTime<Utc> {
    complete_until(&world.ctx, "counting", &[Counted::TOPIC], counter)
        .await
        .expect("PostgreSQL")
}

over_both_carriers! {
    async fn a_model_is_as_fresh_as_the_first_event_that_it_has_not_had(carrier: Carrier) {
        let world = World::with_events_over(carrier).await;
        let (mut relay, mut consumer) = (world.relay().await, world.consumer(Counting::named("counting")).await);
        let (mine, other) = (id::new(), id::new());
        world.count(mine).await;
        relay.carry_all().await;
        consumer.take_all().await;
        assert_eq!(fresh(&world, mine).await, world.ctx.now(), "it has had everything");

        let counted_at = world.ctx.now();
        world.count(mine).await;
        world.clock.advance(TimeDelta::minutes(1));
        world.count(mine).await;
        assert_eq!(fresh(&world, mine).await, counted_at, "not published");
        assert_eq!(fresh(&world, other).await, world.ctx.now(), "nothing happened to the other one");
        relay.carry_all().await;
        assert_eq!(fresh(&world, mine).await, counted_at, "published and not taken");
        consumer.take_all().await;
        assert_eq!(fresh(&world, mine).await, world.ctx.now(), "taken");
    }

    async fn the_place_up_to_which_everything_was_had_is_kept(carrier: Carrier) {
        let world = World::with_events_over(carrier).await;
        let reaction = Counting::named("counting");
        let (mut relay, mut consumer) = (world.relay().await, world.consumer(reaction.clone()).await);
        let counter = id::new();
        reaction.poison(counter, 2);
        for _ in 0..3 {
            world.count(counter).await;
        }
        relay.carry_all().await;
        consumer.take_all().await;

        // What waits as a dead letter is accounted for as well.
        const BEHIND: &str = "event_log WHERE position > (SELECT position FROM followers WHERE consumer = 'counting')";
        assert_eq!(world.rows(BEHIND).await, 0);
    }

    async fn what_waits_as_a_dead_letter_was_not_had(carrier: Carrier) {
        let world = World::with_events_over(carrier).await;
        let reaction = Counting::named("counting");
        let (mut relay, mut consumer) = (world.relay().await, world.consumer(reaction.clone()).await);
        let (mine, other) = (id::new(), id::new());
        reaction.poison(mine, 2);
        world.count(mine).await;
        world.clock.advance(TimeDelta::minutes(1));
        let failed_at = world.ctx.now();
        world.count(mine).await;
        world.clock.advance(TimeDelta::minutes(1));
        world.count(mine).await;
        relay.carry_all().await;
        consumer.take_all().await;

        assert_eq!(fresh(&world, mine).await, failed_at);
        assert_eq!(fresh(&world, other).await, world.ctx.now());
        reaction.heal();
        let letters = world.letters("counting").await;
        let letter = letters.first().expect("a dead letter");
        dead_letter::replay(&consumer.consumer, letter).await.expect("a replay");
        assert_eq!(fresh(&world, mine).await, world.ctx.now());
    }
}

#[tokio::test]
async fn what_was_not_looked_at_counts_as_not_had() {
    let world = World::with_events_over(Carrier::Postgres).await;
    let mut relay = world.relay().await;
    let (mine, other) = (id::new(), id::new());
    let then = world.ctx.now();
    let mut tx = world.begin().await;
    for _ in 0..WINDOW {
        count(&mut tx, other).await;
    }
    tx.commit().await.expect("a commit");
    world.clock.advance(TimeDelta::minutes(1));

    assert_eq!(fresh(&world, mine).await, then, "a full outbox");
    relay.carry_all().await;
    assert_eq!(fresh(&world, mine).await, then, "a full log");
}
