//! An event's way from the transaction to its effect.

use blazing_sun::kernel::id;

use crate::harness::{Carrier, Counting, Effect, Garbage, World};

over_both_carriers! {
    async fn an_event_has_its_effect(carrier: Carrier) {
        let world = World::with_events_over(carrier).await;
        let counter = id::new();
        world.count(counter).await;
        world.count(counter).await;

        world.relay().await.carry_all().await;
        world.consumer(Counting::named("counting")).await.take_all().await;

        let effects = world.effects("counting").await;
        assert_eq!(effects, [Effect { counter, n: 1 }, Effect { counter, n: 2 }]);
    }
}

#[tokio::test]
async fn garbage_is_kept() {
    let world = World::with_events_over(Carrier::Broker).await;
    world
        .topics()
        .await
        .throw("counter.events", Garbage::default())
        .await;

    world
        .consumer(Counting::named("counting"))
        .await
        .take_records(1)
        .await;

    assert_eq!(
        world.rows("dead_letters WHERE state = 'unreadable'").await,
        1
    );
}
