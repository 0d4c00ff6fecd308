//! The consumer `reports`: what it makes of events, however they come, is what the ledger says.

use std::collections::{BTreeMap, VecDeque};

use blazing_sun::flow::consumer::Record;
use blazing_sun::flow::event::CloudEvent;
use blazing_sun::flow::reaction::Reaction;
use blazing_sun::flow::{event_log, outbox, rebuild};
use blazing_sun::kernel::id;
use blazing_sun::ledger::Reports;
use blazing_sun::ledger::events::{TRANSACTION_EVENTS, TransactionDeleted};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sqlx::Executor;
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::harness::{Carrier, Consuming, Purse, Relaying, Spec, World, spec};

/// How many histories are tried, and how much happens in each.
const HISTORIES: u32 = 16;
const STEPS: usize = 30;

/// Something that happens. Numbers choose among what is there.
#[derive(Clone, Debug)]
enum Happening {
    /// Somebody writes a transaction down.
    Create(Spec),
    /// Somebody changes one.
    Change(usize, Spec),
    /// Somebody deletes one.
    Delete(usize),
    /// Somebody takes one out of the trash.
    Restore(usize),
    /// What waits for an aggregate comes, up to so many events of it, and maybe twice.
    Deliver(usize, usize, bool),
    /// An operator makes the totals again.
    Rebuild,
}

fn happening() -> impl Strategy<Value = Happening> {
    let number = || 0..100_usize;
    prop_oneof![
        6 => spec().prop_map(Happening::Create),
        4 => (number(), spec()).prop_map(|(one, spec)| Happening::Change(one, spec)),
        3 => number().prop_map(Happening::Delete),
        2 => number().prop_map(Happening::Restore),
        8 => (number(), 1..4_usize, any::<bool>()).prop_map(|(one, many, twice)| Happening::Deliver(one, many, twice)),
        1 => Just(Happening::Rebuild),
    ]
}

#[test]
fn however_events_come_the_totals_are_those_of_the_ledger() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let world = runtime.block_on(World::with_events_over(Carrier::Postgres));
    let (mut relay, consumer) =
        runtime.block_on(async { (world.relay().await, world.consumer(Reports).await) });
    let config = ProptestConfig {
        cases: HISTORIES,
        max_shrink_iters: 100,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let relay = Mutex::new(&mut relay);
    let history = prop::collection::vec(happening(), STEPS);
    let verdict = TestRunner::new(config).run(&history, |history| {
        runtime.block_on(async {
            let mut post = Post::new(&world).await;
            let mut purse = Purse::open(&world).await;
            for happening in history {
                match happening {
                    Happening::Create(spec) => purse.create(&world, &spec).await,
                    Happening::Change(one, spec) => purse.change(&world, one, &spec).await,
                    Happening::Delete(one) => purse.delete(&world, one).await,
                    Happening::Restore(one) => purse.restore(&world, one).await,
                    Happening::Deliver(one, many, twice) => {
                        post.collect(&world, *relay.lock().await).await;
                        post.deliver(&consumer, one, many, twice).await;
                    }
                    Happening::Rebuild => rebuild::rebuild(&consumer.consumer)
                        .await
                        .expect("a rebuild"),
                }
            }
            post.collect(&world, *relay.lock().await).await;
            post.deliver_all(&consumer).await;

            let kept = purse.cells(&world).await;
            prop_assert_eq!(&kept, &purse.expected(), "kept by events");
            rebuild::rebuild(&consumer.consumer)
                .await
                .expect("a rebuild");
            prop_assert_eq!(&purse.cells(&world).await, &kept, "made again");
            Ok(())
        })
    });

    // The world's connections belong to the runtime.
    let _guard = runtime.enter();
    drop(world);
    if let Err(failure) = verdict {
        panic!("{failure}");
    }
}

/// Events on their way: those of one aggregate in their order, and nothing else in any.
struct Post {
    position: i64,
    waiting: BTreeMap<Uuid, VecDeque<Record>>,
    last: Vec<Record>,
}

