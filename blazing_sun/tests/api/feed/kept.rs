//! Feeds in Redis: whole or not there, whatever happens to Redis and to those who write.

use std::sync::Arc;

use blazing_sun::feed::{Found, Item, News, Part, Store};
use blazing_sun::kernel::id;
use chrono::{DateTime, TimeDelta};
use uuid::Uuid;

use crate::feed::{keys, lose_keys, purse, spend, texts};
use crate::harness::{Gate, Machine, TestApp, World, id_of, member, run};
use crate::ledger::House;

const EVERYTHING: Part = Part {
    before: None,
    from: Uuid::nil(),
    limit: 1000,
};

fn item() -> Item {
    let id = id::new();
    Item {
        id,
        kind: "auth.sign_out.v1".to_owned(),
        at: DateTime::UNIX_EPOCH,
        about: id,
        text: "Signed out".to_owned(),
    }
}

fn news(account: Uuid, item: &Item) -> News {
    News {
        items: vec![(account, item.clone())],
        gone: Vec::new(),
    }
}

#[tokio::test]
async fn what_happens_is_written_into_a_feed_that_is_there_and_twice_is_once() {
    let mut house = House::of(World::cached().await).await;
    let mut ada = house.member("ada").await;
    let purse = purse(&mut ada).await;
    house.machine.settle().await;
    let before = texts(&mut ada).await;

    spend(&mut ada, &purse, 300).await;
    house.machine.settle().await;
    // Nobody can make it anew from here on.
    run(&house.world, "TRUNCATE audit_log").await;
    house.machine.deliver_again().await;

    let mut expected = vec!["Spent 3.00 EUR".to_owned()];
    expected.extend(before);
    assert_eq!(texts(&mut ada).await, expected);
    house.end().await;
}

#[tokio::test]
async fn a_feed_that_redis_has_lost_is_made_anew_and_a_part_of_one_is_never_there() {
    let mut house = House::of(World::cached().await).await;
    let mut ada = house.member("ada").await;
    let purse = purse(&mut ada).await;
    house.machine.settle().await;
    let before = texts(&mut ada).await;
    let account = id_of(&house.world, "ada@example.org").await;
    let key = house.world.redis().key(&format!("feed:1:1:{account}"));
    assert_eq!(keys(&house.world).await, std::slice::from_ref(&key));
    let asking = redis::cmd("TTL").arg(&key).take();
    let left: i64 = house.world.redis().ask(&asking).await.expect("Redis");
    assert!((1..=86_400).contains(&left), "{left}");

    lose_keys(&house.world).await;
    spend(&mut ada, &purse, 300).await;
    house.machine.settle().await;
    assert!(keys(&house.world).await.is_empty(), "nobody has looked");

    let mut expected = vec!["Spent 3.00 EUR".to_owned()];
    expected.extend(before);
    assert_eq!(texts(&mut ada).await, expected);
    assert_eq!(keys(&house.world).await, [key]);
    house.end().await;
}

#[tokio::test]
async fn a_feed_is_not_kept_while_something_is_on_its_way_to_the_audit_log() {
    let mut house = House::of(World::cached().await).await;
    let mut ada = house.member("ada").await;
    let purse = purse(&mut ada).await;
    spend(&mut ada, &purse, 300).await;
    house.machine.settle().await;
    // As it is while the consumer `audit` is behind, and `feed` has had it.
    for statement in [
        "DELETE FROM inbox USING event_log WHERE consumer = 'audit' AND event_id = id AND type = 'transaction.created.v1'",
        "DELETE FROM audit_log WHERE type = 'transaction.created.v1'",
        "UPDATE followers SET position = 0 WHERE consumer = 'audit'",
    ] {
        assert!(run(&house.world, statement).await > 0);
    }

    let behind = texts(&mut ada).await;
    assert!(!behind.contains(&"Spent 3.00 EUR".to_owned()));
    assert!(
        keys(&house.world)
            .await
            .iter()
            .all(|key| key.contains("making"))
    );
    house.machine.deliver_again().await;

    assert_eq!(texts(&mut ada).await[0], "Spent 3.00 EUR");
    assert_eq!(keys(&house.world).await.len(), 1);
    house.end().await;
}

