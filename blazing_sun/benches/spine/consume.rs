//! Kafka to the audit log: the consumer, and a bare loop with as many records in a transaction.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use blazing_sun::flow::event::CloudEvent;
use blazing_sun::infra::kafka;
use futures_util::FutureExt;
use rdkafka::Message;
use rdkafka::consumer::Consumer as _;
use sqlx::{Connection, PgConnection};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::delay;
use crate::relay;
use crate::report::{Report, Series};
use crate::rounds::{Sizes, Span, rate};
use crate::world::World;

/// As many as the consumer takes in one transaction.
const BATCH: usize = 100;

/// Measures both in turn.
pub async fn measure(world: &World, sizes: &Sizes, report: &mut Report) -> anyhow::Result<()> {
    eprintln!("consume");
    let mut spine = Series::new("audit consumer", "records/s");
    let mut bare = Series::new("bare records loop", "records/s");
    for _ in 0..sizes.rounds {
        publish(world, sizes).await?;
        spine.push(take(world, sizes.events).await?);
        publish(world, sizes).await?;
        bare.push(take_bare(world, sizes.events).await?);
    }
    report.compare(&spine, &[&bare]);
    report.figure(&bare);
    Ok(())
}

async fn publish(world: &World, sizes: &Sizes) -> anyhow::Result<()> {
    delay::clear(world).await?;
    relay::refill(world, sizes.events).await?;
    relay::send_only(world, sizes.events).await?;
    Ok(())
}

/// The consumer as the application runs it, over a topic that is filled.
async fn take(world: &World, span: Span) -> anyhow::Result<f64> {
    let wiring = world.wiring()?;
    let stop = CancellationToken::new();
    let reaction = wiring
        .catalogue
        .find_reaction("audit")
        .context("no audit")?;
    let consumer = wiring.consumer(reaction);
    let source = wiring.source(&consumer)?;
    let running = tokio::spawn(consumer.run(source, stop.clone()));
    let taken = wiring
        .ctx
        .metrics()
        .records
        .with_label_values(&["audit", "taken"]);
    let rate = rate(span, || taken.get()).await;
    stop.cancel();
    running.await?;
    wiring.services.close().await;
    rate
}

/// Takes what is there, at most a batch, and commits a row for each: no inbox, no dead letters, no rebuilds, no metrics.
async fn take_bare(world: &World, span: Span) -> anyhow::Result<f64> {
    let stream = world.kafka()?.subscribe("audit", &["user.events"])?;
    let (taken, stop) = (Arc::new(AtomicU64::new(0)), CancellationToken::new());
    let counter = Arc::clone(&taken);
    let running = tokio::spawn(run_bare(
        stream,
        world.connect().await?,
        stop.clone(),
        move |ids| {
            counter.fetch_add(ids.len() as u64, Ordering::Relaxed);
        },
    ));
    let rate = rate(span, || taken.load(Ordering::Relaxed)).await;
    stop.cancel();
    running.await??;
    rate
}

/// Writes records down until `stop`, and tells which ones whenever some were committed.
pub async fn run_bare(
    stream: kafka::Subscription,
    mut connection: PgConnection,
    stop: CancellationToken,
    committed: impl Fn(&[Uuid]),
) -> anyhow::Result<()> {
    loop {
        let mut messages = tokio::select! {
            () = stop.cancelled() => break,
            message = stream.recv() => vec![message?],
        };
        while messages.len() < BATCH
            && let Some(message) = stream.recv().now_or_never()
        {
            messages.push(message?);
        }
        let mut ids = Vec::with_capacity(messages.len());
        let mut tx = connection.begin().await?;
        for message in &messages {
            let event = CloudEvent::parse(message.payload().unwrap_or_default())?;
            insert(&mut tx, &event).await?;
            ids.push(event.id);
        }
        tx.commit().await?;
        committed(&ids);
        for message in &messages {
            stream.store_offset_from_message(message)?;
        }
    }
    connection.close().await?;
    Ok(())
}

/// The row of the audit log, whatever came before.
async fn insert(connection: &mut PgConnection, event: &CloudEvent) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO audit_log (event_id, type, subject, sequence, correlation_id, occurred_at, recorded_at, data)
         VALUES ($1, $2, $3, $4, $5, $6, now(), $7) ON CONFLICT DO NOTHING",
    )
    .bind(event.id)
    .bind(&event.kind)
    .bind(event.subject)
    .bind(event.sequence)
    .bind(&event.correlationid)
    .bind(event.time)
    .bind(&event.data)
    .execute(connection)
    .await?;
    Ok(())
}
