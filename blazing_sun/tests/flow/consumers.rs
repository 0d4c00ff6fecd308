//! Consumers: each event's effect once, in order, whatever comes twice, fails or leaves.

use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use blazing_sun::flow::consumer::Record;
use blazing_sun::flow::ctx::Tx;
use blazing_sun::flow::event::{CloudEvent, Event, Topic};
use blazing_sun::flow::outbox;
use blazing_sun::flow::purge::PurgeExpired;
use blazing_sun::flow::reaction::{Reaction, Wanted};
use blazing_sun::infra::postgres;
use blazing_sun::kernel::id;
use sqlx::Executor;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::harness::{Carrier, Counted, Counting, Garbage, World, count, soon};

over_both_carriers! {
    async fn two_members_of_a_group_have_each_effect_once_and_in_order(carrier: Carrier) {
        let world = World::with_events_over(carrier).await;
        let counters: Vec<Uuid> = (0..20).map(|_| id::new()).collect();
        let mut relay = world.relay().await;
        let stop = CancellationToken::new();
        let (members, mut progress) = [0, 1].map(|_| mpsc::unbounded_channel()).into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
        let mut running = Vec::new();
        for sender in members {
            let member = world.consumer(Counting::named("counting")).await;
            running.push(tokio::spawn(member.take_until(stop.clone(), sender)));
        }

        // Until both have had something to do.
        let both_work = async {
            let mut worked = [false, false];
            while worked != [true, true] {
                let mut tx = world.begin().await;
                for counter in &counters {
                    count(&mut tx, *counter).await;
                }
                tx.commit().await.expect("a commit");
                relay.carry_all().await;
                for (member, worked) in progress.iter_mut().zip(&mut worked) {
                    *worked |= member.try_recv().is_ok();
                }
            }
        };
        soon("work for both members", both_work).await;
        stop.cancel();
        let mut member = None;
        for running in running {
            member = Some(running.await.expect("no panic"));
        }
        // One of them leaves, and the other takes what is left.
        member.expect("a member").take_all().await;

        world.assert_counted_once_in_order("counting").await;
    }

    async fn a_batch_that_two_members_are_given_at_once_has_its_effect_once(carrier: Carrier) {
        let world = World::with_events_over(carrier).await;
        let counters: Vec<Uuid> = (0..5).map(|_| id::new()).collect();
        let members = [
            world.consumer(Counting::named("counting")).await,
            world.consumer(Counting::named("counting")).await,
        ];
        for round in 0..10 {
            for n in 0..20 {
                world.count(counters[n % counters.len()]).await;
            }
            world.relay().await.carry_all().await;
            world.lapse_leases().await;
            let records = published(&world).await.split_off(round * 20);
            let stop = CancellationToken::new();

            let taking = members.iter().map(|member| member.consumer.take(&records, &stop));

            for taken in futures_util::future::join_all(taking).await {
                taken.expect("PostgreSQL");
            }
        }
        world.assert_counted_once_in_order("counting").await;
    }
}

#[tokio::test]
async fn a_record_that_comes_again_has_no_second_effect() {
    let world = World::with_events_over(Carrier::Broker).await;
    let counter = id::new();
    world.count(counter).await;
    world.relay().await.carry_all().await;
    let mut consumer = world.consumer(Counting::named("counting")).await;
    consumer.take_all().await;

    for record in published(&world).await {
        let again = Garbage {
            key: record.key.as_deref().map(str::as_bytes),
            value: Some(&record.value),
        };
        // One by one, and within one batch.
        for _ in 0..3 {
            world.topics().await.throw(&record.topic, again).await;
        }
    }
    consumer.take_records(3).await;

    assert_eq!(world.numbers("counting", counter).await, [1]);
    assert_eq!(world.rows("dead_letters").await, 0);
}

