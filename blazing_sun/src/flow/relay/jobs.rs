//! The pump of the jobs.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation};
use serde::Serialize;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::Span;
use tracing::field::Empty;
use uuid::Uuid;

use crate::flow::ctx::{Ctx, Wakeups};
use crate::flow::faults;
use crate::flow::job::Ticket;
use crate::flow::jobs::{self, Due};
use crate::flow::lease::Term;
use crate::flow::relay::{Pump, Step, note_batch};
use crate::flow::trace;
use crate::infra::rabbitmq::{JOBS, JOBS_FAILED, RabbitMq};
use crate::infra::traces::EXPORTED;

/// The most tickets in flight.
const BATCH: i64 = 500;
/// The most tickets that the broker holds; what is more urgent than them need not wait behind more.
const WINDOW: i64 = 5000;
/// How long the broker may take to confirm a batch before it counts as unsent.
const CONFIRMING: Duration = Duration::from_secs(10);
/// How often jobs that got lost are looked for. Dead entries make that slow: up to the longest pause it may take a twentieth
/// of the time at most.
const SWEEPS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(20));
/// AMQP: the message survives a restart of the broker.
const PERSISTENT: u8 = 2;

/// What carries jobs to their workers.
pub enum JobsCarrier {
    /// RabbitMQ. A ticket that nobody has used after `resend_after`, and that is not in the queue any more, is sent again.
    RabbitMq {
        /// The connection to publish on.
        connection: Arc<RabbitMq>,
        /// The patience with a ticket.
        resend_after: TimeDelta,
    },
    /// Nothing: workers claim from the table.
    Postgres,
}

/// A message to publish.
struct Message {
    id: Uuid,
    name: String,
    priority: i16,
    body: Vec<u8>,
}

impl Message {
    fn new(id: Uuid, name: &str, priority: i16, body: &impl Serialize) -> serde_json::Result<Self> {
        Ok(Self {
            id,
            name: name.to_owned(),
            priority,
            body: serde_json::to_vec(body)?,
        })
    }
}

/// What a collector is told of a ticket's way to the broker, as part of the job's trace.
fn sending(due: &Due) -> Span {
    let span = tracing::info_span!(
        target: EXPORTED,
        "send",
        otel.name = format!("send {JOBS}"),
        otel.kind = "producer",
        messaging.system = "rabbitmq",
        "messaging.operation.type" = "send",
        messaging.operation.name = "send",
        messaging.destination.name = JOBS,
        messaging.message.id = %due.ticket.id,
        job.name = due.ticket.name,
        otel.status_code = Empty,
    );
    trace::continue_in(&span, due.traceparent.as_deref());
    span
}

/// Sends the tickets of due jobs, and looks after those that got lost.
pub struct Jobs {
    ctx: Ctx,
    carrier: JobsCarrier,
    channel: Option<Channel>,
    /// The broker holds no older ticket, as the last sweep saw it.
    sent_since: DateTime<Utc>,
    next_sweep: Instant,
}

impl Pump for Jobs {
    const NAME: &'static str = "jobs";

