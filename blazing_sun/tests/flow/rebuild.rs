//! Making a read model again while events keep coming, and filling gaps.

use async_trait::async_trait;
use blazing_sun::flow::consumer::Consumer;
use blazing_sun::flow::ctx::Tx;
use blazing_sun::flow::event::{CloudEvent, Event, Topic};
use blazing_sun::flow::reaction::{Reaction, Wanted};
use blazing_sun::flow::{dead_letter, event_log, rebuild};
use blazing_sun::kernel::id;
use sqlx::Executor;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::harness::{Carrier, Counted, Counting, World};

over_both_carriers! {
    async fn a_model_that_is_rebuilt_while_events_keep_coming_equals_its_tables(carrier: Carrier) {
        let world = model(carrier).await;
        let counters: Vec<Uuid> = (0..10).map(|_| id::new()).collect();
        let (mut relay, consumer) = (world.relay().await, world.consumer(Totals).await);
        let rebuilt = consumer.consumer.clone();
        let written = CancellationToken::new();
        let (progress, _taken) = mpsc::unbounded_channel();
        let taking = tokio::spawn(consumer.take_until(written.clone(), progress));

        let writing = async {
            for n in 0..300 {
                world.count(counters[n % counters.len()]).await;
            }
            written.cancel();
        };
        let relaying = async {
            while !written.is_cancelled() {
                relay.once().await;
            }
        };
        let rebuilding = async {
            let mut times = 0;
            while !written.is_cancelled() {
                rebuild::rebuild(&rebuilt).await.expect("a rebuild");
                times += 1;
            }
            times
        };
        let ((), (), times) = tokio::join!(writing, relaying, rebuilding);
        relay.carry_all().await;
        taking.await.expect("no panic").take_all().await;

        assert!(times > 1, "rebuilt {times} times");
        assert_model_equals_tables(&world).await;
    }

    async fn a_rebuild_corrects_a_model_that_went_wrong_and_what_comes_later_is_taken(carrier: Carrier) {
        let world = model(carrier).await;
        let (mut relay, mut consumer) = (world.relay().await, world.consumer(Totals).await);
        let counter = id::new();
        world.count(counter).await;
        relay.carry_all().await;
        consumer.take_all().await;
        // One is published and not taken, one is not even published.
        world.count(counter).await;
        relay.carry_all().await;
        world.count(counter).await;
        world.pool().execute("UPDATE totals SET n = 77").await.expect("a wrong model");

        rebuild::rebuild(&consumer.consumer).await.expect("a rebuild");

        assert_model_equals_tables(&world).await;
        world.count(counter).await;
        relay.carry_all().await;
        consumer.take_all().await;
        rebuild::fill_gaps(&consumer.consumer, 0).await.expect("nothing to fill");
        assert_model_equals_tables(&world).await;
    }

    async fn a_rebuild_resolves_the_dead_letters_whose_effect_it_contains(carrier: Carrier) {
        let world = model(carrier).await;
        let (mut relay, mut consumer) = (world.relay().await, world.consumer(Totals).await);
        let counter = id::new();
        world.pool().execute("ALTER TABLE totals ADD CHECK (n <> 2)").await.expect("an obstacle");
        for _ in 0..3 {
            world.count(counter).await;
        }
        relay.carry_all().await;
        consumer.take_all().await;
        assert_eq!(world.letters("totals").await.len(), 2);

        rebuild::rebuild(&consumer.consumer).await.expect("a rebuild");
        world.count(counter).await;
        relay.carry_all().await;
        consumer.take_all().await;

        assert_model_equals_tables(&world).await;
        for letter in world.letters("totals").await {
            assert_eq!(letter.state, "replayed");
            let replayed = dead_letter::replay(&consumer.consumer, &letter).await.expect("PostgreSQL");
            assert_eq!(replayed.taken, 0);
        }
    }

    async fn a_rebuild_that_fails_changes_nothing(carrier: Carrier) {
        let world = model(carrier).await;
        let (mut relay, mut consumer) = (world.relay().await, world.consumer(Totals).await);
        world.count(id::new()).await;
        relay.carry_all().await;
        consumer.take_all().await;
        world.pool().execute("ALTER TABLE counters RENAME TO hidden").await.expect("no table");

        rebuild::rebuild(&consumer.consumer).await.expect_err("nothing to rebuild from");
        world.pool().execute("ALTER TABLE hidden RENAME TO counters").await.expect("the table");

        assert_model_equals_tables(&world).await;
        assert_eq!(consumer.missing().await, 0);
        // Nobody is held off any more.
        world.count(id::new()).await;
        relay.carry_all().await;
        consumer.take_all().await;
        assert_model_equals_tables(&world).await;
    }

    async fn a_reaction_that_cannot_be_rebuilt_says_so_and_keeps_what_it_has(carrier: Carrier) {
        let world = World::with_events_over(carrier).await;
        let mut consumer = world.consumer(Counting::named("counting")).await;
        world.count(id::new()).await;
        world.relay().await.carry_all().await;
        consumer.take_all().await;

        let error = rebuild::rebuild(&consumer.consumer).await.expect_err("no rebuild");

        assert!(error.to_string().contains("counting cannot be rebuilt"), "{error:#}");
        assert_eq!(consumer.missing().await, 0);
        world.assert_counted_once_in_order("counting").await;
    }
}

