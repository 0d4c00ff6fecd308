//! From an event's commit to its effect at a steady rate: the audit, and a bare loop that writes the same two rows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use blazing_sun::accounts::events::UserCreated;
use blazing_sun::flow::consumer::{Consumer, Source};
use blazing_sun::flow::ctx::{Cause, Ctx};
use blazing_sun::flow::event::CloudEvent;
use blazing_sun::flow::outbox;
use blazing_sun::infra::kafka;
use blazing_sun::kernel::id::{self, Id};
use futures_util::future::join_all;
use sqlx::{Connection, PgPool};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::consume;
use crate::relay;
use crate::report::{Report, Series, percentile};
use crate::rounds::Sizes;
use crate::world::World;

/// Events a second.
const RATES: [u64; 2] = [100, 500];
/// What is told of the delays of a round: a name, and how many of them are not longer.
const SHARES: [(&str, f64); 3] = [("p50", 0.5), ("p99", 0.99), ("slowest", 1.0)];
/// The rounds at each rate, at most.
const ROUNDS: usize = 3;
/// How long the last effects may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Moments by event.
type Moments = Arc<Mutex<HashMap<Uuid, Instant>>>;

/// Measures at each rate in turn.
pub async fn measure(world: &World, sizes: &Sizes, report: &mut Report) -> anyhow::Result<()> {
    for rate in RATES {
        eprintln!("delay at {rate}/s");
        let series = |who, what| Series::new(format!("{who} at {rate}/s, {what}"), "ms");
        let of = |who| SHARES.map(|(what, _)| series(who, what));
        let (mut spine, mut bare) = (of("commit to audit"), of("bare commit to effect"));
        for _ in 0..sizes.rounds.min(ROUNDS) {
            record(&mut spine, through_spine(world, rate, sizes.seconds).await?);
            record(&mut bare, through_bare(world, rate, sizes.seconds).await?);
        }
        for (spine, bare) in spine.iter().zip(&bare) {
            report.compare(spine, &[bare]);
            report.figure(bare);
        }
    }
    Ok(())
}

fn record(series: &mut [Series], mut delays: Vec<f64>) {
    for (series, (_, share)) in series.iter_mut().zip(SHARES) {
        series.push(percentile(&mut delays, share));
    }
}

/// Emits as a use case does, and runs relay and consumer as the application does.
async fn through_spine(world: &World, rate: u64, seconds: u64) -> anyhow::Result<Vec<f64>> {
    clear(world).await?;
    let wiring = world.wiring()?;
    let stop = CancellationToken::new();
    let relaying = tokio::spawn(wiring.relay().run(stop.clone()));
    let reaction = wiring
        .catalogue
        .find_reaction("audit")
        .context("no audit")?;
    let consumer = wiring.consumer(reaction);
    let source = wiring.source(&consumer)?;
    let effects = Moments::default();
    let consuming = tokio::spawn(consume(
        consumer,
        source,
        Arc::clone(&effects),
        stop.clone(),
    ));
    let ctx = wiring.ctx.clone();
    let delays = steady(rate, seconds, &effects, move || emit(ctx.clone())).await;
    stop.cancel();
    relaying.await?;
    consuming.await??;
    wiring.services.close().await;
    delays
}

async fn emit(ctx: Ctx) -> anyhow::Result<(Uuid, Instant)> {
    let mut tx = ctx.begin(Cause::new("bench")).await?;
    let event = UserCreated {
        user_id: Id::new(),
        version: 1,
    };
    let id = outbox::emit(&mut tx, &event).await?;
    tx.commit().await?;
    Ok((id, Instant::now()))
}

/// What `Consumer::run` does, with a look at the clock when the effects are committed.
async fn consume(
    consumer: Consumer,
    mut source: Source,
    effects: Moments,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    loop {
        let records = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            records = source.next() => records?,
        };
        consumer.take(&records.records, &stop).await?;
        let ids: Result<Vec<Uuid>, _> = records
            .records
            .iter()
            .map(|record| CloudEvent::parse(&record.value).map(|event| event.id))
            .collect();
        note(&effects, &ids?);
        source.store(&records).await?;
    }
}

fn note(effects: &Moments, ids: &[Uuid]) {
    let now = Instant::now();
    let mut effects = effects.lock().unwrap_or_else(PoisonError::into_inner);
    effects.extend(ids.iter().map(|id| (*id, now)));
}

