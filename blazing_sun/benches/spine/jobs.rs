//! The table to RabbitMQ to the worker: relay and worker, and a bare lapin loop with the same commits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use async_trait::async_trait;
use blazing_sun::flow::catalogue::Catalogue;
use blazing_sun::flow::job::{Job, JobError, Run};
use blazing_sun::flow::worker::Worker;
use blazing_sun::infra::rabbitmq::{JOBS, RabbitMq};
use futures_util::StreamExt;
use futures_util::future::join_all;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Confirmation};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use tokio::sync::{Mutex, mpsc};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::fill;
use crate::report::{Report, Series};
use crate::rounds::{Sizes, Span, rate};
use crate::world::World;

/// As many as the relay publishes at a time.
const BATCH: i64 = 500;
/// As many as the relay leaves with the broker.
const WINDOW: u64 = 5000;
/// AMQP: the message survives a restart of the broker.
const PERSISTENT: u8 = 2;

/// A job that is done at once.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Nothing {}

#[async_trait]
impl Job for Nothing {
    const NAME: &'static str = "bench_nothing";
    const SUMMARY: &'static str = "Does nothing.";
    const PRIORITY: i16 = 5;

    type Tools = ();

    async fn run(&self, _tools: &(), _run: &mut Run) -> Result<(), JobError> {
        Ok(())
    }
}

/// Measures both in turn.
pub async fn measure(world: &World, sizes: &Sizes, report: &mut Report) -> anyhow::Result<()> {
    eprintln!("jobs");
    let mut spine = Series::new("jobs", "jobs/s");
    let mut bare = Series::new("bare lapin loop", "jobs/s");
    for _ in 0..sizes.rounds {
        refill(world, sizes.jobs).await?;
        spine.push(work(world, sizes.jobs).await?);
        refill(world, sizes.jobs).await?;
        bare.push(work_bare(world, sizes.jobs).await?);
    }
    report.compare(&spine, &[&bare]);
    report.figure(&bare);
    Ok(())
}

/// Has as many jobs wait as a round needs: the broker's window stays full until the clock stops.
pub async fn refill(world: &World, span: Span) -> anyhow::Result<()> {
    fill::jobs_anew(world, rows(span)).await
}

/// How many those are.
pub fn rows(span: Span) -> i64 {
    span.rows(WINDOW + 2 * BATCH as u64)
}

/// Relay and worker as the application runs them, over a table that is filled.
pub async fn work(world: &World, span: Span) -> anyhow::Result<f64> {
    let wiring = world.wiring()?;
    let stop = CancellationToken::new();
    let catalogue = Arc::new(Catalogue::default().job::<Nothing>(()));
    let worker = Worker::new(wiring.ctx.clone(), catalogue, world.config.flow.concurrency);
    let connection = Arc::new(RabbitMq::new(world.rabbitmq()?.clone()));
    let working = tokio::spawn(worker.run_rabbitmq(connection, stop.clone()));
    let relaying = tokio::spawn(wiring.relay().run(stop.clone()));
    let done = wiring
        .ctx
        .metrics()
        .job_attempts
        .with_label_values(&[Nothing::NAME, "done"]);
    let rate = rate(span, || done.get()).await;
    stop.cancel();
    relaying.await?;
    working.await?;
    wiring.services.close().await;
    rate
}