#[tokio::test]
async fn filling_gaps_gives_only_what_was_not_taken() {
    let world = World::with_events_over(Carrier::Postgres).await;
    let mut relay = world.relay().await;
    let mut consumer = world.consumer(Counting::named("counting")).await;
    let counter = id::new();
    for _ in 0..150 {
        world.count(counter).await;
    }
    relay.carry_all().await;
    consumer.take_all().await;
    for _ in 0..120 {
        world.count(counter).await;
    }
    relay.carry_all().await;

    let given = fill(&consumer.consumer, 270).await;

    assert_eq!(given, 270);
    assert_eq!(fill(&consumer.consumer, 3).await, 3);
    world.assert_counted_once_in_order("counting").await;
}

/// Gives the last events of its topics to a consumer, and returns how many were given.
async fn fill(consumer: &Consumer, last: i64) -> usize {
    let topics = [Counted::TOPIC.name().to_owned()];
    let position = event_log::before_last(consumer.ctx().pool(), &topics, last)
        .await
        .expect("a position");
    rebuild::fill_gaps(consumer, position)
        .await
        .expect("filled gaps")
}

async fn model(carrier: Carrier) -> World {
    let world = World::with_events_over(carrier).await;
    world
        .pool()
        .execute("CREATE TABLE totals (counter uuid PRIMARY KEY, n bigint NOT NULL)")
        .await
        .expect("a model");
    world
}

async fn assert_model_equals_tables(world: &World) {
    let differing = "(TABLE totals EXCEPT TABLE counters UNION ALL (TABLE counters EXCEPT TABLE totals)) AS differing";
    assert_eq!(world.rows(differing).await, 0);
}

/// A read model that shows what is taken twice or never: it counts, whatever the events say.
struct Totals;

#[async_trait]
impl Reaction for Totals {
    fn consumer(&self) -> &'static str {
        "totals"
    }

    fn summary(&self) -> &'static str {
        "Counts how often each counter was counted."
    }

    fn topics(&self) -> &'static [Topic] {
        &[Counted::TOPIC]
    }

    fn wanted(&self) -> Wanted {
        Wanted::Types(&[Counted::TYPE])
    }

    async fn react(&self, tx: &mut Tx, event: &CloudEvent) -> anyhow::Result<()> {
        sqlx::query(
            "INSERT INTO totals (counter, n) VALUES ($1, 1) ON CONFLICT (counter) DO UPDATE SET n = totals.n + 1",
        )
        .bind(event.subject)
        .execute(tx.conn())
        .await?;
        Ok(())
    }

    async fn rebuild(&self, tx: &mut Tx) -> anyhow::Result<()> {
        tx.conn().execute("DELETE FROM totals").await?;
        tx.conn()
            .execute("INSERT INTO totals SELECT id, n FROM counters")
            .await?;
        Ok(())
    }
}
