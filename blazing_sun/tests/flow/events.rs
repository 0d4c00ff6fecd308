//! An event's way from the transaction to its effect.

use async_trait::async_trait;
use blazing_sun::flow::ctx::{Cause, Tx};
use blazing_sun::flow::event::{CloudEvent, Event, MAX_BYTES, Topic};
use blazing_sun::flow::outbox::{self, Refused};
use blazing_sun::flow::purge::PurgeExpired;
use blazing_sun::flow::reaction::{Reaction, Wanted};
use blazing_sun::kernel::id;
use uuid::Uuid;

use crate::harness::{Carrier, Counted, Counting, World, count, count_padded};

over_both_carriers! {
    async fn an_event_has_its_effect(carrier: Carrier) {
        let world = World::with_events_over(carrier).await;
        let counter = id::new();
        world.count(counter).await;
        world.count(counter).await;

        world.relay().await.carry_all().await;
        world.consumer(Counting::named("counting")).await.take_all().await;

        assert_eq!(world.numbers("counting", counter).await, [1, 2]);
    }

    async fn the_largest_event_that_is_taken_goes_through(carrier: Carrier) {
        let world = World::with_events_over(carrier).await;
        let mut tx = world.begin().await;
        count(&mut tx, id::new()).await;
        let envelope: i32 = sqlx::query_scalar("SELECT size FROM outbox")
            .fetch_one(tx.conn())
            .await
            .expect("its size");
        let room = MAX_BYTES - usize::try_from(envelope).expect("a size");
        count_padded(&mut tx, id::new(), room).await;
        tx.commit().await.expect("a commit");

        world.relay().await.carry_all().await;
        world.consumer(Counting::named("counting")).await.take_all().await;

        world.assert_counted_once_in_order("counting").await;
    }

    async fn what_follows_from_an_event_carries_its_cause(carrier: Carrier) {
        let world = World::with_events_over(carrier).await;
        let cause = Cause {
            actor: Some(id::new()),
            traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
            ..Cause::new("the request")
        };
        let mut tx = world.ctx.begin(cause.clone()).await.expect("a transaction");
        let event = outbox::emit(&mut tx, &one(id::new())).await.expect("an event");
        tx.commit().await.expect("a commit");

        world.relay().await.carry_all().await;
        world.consumer(Following).await.take_all().await;

        let (actor, correlation, causation, traceparent) = sqlx::query_as(
            "SELECT actor_id, correlation_id, causation_id, traceparent FROM jobs",
        )
        .fetch_one(world.pool())
        .await
        .expect("one job");
        let causation: Option<Uuid> = causation;
        assert_eq!(causation, Some(event));
        assert_eq!(Cause { actor, correlation, causation: None, traceparent }, cause);
    }
}

#[tokio::test]
async fn a_rollback_leaves_neither_row_nor_event_nor_job() {
    let world = World::with_events_over(Carrier::Postgres).await;

    for explicitly in [true, false] {
        let mut tx = world.begin().await;
        count(&mut tx, id::new()).await;
        outbox::enqueue(&mut tx, &PurgeExpired {})
            .await
            .expect("a job");
        if explicitly {
            tx.rollback().await.expect("a rollback");
        } else {
            drop(tx);
        }
    }

    for table in ["counters", "outbox", "jobs"] {
        assert_eq!(world.rows(table).await, 0, "{table}");
    }
}

#[tokio::test]
async fn an_event_that_is_too_large_is_refused_and_its_transaction_can_be_rolled_back() {
    let world = World::with_events_over(Carrier::Postgres).await;
    let mut tx = world.begin().await;
    count(&mut tx, id::new()).await;
    let event = Counted {
        padding: "x".repeat(MAX_BYTES),
        ..one(id::new())
    };

    let refused = outbox::emit(&mut tx, &event).await;

    assert!(
        matches!(refused, Err(Refused::TooLarge { name: Counted::TYPE, bytes }) if bytes > MAX_BYTES),
        "{refused:?}"
    );
    tx.rollback().await.expect("a rollback");
    assert_eq!(world.rows("outbox").await, 0);
    assert_eq!(world.rows("counters").await, 0);
}

/// An event of a counter that has no row.
fn one(counter: Uuid) -> Counted {
    Counted {
        counter,
        n: 1,
        padding: String::new(),
    }
}

/// Has a job done for each event.
struct Following;

#[async_trait]
impl Reaction for Following {
    fn consumer(&self) -> &'static str {
        "following"
    }

    fn summary(&self) -> &'static str {
        "Has a job done for each event."
    }

    fn topics(&self) -> &'static [Topic] {
        &[Counted::TOPIC]
    }

    fn wanted(&self) -> Wanted {
        Wanted::Everything
    }

    async fn react(&self, tx: &mut Tx, _: &CloudEvent) -> anyhow::Result<()> {
        outbox::enqueue(tx, &PurgeExpired {}).await?;
        Ok(())
    }
}