impl Post {
    async fn new(world: &World) -> Self {
        let position = sqlx::query_scalar("SELECT coalesce(max(position), 0) FROM event_log")
            .fetch_one(world.pool())
            .await
            .expect("a position");
        Self {
            position,
            waiting: BTreeMap::new(),
            last: Vec::new(),
        }
    }

    async fn collect(&mut self, world: &World, relay: &mut Relaying) {
        relay.carry_all().await;
        let mut connection = world.pool().acquire().await.expect("PostgreSQL");
        let topics = [TRANSACTION_EVENTS.name().to_owned()];
        let events = event_log::after(&mut connection, self.position, &topics, 1000)
            .await
            .expect("events");
        for event in events {
            self.position = event.position;
            self.waiting
                .entry(event.key)
                .or_default()
                .push_back(event.into());
        }
    }

    /// Gives some events of one aggregate to the consumer; twice: and those that it had before once more.
    async fn deliver(&mut self, consumer: &Consuming, one: usize, many: usize, twice: bool) {
        let Some(key) = self
            .waiting
            .keys()
            .nth(one % self.waiting.len().max(1))
            .copied()
        else {
            return;
        };
        let waiting = self.waiting.get_mut(&key).expect("what waits");
        let many = many.min(waiting.len());
        let mut records: Vec<Record> = waiting.drain(..many).collect();
        if waiting.is_empty() {
            self.waiting.remove(&key);
        }
        if twice {
            records.extend(self.last.clone());
            records.rotate_right(self.last.len());
        }
        take(consumer, &records).await;
        self.last = records;
    }

    async fn deliver_all(&mut self, consumer: &Consuming) {
        while !self.waiting.is_empty() {
            self.deliver(consumer, 7, 100, true).await;
        }
    }
}

async fn take(consumer: &Consuming, records: &[Record]) {
    let stop = CancellationToken::new();
    consumer
        .consumer
        .take(records, &stop)
        .await
        .expect("taken records");
}

over_both_carriers! {
    async fn two_members_while_people_write_and_an_operator_rebuilds_keep_the_totals_right(carrier: Carrier) {
        let world = World::with_events_over(carrier).await;
        if carrier == Carrier::Broker {
            world.topics().await.add(TRANSACTION_EVENTS.name()).await;
        }
        let mut purses = Vec::new();
        for _ in 0..3 {
            purses.push(Purse::open(&world).await);
        }
        let mut relay = world.relay().await;
        let written = CancellationToken::new();
        let mut members = Vec::new();
        for _ in 0..2 {
            let (progress, _taken) = mpsc::unbounded_channel();
            let member = world.consumer(Reports).await;
            members.push(tokio::spawn(member.take_until(written.clone(), progress)));
        }
        let operator = world.consumer(Reports).await.consumer;
        let mut runner = TestRunner::deterministic();
        let mut some = || spec().new_tree(&mut runner).expect("a transaction").current();

        let writing = async {
            for n in 0..60 {
                for purse in &mut purses {
                    match n % 5 {
                        0..=2 => purse.create(&world, &some()).await,
                        3 => purse.change(&world, n, &some()).await,
                        _ => purse.delete(&world, n).await,
                    }
                }
                if n == 30 {
                    rebuild::rebuild(&operator).await.expect("a rebuild");
                }
            }
            written.cancel();
        };
        let relaying = async {
            while !written.is_cancelled() {
                relay.once().await;
            }
        };
        tokio::join!(writing, relaying);
        relay.carry_all().await;
        let mut last = None;
        for member in members {
            last = Some(member.await.expect("no panic"));
        }
        // One of them has left, and the other takes what there is.
        last.expect("a member").take_all().await;

        for purse in &purses {
            assert_eq!(purse.cells(&world).await, purse.expected());
        }
        assert_eq!(world.letters("reports").await.len(), 0);
    }
}