/// Publishes with confirms and consumes with the same prefetch; commits a claim and a done for each job, and a note for each
/// batch that the broker has it. No lease, no attempts, no history, no retries, no sweeps, no pool, no metrics.
async fn work_bare(world: &World, span: Span) -> anyhow::Result<f64> {
    let rabbitmq = world.rabbitmq()?;
    let (publishing, consuming) = (
        RabbitMq::new(rabbitmq.clone()),
        RabbitMq::new(rabbitmq.clone()),
    );
    let concurrency = world.config.flow.concurrency;
    // A connection for each job at a time: nobody waits for one, and none is tested.
    let (give, take) = mpsc::unbounded_channel();
    for _ in 0..concurrency {
        give.send(world.connect().await?)?;
    }
    let done = Arc::new(AtomicU64::new(0));
    let stop = CancellationToken::new();
    let channel = consuming.jobs_channel().await?;
    channel
        .basic_qos(concurrency, BasicQosOptions::default())
        .await?;
    let consumer = channel
        .basic_consume(
            JOBS.into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await?;
    let consumer = tokio::spawn(consume(
        consumer,
        Arc::new(Mutex::new(take)),
        give,
        Arc::clone(&done),
        stop.clone(),
    ));
    let publisher = tokio::spawn(publish(
        publishing,
        world.connect().await?,
        Arc::clone(&done),
        stop.clone(),
    ));
    let rate = rate(span, || done.load(Ordering::Relaxed)).await;
    stop.cancel();
    publisher.await??;
    consumer.await??;
    consuming.close().await;
    rate
}

async fn publish(
    rabbitmq: RabbitMq,
    mut connection: PgConnection,
    done: Arc<AtomicU64>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let channel = rabbitmq.jobs_channel().await?;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    let (mut last, mut sent) = (Uuid::nil(), 0);
    while !stop.is_cancelled() {
        if sent + BATCH as u64 > done.load(Ordering::Relaxed) + WINDOW {
            sleep(Duration::from_millis(1)).await;
            continue;
        }
        let rows: Vec<(Uuid, i16)> = sqlx::query_as(
            "SELECT id, priority FROM jobs WHERE state = 'ready' AND id > $1 ORDER BY id LIMIT $2",
        )
        .bind(last)
        .bind(BATCH)
        .fetch_all(&mut connection)
        .await?;
        let Some((newest, _)) = rows.last() else {
            break;
        };
        last = *newest;
        let mut confirms = Vec::with_capacity(rows.len());
        for (id, priority) in &rows {
            let properties = BasicProperties::default()
                .with_delivery_mode(PERSISTENT)
                .with_priority(u8::try_from(*priority)?);
            let options = BasicPublishOptions {
                mandatory: true,
                ..BasicPublishOptions::default()
            };
            let publish =
                channel.basic_publish("".into(), JOBS.into(), options, id.as_bytes(), properties);
            confirms.push(publish.await?);
        }
        for confirmation in join_all(confirms).await {
            ensure!(
                matches!(confirmation?, Confirmation::Ack(None)),
                "RabbitMQ refused a message"
            );
        }
        let ids: Vec<Uuid> = rows.iter().map(|(id, _)| *id).collect();
        sqlx::query("UPDATE jobs SET state = 'sent', sent_at = now() WHERE id = ANY($1) AND state = 'ready'")
            .bind(&ids)
            .execute(&mut connection)
            .await?;
        sent += rows.len() as u64;
    }
    rabbitmq.close().await;
    Ok(())
}

async fn consume(
    mut consumer: lapin::Consumer,
    free: Arc<Mutex<mpsc::UnboundedReceiver<PgConnection>>>,
    freed: mpsc::UnboundedSender<PgConnection>,
    done: Arc<AtomicU64>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    loop {
        let delivery = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            delivery = consumer.next() => delivery.context("the queue is gone")??,
        };
        let (free, freed, done) = (Arc::clone(&free), freed.clone(), Arc::clone(&done));
        tokio::spawn(async move {
            let id = Uuid::from_slice(&delivery.data)?;
            let mut connection = free.lock().await.recv().await.context("no connection")?;
            sqlx::query(
                "UPDATE jobs SET state = 'running', attempt = attempt + 1, lease_until = now() + interval '90 s'
                 WHERE id = $1 AND state IN ('ready', 'sent')",
            )
            .bind(id)
            .execute(&mut connection)
            .await?;
            sqlx::query("UPDATE jobs SET state = 'done', lease_until = NULL, finished_at = now() WHERE id = $1 AND lease_until IS NOT NULL")
                .bind(id)
                .execute(&mut connection)
                .await?;
            freed.send(connection)?;
            delivery.ack(BasicAckOptions::default()).await?;
            done.fetch_add(1, Ordering::Relaxed);
            anyhow::Ok(())
        });
    }
}
