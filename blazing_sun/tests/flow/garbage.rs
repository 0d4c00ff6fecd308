//! Garbage in the topics: nothing stops, and everything is accounted for.

use async_trait::async_trait;
use blazing_sun::flow::ctx::Tx;
use blazing_sun::flow::dead_letter;
use blazing_sun::flow::event::{CloudEvent, Event, Topic};
use blazing_sun::flow::reaction::{Reaction, Wanted};
use blazing_sun::kernel::id;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::harness::{Carrier, Counted, Counting, Garbage, World};

/// The topics of the reaction below.
const TOPICS: [Topic; 2] = [Counted::TOPIC, dead_letter::TOPIC];

#[tokio::test]
async fn records_that_are_no_events_are_kept_and_stop_nobody() {
    let world = World::with_events_over(Carrier::Broker).await;
    let mut unknown_version = envelope();
    unknown_version["specversion"] = "0.3".into();
    let mut no_id = envelope();
    no_id["id"] = "\0 no uuid".into();
    let mut no_type = envelope();
    no_type["type"] = Value::Null;
    let mut no_time = envelope();
    no_time["time"] = "+999999-99-99T99:99:99Z".into();
    let mut deep = String::new();
    (0..10_000).for_each(|_| deep.push_str("[{\"a\":"));
    let mut values: Vec<Option<Vec<u8>>> = vec![
        None,
        Some(Vec::new()),
        Some(vec![0; 1000]),
        Some(b"\xff\xfe\x00".to_vec()),
        Some(b"null".to_vec()),
        Some(br#"{"counter": "1"}"#.to_vec()),
        Some(b"[1, 2".to_vec()),
        Some(deep.into_bytes()),
        Some(vec![b'x'; 1_000_000]),
    ];
    for broken in [unknown_version, no_id, no_type, no_time] {
        values.push(Some(broken.to_string().into_bytes()));
    }
    let any = prop::collection::vec(any::<u8>(), 0..200);
    let mut random = TestRunner::default();
    for _ in 0..20 {
        let bytes = any.new_tree(&mut random).expect("bytes").current();
        values.push(Some(bytes));
    }
    let keys: [Option<&[u8]>; 4] = [None, Some(b""), Some(b"\0\xff"), Some(b"a key")];
    for topic in TOPICS {
        for (value, key) in values.iter().zip(keys.iter().cycle()) {
            let garbage = Garbage {
                key: *key,
                value: value.as_deref(),
            };
            world.topics().await.throw(topic.name(), garbage).await;
        }
    }
    let count = values.len();

    // Whoever reads, whatever they want.
    let mut counting = world.consumer(Counting::named("counting")).await;
    counting.take_records(count).await;
    let mut archive = world.consumer(Archive).await;
    archive.take_records(2 * count).await;
    world.count(id::new()).await;
    world.relay().await.carry_all().await;
    counting.take_all().await;
    archive.take_all().await;

    world.assert_counted_once_in_order("counting").await;
    for (consumer, expected) in [("counting", count), ("archive", 2 * count)] {
        let letters = world.letters(consumer).await;
        assert_eq!(letters.len(), expected, "{consumer}");
        assert!(letters.iter().all(|letter| letter.state == "unreadable"));
    }
    assert_eq!(world.rows("inbox").await, 2);
    assert_eq!(world.rows("outbox").await, 0);
}

#[tokio::test]
async fn a_type_that_this_build_does_not_know_waits_for_one_that_does() {
    let world = World::with_events_over(Carrier::Broker).await;
    let mut strange = envelope();
    strange["type"] = "counter.vanished.v9\0".into();
    throw(&world, &strange, None).await;

    world
        .consumer(Counting::named("counting"))
        .await
        .take_records(1)
        .await;
    world.consumer(Archive).await.take_records(1).await;

    let letters = world.letters("counting").await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].state, "failed");
    assert!(
        letters[0].error.contains("counter.vanished.v9"),
        "{}",
        letters[0].error
    );
    assert!(world.letters("archive").await.is_empty());
    assert_eq!(world.rows("inbox WHERE consumer = 'archive'").await, 1);
}

#[tokio::test]
async fn an_event_whose_data_is_of_another_form_is_a_dead_letter() {
    let world = World::with_events_over(Carrier::Broker).await;
    let mut wrong = envelope();
    wrong["data"] = json!({ "counter": "\0", "n": "one" });
    throw(&world, &wrong, None).await;

    let mut consumer = world.consumer(Counting::named("counting")).await;
    consumer.take_records(1).await;

    assert_eq!(world.letters("counting").await[0].state, "failed");
}

#[tokio::test]
async fn an_event_with_a_strange_key_is_taken_and_parks_like_any_other() {
    let world = World::with_events_over(Carrier::Broker).await;
    let keys: [Option<&[u8]>; 4] = [None, Some(b""), Some(b"\0"), Some(b"\xff\xfe")];
    let counting = Counting::named("counting");
    let poison = id::new();
    counting.poison(poison, 1);
    for key in keys {
        throw(&world, &envelope(), key).await;
        let mut fails = envelope();
        fails["data"]["counter"] = poison.to_string().into();
        throw(&world, &fails, key).await;
        throw(&world, &envelope(), key).await;
    }

    let mut consumer = world.consumer(counting.clone()).await;
    consumer.take_records(12).await;
    let letters = world.letters("counting").await;
    let failed = letters.iter().filter(|letter| letter.state == "failed");
    assert_eq!(failed.count(), 4);
    counting.heal();
    for letter in &letters {
        dead_letter::replay(&consumer.consumer, letter)
            .await
            .expect("PostgreSQL");
    }

    assert_eq!(world.effects("counting").await.len(), 12);
    assert_eq!(world.rows("inbox").await, 12);
}

/// An event of a counter, as it is on the wire.
fn envelope() -> Value {
    let counter = id::new();
    json!({
        "specversion": "1.0",
        "id": id::new(),
        "source": "/blazing_sun",
        "type": Counted::TYPE,
        "subject": counter,
        "time": "2026-01-01T00:00:00Z",
        "datacontenttype": "application/json",
        "correlationid": "from elsewhere",
        "sequence": 1,
        "data": { "counter": counter, "n": 1 },
    })
}

async fn throw(world: &World, envelope: &Value, key: Option<&[u8]>) {
    let value = envelope.to_string();
    let garbage = Garbage {
        key,
        value: Some(value.as_bytes()),
    };
    let topics = world.topics().await;
    topics.throw(Counted::TOPIC.name(), garbage).await;
}

/// Takes everything.
struct Archive;

#[async_trait]
impl Reaction for Archive {
    fn consumer(&self) -> &'static str {
        "archive"
    }

    fn summary(&self) -> &'static str {
        "Takes everything."
    }

    fn topics(&self) -> &'static [Topic] {
        &TOPICS
    }

    fn wanted(&self) -> Wanted {
        Wanted::Everything
    }

    async fn react(&self, _: &mut Tx, _: &CloudEvent) -> anyhow::Result<()> {
        Ok(())
    }
}