/// The event of a transaction that was nothing.
async fn deletion(world: &World, purse: &Purse) -> CloudEvent {
    let facts = serde_json::json!({ "date": "2026-11-25", "kind": "normal", "payee_id": null, "tag_ids": [],
                                    "entries": [], "lines": [] });
    let event = TransactionDeleted {
        transaction_id: id::new(),
        version: 2,
        book_id: purse.book,
        before: serde_json::from_value(facts).expect("facts"),
    };
    let mut tx = world.begin().await;
    let id = outbox::emit(&mut tx, &event).await.expect("an event");
    let body: String = sqlx::query_scalar("DELETE FROM outbox WHERE id = $1 RETURNING body")
        .bind(id)
        .fetch_one(tx.conn())
        .await
        .expect("its body");
    tx.commit().await.expect("a commit");
    CloudEvent::parse(body.as_bytes()).expect("an event")
}

fn record(event: &CloudEvent) -> Record {
    Record {
        topic: TRANSACTION_EVENTS.name().to_owned(),
        partition: None,
        offset: 1,
        key: Some(event.subject.to_string()),
        value: serde_json::to_vec(event).expect("JSON"),
    }
}

#[tokio::test]
async fn reactions_to_one_book_wait_for_each_other_and_those_to_another_do_not() {
    let world = World::with_events_over(Carrier::Postgres).await;
    let (mine, other) = (Purse::open(&world).await, Purse::open(&world).await);
    let (first, second) = (deletion(&world, &mine).await, deletion(&world, &mine).await);
    let mut tx = world.begin().await;
    Reports.react(&mut tx, &first).await.expect("a reaction");

    let mut elsewhere = world.begin().await;
    let event = deletion(&world, &other).await;
    Reports
        .react(&mut elsewhere, &event)
        .await
        .expect("a reaction");
    let waiting = async {
        let mut tx = world.begin().await;
        Reports.react(&mut tx, &second).await.expect("a reaction");
        tx.commit().await.expect("a commit");
    };
    let releasing = async {
        world.blocked(1).await;
        tx.commit().await.expect("a commit");
        false
    };
    tokio::pin!(waiting);
    let overtaken = tokio::select! {
        () = &mut waiting => true,
        overtaken = releasing => overtaken,
    };

    assert!(!overtaken, "both reacted at once");
    waiting.await;
}

#[tokio::test]
async fn a_batch_locks_its_books_in_one_order_so_that_two_members_never_wait_in_a_circle() {
    let world = World::with_events_over(Carrier::Postgres).await;
    let mut purses = [Purse::open(&world).await, Purse::open(&world).await];
    purses.sort_by_key(|purse| purse.book);
    let [low, high] = &purses;
    let consumer = world.consumer(Reports).await;
    let mut holding = world.begin().await;
    sqlx::query("SELECT FROM books WHERE id = $1 FOR NO KEY UPDATE")
        .bind(low.book)
        .execute(holding.conn())
        .await
        .expect("a lock");
    let records = [
        record(&deletion(&world, high).await),
        record(&deletion(&world, low).await),
    ];

    let taking = take(&consumer, &records);
    let looking = async {
        world.blocked(1).await;
        sqlx::query("SELECT FROM books WHERE id = $1 FOR NO KEY UPDATE NOWAIT")
            .bind(high.book)
            .execute(world.pool())
            .await
            .expect("it waits for the first book and does not hold the second");
        holding.commit().await.expect("a commit");
    };
    tokio::join!(taking, looking);
}

#[tokio::test]
async fn the_totals_of_a_book_that_is_erased_go_with_it_and_late_events_change_nothing() {
    let world = World::with_events_over(Carrier::Postgres).await;
    let mut purse = Purse::open(&world).await;
    let (mut relay, mut consumer) = (world.relay().await, world.consumer(Reports).await);
    let mut runner = TestRunner::deterministic();
    let some = spec()
        .new_tree(&mut runner)
        .expect("a transaction")
        .current();
    purse.create(&world, &some).await;
    relay.carry_all().await;
    consumer.take_all().await;
    assert_eq!(purse.cells(&world).await, purse.expected());
    purse.create(&world, &some).await;
    relay.carry_all().await;

    for gone in ["DELETE FROM transactions", "DELETE FROM books"] {
        world.pool().execute(gone).await.expect("nothing");
    }
    consumer.take_all().await;

    assert_eq!(
        world.rows("report_wallets").await + world.rows("report_categories").await,
        0
    );
    assert_eq!(world.letters("reports").await.len(), 0);
}
