//! The outbox's pump.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use anyhow::Context;
use futures_util::future::join_all;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureRecord, Producer as _, PurgeConfig};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::field::Empty;
use tracing::{Level, Span};
use uuid::Uuid;

use crate::flow::ctx::{Ctx, Wakeups};
use crate::flow::event::{CONTENT_TYPE, CloudEvent};
use crate::flow::event_log;
use crate::flow::faults::{self, Mistake};
use crate::flow::lease::Term;
use crate::flow::relay::{Pump, Step, note_batch};
use crate::flow::trace;
use crate::infra::kafka;
use crate::infra::traces::EXPORTED;

/// The most events in flight.
const BATCH: i64 = 1000;
/// The most bytes in flight, but for one event that alone is larger.
const BATCH_BYTES: i64 = 8 << 20;
/// How often the whole outbox is looked at, and not only what is above the floor.
const SWEEP: Duration = Duration::from_secs(1);
/// How often the log's partitions of the next days are made.
const DAYS: Duration = Duration::from_secs(5);
/// How long a topic that refused an event is left alone, so that the others go on.
const REFUSED: Duration = Duration::from_secs(30);
/// What a batch in flight may still take when the process is to end.
const GRACE: Duration = Duration::from_secs(5);

/// What carries events to their consumers.
pub enum EventsCarrier {
    /// Kafka.
    Kafka(kafka::Settings),
    /// Nothing: consumers follow `event_log`.
    Postgres,
}

/// An event on its way.
struct Outgoing {
    seq: i64,
    topic: String,
    key: Uuid,
    body: String,
}

impl Outgoing {
    /// What a collector is told of its way to the broker, as part of its trace.
    fn sending(&self) -> Span {
        if !tracing::span_enabled!(target: EXPORTED, Level::INFO) {
            return Span::none();
        }
        let span = tracing::info_span!(
            target: EXPORTED,
            "send",
            otel.name = format!("send {}", self.topic),
            otel.kind = "producer",
            messaging.system = "kafka",
            "messaging.operation.type" = "send",
            messaging.operation.name = "send",
            messaging.destination.name = self.topic,
            messaging.kafka.message.key = %self.key,
            otel.status_code = Empty,
        );
        trace::continue_in(&span, CloudEvent::traceparent_in(&self.body).as_deref());
        span
    }
}

/// A number that was seen, which says nothing yet about the lower ones: numbers are given out before the commit. The
/// floor may rise to it when every transaction has ended that was there already. If it rose at once, a transaction that
/// commits late would lie below it, and what follows in the same aggregate would overtake it.
struct NextFloor {
    seq: i64,
    /// The first transaction that began later; none until the next look.
    begun_later: Option<i64>,
}

/// Which transactions were running at a look, by their numbers.
struct Running {
    /// The oldest of them, or the next if there was none.
    oldest: i64,
    /// The next to begin.
    next: i64,
}

/// Moves events: outbox, carrier, `event_log`.
pub struct Events {
    ctx: Ctx,
    carrier: EventsCarrier,
    producer: Option<kafka::Producer>,
    /// No event has a number up to it, but for those of refused topics: what could have had one has ended and was settled.
    /// It spares the fetch the dead rows of what was settled before.
    floor: i64,
    /// Where the floor rises to next.
    next_floor: Option<NextFloor>,
    next_sweep: Instant,
    next_days: Instant,
    refused: HashMap<String, Instant>,
}

impl Pump for Events {
    const NAME: &'static str = "events";