#[tokio::test]
async fn a_follower_that_forgot_its_place_has_no_second_effect() {
    let world = World::with_events_over(Carrier::Postgres).await;
    let counter = id::new();
    world.count(counter).await;
    world.relay().await.carry_all().await;
    world
        .consumer(Counting::named("counting"))
        .await
        .take_all()
        .await;
    world
        .pool()
        .execute("DELETE FROM followers")
        .await
        .expect("no places");

    let mut again = world.consumer(Counting::named("counting")).await;
    again.take_records(1).await;

    assert_eq!(world.numbers("counting", counter).await, [1]);
}

#[tokio::test]
async fn a_follower_begins_where_it_was() {
    let world = World::with_events_over(Carrier::Postgres).await;
    let mut relay = world.relay().await;
    let counter = id::new();
    for expected in [2, 1] {
        for _ in 0..expected {
            world.count(counter).await;
        }
        relay.carry_all().await;
        let mut consumer = world.consumer(Counting::named("counting")).await;
        assert_eq!(consumer.take_next().await.len(), expected);
    }
}

#[tokio::test]
async fn a_group_begins_where_it_was() {
    let world = World::with_events_over(Carrier::Broker).await;
    let mut relay = world.relay().await;
    let counter = id::new();
    for expected in [2, 1] {
        for _ in 0..expected {
            world.count(counter).await;
        }
        relay.carry_all().await;
        let mut consumer = world.consumer(Counting::named("counting")).await;
        consumer.take_records(expected).await;
    }
}

#[tokio::test]
async fn a_missing_topic_keeps_a_consumer_from_none_of_the_others() {
    let world = World::with_events_over(Carrier::Broker).await;
    let mut relay = world.relay().await;
    let mut consumer = world.consumer(Wandering).await;
    for _ in 0..3 {
        world.count(id::new()).await;
        relay.carry_all().await;
        consumer.take_all().await;
    }

    world.topics().await.add(NOWHERE.name()).await;
    world.count(id::new()).await;
    relay.carry_all().await;
    consumer.take_all().await;

    assert_eq!(world.rows("inbox WHERE consumer = 'wandering'").await, 4);
    assert_eq!(world.rows("dead_letters").await, 0);
}

#[tokio::test]
async fn errors_of_postgresql_that_pass_are_told_from_those_that_stay() {
    let world = World::with_events_over(Carrier::Postgres).await;
    let passing = [
        ("08006", true, "connection_failure"),
        ("40001", true, "serialization_failure"),
        ("40P01", true, "deadlock_detected"),
        ("53300", true, "too_many_connections"),
        ("53100", true, "disk_full"),
        ("55P03", true, "lock_not_available"),
        ("57014", true, "query_canceled"),
        ("57P01", true, "admin_shutdown"),
        ("57P03", true, "cannot_connect_now"),
        ("25006", true, "read_only_sql_transaction"),
        ("22012", false, "division_by_zero"),
        ("23505", false, "unique_violation"),
        ("42P01", false, "undefined_table"),
        ("P0001", false, "raise_exception"),
    ];
    for (code, passes, name) in passing {
        let statement =
            format!("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$");
        let error = world
            .pool()
            .execute(sqlx::AssertSqlSafe(statement))
            .await
            .expect_err("an error");
        assert_eq!(postgres::is_passing(&error), passes, "{name}: {error:?}");
    }
}

over_both_carriers! {
    async fn while_postgresql_fails_a_consumer_waits_and_makes_no_dead_letter(carrier: Carrier) {
        let world = World::with_events_over(carrier).await;
        world.count(id::new()).await;
        world.relay().await.carry_all().await;
        // More often than an event is tried that fails by itself.
        let misfortunes = [
            Misfortune::EndWhileWriting,
            Misfortune::EndWhileEnqueueing,
            Misfortune::EndWhileWriting,
            Misfortune::EndWhileEnqueueing,
            Misfortune::EndWhileEnqueueing,
            Misfortune::EndWhileEnqueueing,
            Misfortune::EndWhileEnqueueing,
            Misfortune::LockTimeout,
        ];
        let unlucky = Unlucky(Mutex::new(misfortunes.into()));

        world.consumer(unlucky).await.take_all().await;

        assert_eq!(world.rows("dead_letters").await, 0);
        assert_eq!(world.rows("inbox WHERE consumer = 'unlucky'").await, 1);
        assert_eq!(world.rows("jobs").await, 1);
    }
}