#[tokio::test]
async fn who_makes_a_feed_is_stopped_by_what_happens_meanwhile_and_by_who_begins_later() {
    let world = World::cached().await;
    let store = Store::new(Some(Arc::new(world.redis().patient())));
    let (account, old, fresh) = (id::new(), item(), item());

    let maker = store.begin(1, account).await.expect("Redis");
    store.write(1, &news(account, &fresh)).await.expect("Redis");
    assert!(!store.put(&maker, std::slice::from_ref(&old)).await);
    assert_eq!(store.read(1, account, EVERYTHING).await, Found::Missing);

    let maker = store.begin(1, account).await.expect("Redis");
    let later = store.begin(1, account).await.expect("Redis");
    assert!(!store.put(&maker, &[]).await);
    assert!(store.put(&later, &[fresh.clone(), old.clone()]).await);
    assert!(!store.put(&later, &[]).await, "once");

    let newest = item();
    store
        .write(1, &news(account, &newest))
        .await
        .expect("Redis");
    let all = vec![newest, fresh, old];
    assert_eq!(store.read(1, account, EVERYTHING).await, Found::There(all));
    assert_eq!(store.read(2, account, EVERYTHING).await, Found::Missing);
}

#[tokio::test]
async fn a_feed_with_nothing_in_it_is_there_until_its_owner_is_gone() {
    let world = World::cached().await;
    let store = Store::new(Some(Arc::new(world.redis().patient())));
    let account = id::new();
    let maker = store.begin(1, account).await.expect("Redis");
    assert!(store.put(&maker, &[]).await);
    assert_eq!(
        store.read(1, account, EVERYTHING).await,
        Found::There(vec![])
    );

    let maker = store.begin(1, account).await.expect("Redis");
    let gone = News {
        items: vec![(account, item())],
        gone: vec![account],
    };
    store.write(1, &gone).await.expect("Redis");

    assert!(keys(&world).await.is_empty());
    assert!(!store.put(&maker, &[item()]).await);
    assert_eq!(store.read(1, account, EVERYTHING).await, Found::Missing);
}

#[tokio::test]
async fn while_redis_is_away_feeds_are_read_and_what_happens_then_is_not_missed_later() {
    let gate = Gate::refusing().await;
    let world = World::cached().await.behind(&gate, "REDIS");
    gate.pass_to(world.address_of("REDIS"));
    let mut house = House::of(world).await;
    let mut ada = house.member("ada").await;
    let purse = purse(&mut ada).await;
    house.machine.settle().await;
    texts(&mut ada).await;
    assert_eq!(keys(&house.world).await.len(), 1);

    gate.pass_to(None);
    spend(&mut ada, &purse, 300).await;
    house.machine.settle().await;
    assert_eq!(
        texts(&mut ada).await[0],
        "Spent 3.00 EUR",
        "from PostgreSQL"
    );
    gate.pass_to(house.world.address_of("REDIS"));
    house.app.clock.advance(TimeDelta::seconds(1));
    let health = house.app.get("/health/ready").await.json();
    assert_eq!(health["dependencies"]["redis"], "up");

    assert_eq!(texts(&mut ada).await[0], "Spent 3.00 EUR", "from Redis");
    let pool = house.world.pool();
    let letters = "SELECT count(*) FROM dead_letters";
    assert_eq!(house.world.number(&pool, letters).await, 0);
    let generation = "SELECT generation FROM feed_generation WHERE used";
    assert_eq!(house.world.number(&pool, generation).await, 2);
    house.end().await;
}

#[tokio::test]
async fn what_happens_to_who_writes_without_a_cache_is_not_missed_where_there_is_one() {
    let world = World::cached().await;
    let app = TestApp::start(&world).await;
    let world = world.with("CACHE", "none");
    let mut machine = Machine::new(&world, &app).await;
    let mut ada = member(&world, &app, &mut machine, "ada@example.org").await;
    let purse = purse(&mut ada).await;
    machine.settle().await;
    texts(&mut ada).await;
    let world = world.with("CACHE", "redis");
    assert_eq!(keys(&world).await.len(), 1);

    spend(&mut ada, &purse, 300).await;
    machine.settle().await;

    assert_eq!(texts(&mut ada).await[0], "Spent 3.00 EUR");
    app.end().await;
}