    fn wakeup<'a>(&self, wakeups: &'a Wakeups) -> Option<&'a Notify> {
        Some(&wakeups.events)
    }

    async fn step(&mut self, term: Term, stop: &CancellationToken) -> anyhow::Result<Step> {
        if Instant::now() >= self.next_days {
            event_log::prepare(self.ctx.pool()).await?;
            self.next_days = Instant::now() + DAYS;
        }
        let began = Instant::now();
        let running = self.running().await?;
        let batch = self.fetch().await?;
        let Some(last) = batch.last() else {
            self.raise_floor_unseen(&running).await?;
            return Ok(Step::Carried(0));
        };
        faults::point("relay.events.fetched").await;
        let Some(published) = self.publish(&batch, stop).await? else {
            return Ok(Step::Carried(0));
        };
        faults::point("relay.events.confirmed").await;
        if !event_log::settle(self.ctx.pool(), term, &published).await? {
            return Ok(Step::Deposed);
        }
        faults::point("relay.events.settled").await;
        self.ctx.wakeups().published.notify_waiters();
        let relayed = &self.ctx.metrics().relayed;
        relayed
            .with_label_values(&["event", "sent"])
            .inc_by(published.len() as u64);
        relayed
            .with_label_values(&["event", "refused"])
            .inc_by((batch.len() - published.len()) as u64);
        note_batch(&self.ctx, "event", published.len(), began);
        if published.len() == batch.len() {
            self.raise_floor(last.seq, &running);
        }
        Ok(Step::Carried(published.len()))
    }
}

impl Events {
    /// A pump that has looked at nothing yet.
    #[must_use]
    pub fn new(ctx: Ctx, carrier: EventsCarrier) -> Self {
        let now = Instant::now();
        Self {
            ctx,
            carrier,
            producer: None,
            floor: 0,
            next_floor: None,
            next_sweep: now,
            next_days: now,
            refused: HashMap::new(),
        }
    }

    /// Looks which transactions run. Those that do not any more have left what the next fetch sees.
    async fn running(&mut self) -> sqlx::Result<Running> {
        let running = sqlx::query_as!(
            Running,
            r#"SELECT pg_snapshot_xmin(snapshot)::text::bigint AS "oldest!", pg_snapshot_xmax(snapshot)::text::bigint AS "next!"
               FROM pg_current_snapshot() AS snapshot"#
        )
        .fetch_one(self.ctx.pool())
        .await?;
        if let Some(next_floor) = &mut self.next_floor {
            next_floor.begun_later.get_or_insert(running.next);
        }
        Ok(running)
    }

    /// After everything up to `settled` that was seen has been settled, with these transactions running before.
    fn raise_floor(&mut self, settled: i64, running: &Running) {
        if faults::makes(Mistake::Watermark) {
            self.floor = settled;
            return;
        }
        if let Some(next_floor) = &self.next_floor {
            let all_ended = next_floor
                .begun_later
                .is_some_and(|begun_later| running.oldest >= begun_later);
            if !all_ended || settled < next_floor.seq {
                return;
            }
            self.floor = next_floor.seq;
        }
        self.next_floor = Some(NextFloor {
            seq: settled,
            begun_later: None,
        });
    }

    /// After nothing was seen, with these transactions running before. A relay that was just started and has nothing to do
    /// would otherwise walk over the dead rows at each look.
    async fn raise_floor_unseen(&mut self, running: &Running) -> sqlx::Result<()> {
        if let Some(next_floor) = &self.next_floor {
            self.raise_floor(next_floor.seq, running);
        } else if self.floor == 0 {
            // That it has a transaction's number makes the statement wait until the numbers given out are on the disk: after
            // a crash none of them is given out again.
            let given = sqlx::query!(
                r#"SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('outbox', 'seq')), 0) AS "seq!", pg_current_xact_id()::text AS xid"#
            )
            .fetch_one(self.ctx.pool())
            .await?;
            self.next_floor = Some(NextFloor {
                seq: given.seq,
                begun_later: None,
            });
        }
        Ok(())
    }

