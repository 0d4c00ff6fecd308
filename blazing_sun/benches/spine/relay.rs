//! The outbox to Kafka: the relay, a bare loop with the same commits, and the producer alone.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use blazing_sun::flow::event::CONTENT_TYPE;
use blazing_sun::infra::kafka;
use futures_util::future::join_all;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::future_producer::OwnedDeliveryResult;
use rdkafka::producer::{DeliveryFuture, FutureRecord};
use sqlx::Connection;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::fill;
use crate::report::{Report, Series};
use crate::rounds::{Sizes, Span, rate};
use crate::world::World;

/// As many as the relay has in flight.
const BATCH: i64 = 1000;
/// Batches that the producer alone has in flight.
const AHEAD: usize = 3;
/// Events behind the last timed one.
const SPARE: u64 = 10_000;

type Row = (i64, String, Uuid, String);

/// Measures all three in turn.
pub async fn measure(world: &World, sizes: &Sizes, report: &mut Report) -> anyhow::Result<()> {
    eprintln!("relay");
    let mut relay = Series::new("relay", "events/s");
    let mut bare = Series::new("bare events loop", "events/s");
    let mut producer = Series::new("producer alone", "records/s");
    for _ in 0..sizes.rounds {
        refill(world, sizes.events).await?;
        relay.push(drain(world, sizes.events).await?);
        refill(world, sizes.events).await?;
        bare.push(drain_bare(world, sizes.events).await?);
        refill(world, sizes.events).await?;
        producer.push(send_only(world, sizes.events).await?);
    }
    report.compare(&relay, &[&bare, &producer]);
    report.compare(&bare, &[&producer]);
    report.figure(&producer);
    Ok(())
}

/// Has as many events wait as a round needs.
pub async fn refill(world: &World, span: Span) -> anyhow::Result<()> {
    fill::events_anew(world, rows(span)).await
}

/// Events that a round needs.
pub fn rows(span: Span) -> i64 {
    span.rows(SPARE)
}

/// The relay as the application runs it, over an outbox that is filled.
pub async fn drain(world: &World, span: Span) -> anyhow::Result<f64> {
    let wiring = world.wiring()?;
    let stop = CancellationToken::new();
    let running = tokio::spawn(wiring.relay().run(stop.clone()));
    let sent = wiring
        .ctx
        .metrics()
        .relayed
        .with_label_values(&["event", "sent"]);
    let rate = rate(span, || sent.get()).await;
    stop.cancel();
    running.await?;
    wiring.services.close().await;
    rate
}

/// Reads a batch, sends it, waits for it, moves it to the log in one statement: no lease, no floor and no sweep, no limit
/// of bytes, no broken aggregates, no metrics, one connection of its own.
async fn drain_bare(world: &World, span: Span) -> anyhow::Result<f64> {
    let mut connection = world.connect().await?;
    let producer = world.kafka()?.producer()?;
    let prefix = world.kafka()?.prefix.clone();
    let sent = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&sent);
    let running = tokio::spawn(async move {
        let mut last = 0;
        loop {
            let rows: Vec<Row> = sqlx::query_as(
                "SELECT seq, topic, key, body FROM outbox WHERE seq > $1 ORDER BY seq LIMIT $2",
            )
            .bind(last)
            .bind(BATCH)
            .fetch_all(&mut connection)
            .await?;
            let Some((newest, ..)) = rows.last() else {
                break;
            };
            last = *newest;
            arrived(join_all(send(&producer, &prefix, &rows)?).await)?;
            let settled: Vec<i64> = rows.iter().map(|(seq, ..)| *seq).collect();
            sqlx::query(
                "WITH settled AS (
                     DELETE FROM outbox WHERE seq = ANY($1) RETURNING seq, id, topic, key, type, body, emitted_at
                 )
                 INSERT INTO event_log (id, topic, key, type, body, emitted_at)
                 SELECT id, topic, key, type, body, emitted_at FROM settled ORDER BY seq",
            )
            .bind(&settled)
            .execute(&mut connection)
            .await?;
            counter.fetch_add(rows.len() as u64, Ordering::Relaxed);
        }
        connection.close().await?;
        anyhow::Ok(())
    });
    let rate = rate(span, || sent.load(Ordering::Relaxed)).await;
    running.await??;
    rate
}

/// What the same producer takes when nothing waits for PostgreSQL.
pub async fn send_only(world: &World, span: Span) -> anyhow::Result<f64> {
    let mut connection = world.connect().await?;
    let rows: Vec<Row> = sqlx::query_as("SELECT seq, topic, key, body FROM outbox ORDER BY seq")
        .fetch_all(&mut connection)
        .await?;
    connection.close().await?;
    let producer = world.kafka()?.producer()?;
    let prefix = world.kafka()?.prefix.clone();
    let sent = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&sent);
    let running = tokio::spawn(async move {
        let mut flying = VecDeque::new();
        for batch in rows.chunks(BATCH as usize) {
            flying.push_back(join_all(send(&producer, &prefix, batch)?));
            if flying.len() > AHEAD {
                let oldest = flying.pop_front().context("nothing is in flight")?;
                counter.fetch_add(arrived(oldest.await)?, Ordering::Relaxed);
            }
        }
        for batch in flying {
            counter.fetch_add(arrived(batch.await)?, Ordering::Relaxed);
        }
        anyhow::Ok(())
    });
    let rate = rate(span, || sent.load(Ordering::Relaxed)).await;
    running.await??;
    rate
}

/// Gives rows to the producer as the relay does.
pub fn send(
    producer: &kafka::Producer,
    prefix: &str,
    rows: &[Row],
) -> anyhow::Result<Vec<DeliveryFuture>> {
    rows.iter()
        .map(|(_, topic, key, body)| {
            let (topic, key) = (format!("{prefix}{topic}"), key.to_string());
            let headers = OwnedHeaders::new().insert(Header {
                key: "content-type",
                value: Some(CONTENT_TYPE),
            });
            let record = FutureRecord::to(&topic)
                .key(&key)
                .payload(body)
                .headers(headers);
            producer
                .send_result(record)
                .map_err(|(error, _)| error.into())
        })
        .collect()
}

fn arrived<E>(outcomes: Vec<Result<OwnedDeliveryResult, E>>) -> anyhow::Result<u64> {
    for outcome in &outcomes {
        match outcome {
            Ok(Ok(_)) => {}
            Ok(Err((error, _))) => anyhow::bail!("Kafka refused a record: {error}"),
            Err(_) => anyhow::bail!("the producer is gone"),
        }
    }
    Ok(outcomes.len() as u64)
}
