//! What a consumer could not take, why, and its way back.
//!
//! Behind an event that failed, the later events of the same aggregate wait for that consumer, so that their order holds.
//! A replay gives them all to the reaction in that order; discarding gives the first up and lets the next one try.

mod store;

use std::collections::HashSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::flow::consumer::{Consumer, Origin, Record};
use crate::flow::ctx::{Cause, Ctx, Tx};
use crate::flow::event::{CloudEvent, Event, Topic};
use crate::flow::{inbox, outbox, rebuild};
pub use store::{DeadLetter, count_open, list, show};

/// Where it is told that an event could not be taken.
pub const TOPIC: Topic = Topic::new("events.dead_letter");
/// How much of an error is kept, and of a cause told, in characters.
const TEXT_LENGTH: usize = 2000;
/// How much of a value an event about it carries, in bytes.
const VALUE_IN_EVENT: usize = 16 << 10;

/// A consumer gave an event up.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct DeadLettered {
    /// The event that could not be taken; the aggregate of this one.
    pub event_id: Uuid,
    /// Who could not take it.
    pub consumer: String,
    /// Its topic.
    pub topic: String,
    /// Its partition; none if it came from the event log.
    pub partition: Option<i32>,
    /// Its offset in the partition, or its position in the event log.
    pub offset: i64,
    /// Its key: the aggregate.
    pub key: Option<String>,
    /// Its value; the first 16 KiB.
    pub value: String,
    /// What went wrong the last time.
    pub error: String,
    /// How often it was tried.
    pub attempts: i32,
}

impl Event for DeadLettered {
    const TYPE: &'static str = "event.dead_lettered.v1";
    const TOPIC: Topic = TOPIC;
    const SUMMARY: &'static str = "A consumer gave an event up; it waits for an operator.";

    fn subject(&self) -> Uuid {
        self.event_id
    }

    fn sequence(&self) -> i64 {
        1
    }
}

/// What a replay did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Dead letters that had their effect now.
    pub taken: usize,
    /// Dead letters that still wait.
    pub left: usize,
}

/// Keeps an event that failed, and tells it to `events.dead_letter`.
pub(super) async fn bury(
    consumer: &Consumer,
    record: &Record,
    attempts: i32,
    error: &str,
) -> anyhow::Result<()> {
    let event = CloudEvent::parse(&record.value)?;
    let error = shortened(error);
    let mut tx = consumer
        .ctx()
        .begin(shortened_cause(event.as_cause()))
        .await?;
    store::lock(tx.conn(), consumer.name(), record).await?;
    let kept = store::keep(
        tx.conn(),
        consumer.name(),
        "failed",
        record,
        Some(event.id),
        &error,
        attempts,
    )
    .await?;
    // What fails in the topic of dead letters itself would go round for ever.
    if kept && record.topic != TOPIC.name() {
        let value = &record.value[..record.value.len().min(VALUE_IN_EVENT)];
        let letter = DeadLettered {
            event_id: event.id,
            consumer: consumer.name().to_owned(),
            topic: record.topic.clone(),
            partition: record.partition,
            offset: record.offset,
            key: record.key.clone(),
            value: String::from_utf8_lossy(value).into_owned(),
            error,
            attempts,
        };
        outbox::emit(&mut tx, &letter).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Keeps a record that is not an event. Nothing waits behind it: it belongs to no aggregate.
pub async fn keep_unreadable(
    connection: &mut PgConnection,
    consumer: &str,
    record: &Record,
    error: &str,
) -> sqlx::Result<()> {
    store::keep(
        connection,
        consumer,
        "unreadable",
        record,
        None,
        &shortened(error),
        1,
    )
    .await?;
    Ok(())
}

/// Which of the records' aggregates have a dead letter that waits.
pub(super) async fn waiting(
    connection: &mut PgConnection,
    consumer: &str,
    records: &[Record],
) -> sqlx::Result<HashSet<(String, Option<String>)>> {
    let keys: Vec<String> = records
        .iter()
        .filter_map(|record| record.key.clone())
        .collect();
    store::waiting(connection, consumer, &keys).await
}

/// Puts an event behind the dead letters of its aggregate. `false`: there is none any more, and it can be taken.
pub(super) async fn park(
    connection: &mut PgConnection,
    consumer: &str,
    record: &Record,
    event: Uuid,
) -> sqlx::Result<bool> {
    store::lock(connection, consumer, record).await?;
    let key = (record.topic.clone(), record.key.clone());
    let keys: Vec<String> = record.key.iter().cloned().collect();
    if !store::waiting(connection, consumer, &keys)
        .await?
        .contains(&key)
    {
        return Ok(false);
    }
    store::keep(
        connection,
        consumer,
        "parked",
        record,
        Some(event),
        "waits behind an event of the same aggregate",
        0,
    )
    .await?;
    Ok(true)
}

/// Gives a dead letter, and all that waits with it, to the reaction again, in order, up to the first that fails.
pub async fn replay(consumer: &Consumer, letter: &DeadLetter) -> anyhow::Result<Replayed> {
    let mut replayed = Replayed::default();
    loop {
        let mut tx = begin(consumer.ctx(), letter).await?;
        let Some(next) = store::first_waiting(tx.conn(), letter).await? else {
            return Ok(replayed);
        };
        let event = CloudEvent::parse(&next.value)?;
        let fresh = inbox::take(tx.conn(), consumer.name(), &[event.id]).await?;
        let origin = Origin {
            carrier: "postgresql",
            topic: &letter.topic,
        };
        let outcome = if fresh.is_empty() {
            Ok(())
        } else {
            consumer.react(&mut tx, &event, origin).await.map(|_| ())
        };
        match outcome {
            Ok(()) => {
                store::resolve(tx.conn(), next.seq, "replayed").await?;
                tx.commit().await?;
                replayed.taken += 1;
            }
            Err(error) => {
                tx.rollback().await?;
                let mut tx = begin(consumer.ctx(), letter).await?;
                let error = shortened(&format!("{error:#}"));
                store::note_failure(tx.conn(), next.seq, &error).await?;
                replayed.left = store::count_waiting(tx.conn(), letter).await?;
                tx.commit().await?;
                return Ok(replayed);
            }
        }
    }
}

/// Gives a dead letter up: its event will not have its effect. What waits behind it can be replayed. `false`: it does
/// not wait any more.
pub async fn discard(ctx: &Ctx, letter: &DeadLetter) -> anyhow::Result<bool> {
    let mut tx = begin(ctx, letter).await?;
    let discarded = store::resolve(tx.conn(), letter.seq, "discarded").await?;
    if let Some(event) = letter.event_id.filter(|_| discarded) {
        inbox::take(tx.conn(), &letter.consumer, &[event]).await?;
    }
    tx.commit().await?;
    Ok(discarded)
}

async fn begin(ctx: &Ctx, letter: &DeadLetter) -> sqlx::Result<Tx> {
    let mut tx = ctx.begin(Cause::new("operator")).await?;
    rebuild::hold_off(tx.conn(), &letter.consumer).await?;
    store::lock_letter(tx.conn(), letter).await?;
    Ok(tx)
}

/// An envelope may carry what, told once more, would be larger than an event may be.
fn shortened_cause(cause: Cause) -> Cause {
    Cause {
        correlation: shortened(&cause.correlation),
        traceparent: cause.traceparent.as_deref().map(shortened),
        ..cause
    }
}

fn shortened(text: &str) -> String {
    // PostgreSQL's text has no NUL.
    let text = text.replace('\0', "\u{fffd}");
    text.chars().take(TEXT_LENGTH).collect()
}