    fn wakeup<'a>(&self, wakeups: &'a Wakeups) -> Option<&'a Notify> {
        // Without a broker the signal is the worker's.
        (!matches!(self.carrier, JobsCarrier::Postgres)).then_some(&wakeups.jobs)
    }

    async fn step(&mut self, term: Term, _stop: &CancellationToken) -> anyhow::Result<Step> {
        let began = Instant::now();
        if began >= self.next_sweep {
            self.sweep().await?;
            let pause = (began.elapsed() * 20).clamp(SWEEPS.0, SWEEPS.1);
            self.next_sweep = Instant::now() + pause;
        }
        if matches!(self.carrier, JobsCarrier::Postgres) {
            return Ok(Step::Carried(0));
        }
        let began = Instant::now();
        let (pool, now) = (self.ctx.pool().clone(), self.ctx.now());
        let mut due = jobs::due(&pool, now, BATCH).await?;
        if !due.is_empty() {
            let room = WINDOW - jobs::sent_count(&pool, self.sent_since).await?;
            due.truncate(usize::try_from(room).unwrap_or(0));
        }
        if due.is_empty() {
            return Ok(Step::Carried(0));
        }
        let messages: Result<Vec<_>, _> = due
            .iter()
            .map(|due| Message::new(due.ticket.id, &due.ticket.name, due.priority, &due.ticket))
            .collect();
        let spans: Vec<Span> = due.iter().map(sending).collect();
        let confirmed = self.publish(JOBS, &messages?).await?;
        for (span, confirmed) in spans.into_iter().zip(&confirmed) {
            if !*confirmed {
                span.record("otel.status_code", "ERROR");
            }
        }
        faults::point("relay.jobs.confirmed").await;
        let sent: Vec<Ticket> = due
            .into_iter()
            .zip(confirmed)
            .filter_map(|(due, confirmed)| confirmed.then_some(due.ticket))
            .collect();
        if !jobs::settle_sent(&pool, term, &sent, now).await? {
            return Ok(Step::Deposed);
        }
        faults::point("relay.jobs.settled").await;
        note_batch(&self.ctx, "job", sent.len(), began);
        Ok(Step::Carried(sent.len()))
    }
}

impl Jobs {
    /// A pump that has looked at nothing yet.
    #[must_use]
    pub fn new(ctx: Ctx, carrier: JobsCarrier) -> Self {
        Self {
            ctx,
            carrier,
            channel: None,
            sent_since: DateTime::UNIX_EPOCH,
            next_sweep: Instant::now(),
        }
    }

    /// Looks after jobs whose worker died, and after tickets that the broker lost.
    ///
    /// Old tickets alone prove nothing: the queue may be long. Only if it holds fewer messages than tickets are overdue,
    /// some are gone; which ones cannot be told, and a copy too many is dropped when it is claimed.
    pub async fn sweep(&mut self) -> anyhow::Result<()> {
        let (pool, now) = (self.ctx.pool().clone(), self.ctx.now());
        let lost = jobs::take_back(&pool, now).await?;
        if lost > 0 {
            tracing::warn!(
                jobs.count = lost,
                "jobs were taken back from workers that died or hang"
            );
        }
        let JobsCarrier::RabbitMq { resend_after, .. } = &self.carrier else {
            return Ok(());
        };
        let before = now - *resend_after;
        self.report().await?;
        self.sent_since = jobs::oldest_sent(&pool).await?.unwrap_or(now);
        let overdue = jobs::overdue_count(&pool, before).await?;
        if overdue > 0 && i64::from(self.queue_length().await?) < overdue {
            let resent = jobs::resend(&pool, before).await?;
            tracing::warn!(jobs.count = resent, "tickets got lost and are sent again");
        }
        Ok(())
    }

    /// Leaves a copy of each job that was given up in `jobs_failed`, for people who watch the queues.
    async fn report(&mut self) -> anyhow::Result<()> {
        let pool = self.ctx.pool().clone();
        let failed = jobs::unreported(&pool, BATCH).await?;
        if failed.is_empty() {
            return Ok(());
        }
        let messages: Result<Vec<_>, _> = failed
            .iter()
            .map(|job| Message::new(job.id, &job.name, 0, job))
            .collect();
        let confirmed = self.publish(JOBS_FAILED, &messages?).await?;
        let reported: Vec<Uuid> = failed
            .iter()
            .zip(confirmed)
            .filter_map(|(job, confirmed)| confirmed.then_some(job.id))
            .collect();
        jobs::settle_reported(&pool, &reported).await?;
        Ok(())
    }