#[tokio::test]
async fn a_batch_that_met_an_absent_postgresql_is_not_taken_record_by_record() {
    let world = World::with_events_over(Carrier::Postgres).await;
    for _ in 0..5 {
        world.count(id::new()).await;
    }
    world.relay().await.carry_all().await;
    let unlucky = Unlucky(Mutex::new([Misfortune::EndWhileWriting].into()));

    world.consumer(unlucky).await.take_all().await;

    let transactions: i64 = sqlx::query_scalar(
        "SELECT count(DISTINCT xmin::text) FROM inbox WHERE consumer = 'unlucky'",
    )
    .fetch_one(world.pool())
    .await
    .expect("PostgreSQL");
    assert_eq!(world.rows("inbox WHERE consumer = 'unlucky'").await, 5);
    assert_eq!(transactions, 2, "the first, and all others");
}

/// Everything that was published, as its consumers are given it.
async fn published(world: &World) -> Vec<Record> {
    let rows: Vec<(String, i64, Uuid, String)> =
        sqlx::query_as("SELECT topic, position, key, body FROM event_log ORDER BY position")
            .fetch_all(world.pool())
            .await
            .expect("published events");
    let record = |(topic, offset, key, body): (String, i64, Uuid, String)| Record {
        topic,
        partition: None,
        offset,
        key: Some(key.to_string()),
        value: body.into_bytes(),
    };
    rows.into_iter().map(record).collect()
}

/// A topic that nobody has made.
const NOWHERE: Topic = Topic::new("nowhere.events");

/// Looks for events where there are none, too.
struct Wandering;

#[async_trait]
impl Reaction for Wandering {
    fn consumer(&self) -> &'static str {
        "wandering"
    }

    fn summary(&self) -> &'static str {
        "Looks for events where there are none, too."
    }

    fn topics(&self) -> &'static [Topic] {
        &[NOWHERE, Counted::TOPIC]
    }

    fn wanted(&self) -> Wanted {
        Wanted::Everything
    }

    async fn react(&self, _: &mut Tx, _: &CloudEvent) -> anyhow::Result<()> {
        Ok(())
    }
}

/// What PostgreSQL does to a transaction.
enum Misfortune {
    /// Its session is ended, and it finds out at a statement of its own.
    EndWhileWriting,
    /// Its session is ended, and it finds out when it enqueues a job.
    EndWhileEnqueueing,
    /// Somebody holds a row for too long.
    LockTimeout,
}

/// Has a job done for each event, if nothing happens to it meanwhile.
struct Unlucky(Mutex<VecDeque<Misfortune>>);

#[async_trait]
impl Reaction for Unlucky {
    fn consumer(&self) -> &'static str {
        "unlucky"
    }

    fn summary(&self) -> &'static str {
        "Has a job done for each event, if nothing happens to it meanwhile."
    }

    fn topics(&self) -> &'static [Topic] {
        &[Counted::TOPIC]
    }

    fn wanted(&self) -> Wanted {
        Wanted::Types(&[Counted::TYPE])
    }

    async fn react(&self, tx: &mut Tx, _: &CloudEvent) -> anyhow::Result<()> {
        const END: &str = "SELECT pg_terminate_backend(pg_backend_pid())";
        const TIMEOUT: &str =
            "DO $$ BEGIN RAISE EXCEPTION 'locked' USING ERRCODE = 'lock_not_available'; END $$";
        let misfortune = self.0.lock().expect("the list").pop_front();
        match misfortune {
            Some(Misfortune::EndWhileWriting) => {
                tx.conn().execute(END).await?;
            }
            Some(Misfortune::LockTimeout) => {
                tx.conn().execute(TIMEOUT).await?;
            }
            Some(Misfortune::EndWhileEnqueueing) => drop(tx.conn().execute(END).await),
            None => {}
        }
        outbox::enqueue(tx, &PurgeExpired {}).await?;
        Ok(())
    }
}