    /// The oldest events that wait, in order.
    async fn fetch(&mut self) -> sqlx::Result<Vec<Outgoing>> {
        let started = Instant::now();
        let refused = self.refused.len();
        self.refused.retain(|_, until| *until > started);
        if self.refused.len() < refused {
            // What a topic gets that is tried again lies below the floor.
            self.next_sweep = started;
        }
        let sweeping = started >= self.next_sweep && !faults::makes(Mistake::Watermark);
        let floor = if sweeping { 0 } else { self.floor };
        let refused: Vec<String> = self.refused.keys().cloned().collect();
        let batch = sqlx::query_as!(
            Outgoing,
            r#"SELECT seq AS "seq!", topic AS "topic!", key AS "key!", body AS "body!" FROM (
                   SELECT seq, topic, key, body, size, sum(size) OVER (ORDER BY seq) AS total FROM (
                       SELECT seq, topic, key, body, size FROM outbox
                       WHERE seq > $1 AND topic <> ALL($2) ORDER BY seq LIMIT $3
                   ) oldest
               ) batch WHERE total - size < $4 ORDER BY seq"#,
            floor,
            &refused,
            BATCH,
            BATCH_BYTES,
        )
        .fetch_all(self.ctx.pool())
        .await?;
        if batch.first().is_some_and(|first| first.seq <= self.floor) {
            // There may be more than fit into the batch, and nothing may overtake them.
            self.floor = 0;
            self.next_floor = None;
        }
        if sweeping {
            // Dead rows that a long transaction keeps from being cleaned up make a sweep slow: it may take a twentieth of
            // the time at most.
            self.next_sweep = Instant::now() + SWEEP.max(started.elapsed() * 20);
        }
        Ok(batch)
    }

    /// Gives a batch to the carrier, and returns which of it arrived. `None`: the process ends and the broker is away.
    async fn publish(
        &mut self,
        batch: &[Outgoing],
        stop: &CancellationToken,
    ) -> anyhow::Result<Option<Vec<i64>>> {
        let EventsCarrier::Kafka(settings) = &self.carrier else {
            return Ok(Some(batch.iter().map(|event| event.seq).collect()));
        };
        let producer = match self.producer.take() {
            Some(producer) => producer,
            None => settings.producer().context("no producer")?,
        };
        let headers = || {
            OwnedHeaders::new().insert(Header {
                key: "content-type",
                value: Some(CONTENT_TYPE),
            })
        };
        let mut deliveries = Vec::with_capacity(batch.len());
        let mut spans = Vec::with_capacity(batch.len());
        for event in batch {
            spans.push(event.sending());
            let topic = settings.full_name(&event.topic);
            let key = event.key.to_string();
            let record = FutureRecord::to(&topic)
                .key(&key)
                .payload(&event.body)
                .headers(headers());
            match producer.send_result(record) {
                Ok(delivery) => deliveries.push(delivery),
                // The rest stays behind, in order.
                Err((error, _)) => {
                    tracing::warn!(error = %error, "Kafka's producer takes no more");
                    break;
                }
            }
        }
        faults::point("relay.events.sent").await;
        let ending = async {
            stop.cancelled().await;
            sleep(GRACE).await;
        };
        let outcomes = tokio::select! {
            outcomes = join_all(deliveries) => outcomes,
            () = ending => {
                producer.purge(PurgeConfig::default().queue().inflight());
                return Ok(None);
            }
        };
        let mut published = Vec::with_capacity(batch.len());
        let mut broken = HashSet::new();
        for ((event, span), outcome) in batch.iter().zip(spans).zip(outcomes) {
            let reason = match outcome {
                Ok(Ok(_)) if !broken.contains(&(&event.topic, event.key)) => {
                    published.push(event.seq);
                    continue;
                }
                // Delivered, but something before it was not: it is sent again, behind that.
                Ok(Ok(_)) => continue,
                Ok(Err((error, _))) => {
                    if error.rdkafka_error_code().is_some_and(is_of_the_topic) {
                        self.refused
                            .insert(event.topic.clone(), Instant::now() + REFUSED);
                    }
                    error.to_string()
                }
                Err(_) => "the producer is gone".to_owned(),
            };
            tracing::warn!(
                event.topic = event.topic,
                error = reason,
                "Kafka refused an event, which is sent again"
            );
            span.record("otel.status_code", "ERROR");
            broken.insert((&event.topic, event.key));
        }
        if published.len() == batch.len() {
            self.producer = Some(producer);
        } else {
            // Nothing of a producer that failed may arrive later.
            self.ctx.metrics().producer_resets.inc();
            producer.purge(PurgeConfig::default().queue().inflight());
        }
        Ok(Some(published))
    }
}

/// Whether other topics may do better.
fn is_of_the_topic(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::UnknownTopic
            | Code::UnknownTopicOrPartition
            | Code::UnknownPartition
            | Code::TopicAuthorizationFailed
            | Code::InvalidTopic
            | Code::MessageSizeTooLarge
            | Code::PolicyViolation
    )
}