    /// Publishes, and says of each message whether it lies in the queue for certain. If that cannot be told, none counts.
    async fn publish(&mut self, queue: &str, messages: &[Message]) -> anyhow::Result<Vec<bool>> {
        let channel = self.channel().await?;
        let publishing = async {
            let mut confirms = Vec::with_capacity(messages.len());
            for message in messages {
                let properties = BasicProperties::default()
                    .with_content_type("application/json".into())
                    .with_delivery_mode(PERSISTENT)
                    .with_priority(u8::try_from(message.priority).unwrap_or(0))
                    .with_message_id(message.id.to_string().into())
                    .with_type(message.name.as_str().into());
                let options = BasicPublishOptions {
                    mandatory: true,
                    ..BasicPublishOptions::default()
                };
                let publish = channel.basic_publish(
                    "".into(),
                    queue.into(),
                    options,
                    &message.body,
                    properties,
                );
                confirms.push(publish.await?);
            }
            faults::point("relay.jobs.sent").await;
            join_all(confirms)
                .await
                .into_iter()
                .collect::<lapin::Result<Vec<_>>>()
        };
        let confirmations = match timeout(CONFIRMING, publishing).await {
            Ok(Ok(confirmations)) => confirmations,
            Ok(Err(error)) => return Err(self.disconnect(error.into()).await),
            Err(elapsed) => return Err(self.disconnect(elapsed.into()).await),
        };
        // A message that no queue takes is acknowledged too, and comes back.
        let taken: Vec<bool> = confirmations
            .iter()
            .map(|confirmation| matches!(confirmation, Confirmation::Ack(None)))
            .collect();
        let sent = taken.iter().filter(|taken| **taken).count();
        let relayed = &self.ctx.metrics().relayed;
        relayed
            .with_label_values(&["job", "sent"])
            .inc_by(sent as u64);
        relayed
            .with_label_values(&["job", "refused"])
            .inc_by((taken.len() - sent) as u64);
        if sent < taken.len() {
            // Perhaps the queue is gone: a new channel declares it.
            let error = anyhow::anyhow!(
                "RabbitMQ took {sent} of {} messages for {queue}",
                taken.len()
            );
            let error = self.disconnect(error).await;
            if sent == 0 {
                return Err(error);
            }
            tracing::warn!(error = %error, "RabbitMQ refused messages, which are sent again");
        }
        Ok(taken)
    }

    async fn queue_length(&mut self) -> anyhow::Result<u32> {
        let passive = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let channel = self.channel().await?;
        let asking = channel.queue_declare(JOBS.into(), passive, FieldTable::default());
        match timeout(CONFIRMING, asking).await {
            Ok(Ok(queue)) => Ok(queue.message_count()),
            Ok(Err(error)) => Err(self.disconnect(error.into()).await),
            Err(elapsed) => Err(self.disconnect(elapsed.into()).await),
        }
    }

    async fn channel(&mut self) -> anyhow::Result<Channel> {
        if let Some(channel) = self
            .channel
            .as_ref()
            .filter(|channel| channel.status().connected())
        {
            return Ok(channel.clone());
        }
        let JobsCarrier::RabbitMq { connection, .. } = &self.carrier else {
            anyhow::bail!("jobs are not carried by RabbitMQ");
        };
        let opening = async {
            let channel = connection.jobs_channel().await?;
            channel
                .confirm_select(ConfirmSelectOptions::default())
                .await?;
            anyhow::Ok(channel)
        };
        match timeout(CONFIRMING, opening).await {
            Ok(Ok(channel)) => Ok(self.channel.insert(channel).clone()),
            Ok(Err(error)) => Err(self.disconnect(error).await),
            Err(elapsed) => Err(self.disconnect(elapsed.into()).await),
        }
    }

    /// Gives a connection up that did not do its work.
    async fn disconnect(&mut self, error: anyhow::Error) -> anyhow::Error {
        self.channel = None;
        if let JobsCarrier::RabbitMq { connection, .. } = &self.carrier {
            connection.forget().await;
        }
        error
    }
}