/// Commits one row, gives it to the producer, and commits the rows of those that arrive together: no outbox, no relay, no inbox. Lost if the
/// process dies between the first commit and the broker.
async fn through_bare(world: &World, rate: u64, seconds: u64) -> anyhow::Result<Vec<f64>> {
    clear(world).await?;
    let pool = world.config.services.postgres.pool();
    let kafka = world.kafka()?;
    let producer = kafka.producer()?;
    let stream = kafka.subscribe("audit", &["user.events"])?;
    let (effects, stop) = (Moments::default(), CancellationToken::new());
    let moments = Arc::clone(&effects);
    let consuming = tokio::spawn(consume::run_bare(
        stream,
        world.connect().await?,
        stop.clone(),
        move |ids| note(&moments, ids),
    ));
    let (give, prefix) = (pool.clone(), kafka.prefix.clone());
    let delays = steady(rate, seconds, &effects, move || {
        emit_bare(give.clone(), producer.clone(), prefix.clone())
    })
    .await;
    stop.cancel();
    consuming.await??;
    pool.close().await;
    delays
}

async fn emit_bare(
    pool: PgPool,
    producer: kafka::Producer,
    prefix: String,
) -> anyhow::Result<(Uuid, Instant)> {
    let (id, key) = (id::new(), id::new());
    let body = serde_json::json!({
        "specversion": "1.0", "id": id, "source": "/blazing_sun", "type": "user.created.v1", "subject": key,
        "time": "2030-01-01T00:00:00Z", "datacontenttype": "application/json", "correlationid": "bench", "sequence": 1,
        "data": { "user_id": key, "version": 1 }
    })
    .to_string();
    sqlx::query(
        "INSERT INTO outbox (id, topic, key, type, body, size, emitted_at)
         VALUES ($1, 'user.events', $2, 'user.created.v1', $3, octet_length($3), now())",
    )
    .bind(id)
    .bind(key)
    .bind(&body)
    .execute(&pool)
    .await?;
    let committed = Instant::now();
    let rows = [(0, "user.events".to_owned(), key, body)];
    // Whether it arrives is seen where it has its effect.
    drop(join_all(relay::send(&producer, &prefix, &rows)?).await);
    Ok((id, committed))
}

/// Calls `emit` at a rate, whatever becomes of the calls before (who is late is measured as late), and returns how many
/// milliseconds after its commit each event had its effect.
async fn steady<F>(
    rate: u64,
    seconds: u64,
    effects: &Moments,
    emit: impl Fn() -> F,
) -> anyhow::Result<Vec<f64>>
where
    F: Future<Output = anyhow::Result<(Uuid, Instant)>> + Send + 'static,
{
    let seen = |id: &Uuid| {
        let effects = effects.lock().unwrap_or_else(PoisonError::into_inner);
        effects.get(id).copied()
    };
    // The first one waits until the consumer has joined its group, the first second until everything is warm.
    let (first, _) = emit().await?;
    wait_until(|| seen(&first).is_some()).await?;
    let mut ticks = interval(Duration::from_secs(1) / u32::try_from(rate)?);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut calls: Vec<JoinHandle<anyhow::Result<(Uuid, Instant)>>> = Vec::new();
    for _ in 0..rate * (seconds + 1) {
        ticks.tick().await;
        calls.push(tokio::spawn(emit()));
    }
    let mut committed = Vec::with_capacity(calls.len());
    for call in calls {
        committed.push(call.await??);
    }
    wait_until(|| committed.iter().all(|(id, _)| seen(id).is_some())).await?;
    let delays = committed
        .iter()
        .skip(usize::try_from(rate)?)
        .filter_map(|(id, committed)| {
            let delay = seen(id)?.saturating_duration_since(*committed);
            Some(delay.as_secs_f64() * 1000.0)
        });
    Ok(delays.collect())
}

async fn wait_until(mut done: impl FnMut() -> bool) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        ensure!(
            Instant::now() < deadline,
            "no effect within {} s",
            PATIENCE.as_secs()
        );
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Empties what events pass through and end in, and lets the group forget what waits for it.
pub async fn clear(world: &World) -> anyhow::Result<()> {
    let mut connection = world.connect().await?;
    sqlx::raw_sql("TRUNCATE outbox, event_log, inbox, audit_log, dead_letters")
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    world.skip_records("audit").await
}
