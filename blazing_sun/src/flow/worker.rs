//! Runs jobs: ticket -> claim -> `Job::run` -> done.
//!
//! The claim decides who runs an attempt, and is made before anything else: a job that kills its worker has its attempt
//! counted. The effect and `done` commit together; the ticket is acknowledged last.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use chrono::TimeDelta;
use futures_util::{FutureExt, StreamExt};
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::field::Empty;
use uuid::Uuid;

use crate::flow::catalogue::Catalogue;
use crate::flow::consumer::Record;
use crate::flow::ctx::Ctx;
use crate::flow::dead_letter;
use crate::flow::faults::{self, Mistake};
use crate::flow::job::{JobError, Run, Ticket};
use crate::flow::jobs::{self, Claimed, Verdict};
use crate::flow::trace::Work;
use crate::infra::postgres;
use crate::infra::rabbitmq::{JOBS, RabbitMq};
use crate::infra::traces::EXPORTED;

/// How long a worker is believed to live that says nothing: so long its jobs wait if it is killed.
const LEASE: TimeDelta = TimeDelta::seconds(20);
/// How often a worker says of a job that it is still at it.
const RENEWAL: Duration = Duration::from_secs(5);
/// The pause while a service is away.
const AWAY: Duration = Duration::from_secs(1);
/// The shortest and the longest pause between two looks at an idle table.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(50));
/// How long opening a channel may take.
const OPENING: Duration = Duration::from_secs(10);
/// The name under which unreadable messages are kept as dead letters.
const NAME: &str = "worker";

/// What became of a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The job is done.
    Done,
    /// It failed and is tried again.
    Retried,
    /// It failed and was given up.
    Failed,
    /// Its worker was taken for dead, and another has the job.
    Lost,
    /// The ticket is a copy of one that was used.
    Repeated,
    /// It is not a ticket; it was kept as a dead letter.
    Unreadable,
}

impl Outcome {
    /// How an attempt ends.
    const ENDS: [Self; 4] = [Self::Done, Self::Retried, Self::Failed, Self::Lost];

    fn label(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Retried => "retried",
            Self::Failed => "failed",
            Self::Lost => "lost",
            Self::Repeated => "repeated",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Runs jobs, several at a time.
#[derive(Clone)]
pub struct Worker {
    ctx: Ctx,
    catalogue: Arc<Catalogue>,
    concurrency: u16,
}

impl Worker {
    /// A worker that runs `concurrency` jobs at a time.
    #[must_use]
    pub fn new(ctx: Ctx, catalogue: Arc<Catalogue>, concurrency: u16) -> Self {
        let attempts = &ctx.metrics().job_attempts;
        for job in catalogue.jobs() {
            for outcome in Outcome::ENDS {
                attempts.with_label_values(&[job.name, outcome.label()]);
            }
        }
        Self {
            ctx,
            catalogue,
            concurrency,
        }
    }

    /// Takes tickets from RabbitMQ until `stop`; jobs that were begun are finished.
    pub async fn run_rabbitmq(self, connection: Arc<RabbitMq>, stop: CancellationToken) {
        let tracker = TaskTracker::new();
        while !stop.is_cancelled() {
            if let Err(error) = self.consume(&connection, &tracker, &stop).await {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "the worker lost RabbitMQ and tries again"
                );
                connection.forget().await;
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = sleep(AWAY) => {}
                }
            }
        }
        tracker.close();
        tracker.wait().await;
        connection.close().await;
    }

    async fn consume(
        &self,
        connection: &RabbitMq,
        tracker: &TaskTracker,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let (channel, mut consumer) = timeout(OPENING, self.subscribe(connection)).await??;
        loop {
            let delivery = tokio::select! {
                () = stop.cancelled() => break,
                delivery = consumer.next() => delivery.context("the queue is gone")??,
            };
            let (worker, stop) = (self.clone(), stop.clone());
            tracker.spawn(async move {
                if let Err(error) = worker.handle(&delivery, &stop).await {
                    tracing::warn!(
                        error = format!("{error:#}"),
                        "a ticket was left to be delivered again"
                    );
                }
            });
        }
        // Tickets that were fetched and not begun go back to the queue, while those that were begun keep their channel: with
        // it they would go back too.
        let giving_back = async {
            let tag = consumer.tag();
            channel
                .basic_cancel(tag, BasicCancelOptions::default())
                .await?;
            while let Some(delivery) = consumer.next().await {
                let requeue = BasicNackOptions {
                    requeue: true,
                    ..BasicNackOptions::default()
                };
                delivery?.nack(requeue).await?;
            }
            lapin::Result::Ok(())
        };
        timeout(OPENING, giving_back).await??;
        tracker.close();
        tracker.wait().await;
        Ok(())
    }

    /// A channel, and a consumer on it that fetches as many tickets as jobs may run.
    pub async fn subscribe(&self, connection: &RabbitMq) -> anyhow::Result<(Channel, Consumer)> {
        let channel = connection.jobs_channel().await?;
        channel
            .basic_qos(self.concurrency, BasicQosOptions::default())
            .await?;
        let consumer = channel
            .basic_consume(
                JOBS.into(),
                "".into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await?;
        Ok((channel, consumer))
    }

    /// Deals with one message, and acknowledges it when nothing more depends on it.
    pub async fn handle(
        &self,
        delivery: &Delivery,
        stop: &CancellationToken,
    ) -> anyhow::Result<Outcome> {
        let outcome = match Ticket::parse(&delivery.data) {
            Ok(ticket) => {
                if faults::makes(Mistake::AcknowledgeFirst) {
                    delivery.ack(BasicAckOptions::default()).await?;
                }
                self.work(&ticket, "rabbitmq", stop).await?
            }
            Err(error) => {
                let error = error.to_string();
                insist(stop, || self.keep_unreadable(delivery, &error)).await?;
                Outcome::Unreadable
            }
        };
        if !faults::makes(Mistake::AcknowledgeFirst) {
            delivery.ack(BasicAckOptions::default()).await?;
        }
        Ok(outcome)
    }

    /// Takes due jobs from the table until `stop`; jobs that were begun are finished.
    pub async fn run_postgres(self, stop: CancellationToken) {
        let tracker = TaskTracker::new();
        let slots = Arc::new(Semaphore::new(self.concurrency.into()));
        let mut pause = PAUSES.0;
        while !stop.is_cancelled() {
            match self.claim_due(&slots, &tracker, &stop).await {
                Ok(0) => {
                    tokio::select! {
                        () = stop.cancelled() => {}
                        // Nobody woke it: it looks by itself.
                        _ = timeout(pause, self.ctx.wakeups().jobs.notified()) => {}
                    }
                    pause = PAUSES.1.min(pause * 2);
                }
                Ok(_) => pause = PAUSES.0,
                Err(error) => {
                    tracing::warn!(
                        error = format!("{error:#}"),
                        "the worker lost PostgreSQL and tries again"
                    );
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = sleep(AWAY) => {}
                    }
                }
            }
        }
        tracker.close();
        tracker.wait().await;
    }

    /// Claims as many due jobs as there are free slots, and begins them. Returns how many.
    async fn claim_due(
        &self,
        slots: &Arc<Semaphore>,
        tracker: &TaskTracker,
        stop: &CancellationToken,
    ) -> anyhow::Result<usize> {
        let slot = tokio::select! {
            () = stop.cancelled() => return Ok(0),
            slot = Arc::clone(slots).acquire_owned() => slot?,
        };
        let mut free = vec![slot];
        while let Ok(slot) = Arc::clone(slots).try_acquire_owned() {
            free.push(slot);
        }
        let mut begun = 0;
        for due in jobs::due(self.ctx.pool(), self.ctx.now(), free.len() as i64).await? {
            let Some(claimed) = self.claim(&due.ticket).await? else {
                continue;
            };
            let (worker, slot) = (self.clone(), free.pop());
            begun += 1;
            tracker.spawn(async move {
                worker.attempt(claimed, "postgresql").await;
                drop(slot);
            });
        }
        Ok(begun)
    }

    /// Runs the most urgent due job, if there is one. For tests, which step through the jobs.
    pub async fn work_next(&self) -> anyhow::Result<Option<Outcome>> {
        match jobs::due(self.ctx.pool(), self.ctx.now(), 1).await?.pop() {
            Some(due) => Ok(Some(
                self.work(&due.ticket, "postgresql", &CancellationToken::new())
                    .await?,
            )),
            None => Ok(None),
        }
    }

    /// Claims a ticket's job and runs it.
    async fn work(
        &self,
        ticket: &Ticket,
        carrier: &'static str,
        stop: &CancellationToken,
    ) -> anyhow::Result<Outcome> {
        Ok(match insist(stop, || self.claim(ticket)).await? {
            Some(claimed) => self.attempt(claimed, carrier).await,
            None => Outcome::Repeated,
        })
    }

    async fn claim(&self, ticket: &Ticket) -> sqlx::Result<Option<Claimed>> {
        jobs::claim(self.ctx.pool(), ticket, self.ctx.now() + LEASE).await
    }

    /// Renews the lease of a job that takes its time, until somebody else has the job. While PostgreSQL is away it may be
    /// taken away; whoever finishes it finds out.
    async fn keep(&self, id: Uuid, attempt: i32) {
        loop {
            sleep(RENEWAL).await;
            let renewing = jobs::renew(self.ctx.pool(), id, attempt, self.ctx.now() + LEASE);
            match postgres::within(RENEWAL, renewing).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(job.id = %id, error = %error, "the lease of a job was not renewed");
                }
            }
        }
    }

    /// Runs a claimed attempt that a carrier brought, in the trace of the request that set it off.
    async fn attempt(&self, mut claimed: Claimed, carrier: &'static str) -> Outcome {
        let name = self
            .catalogue
            .find_job(&claimed.name)
            .map_or("unknown", |job| job.name);
        let exported = tracing::info_span!(
            target: EXPORTED,
            "process",
            otel.name = format!("process {JOBS}"),
            otel.kind = "consumer",
            messaging.system = carrier,
            "messaging.operation.type" = "process",
            messaging.operation.name = "process",
            messaging.destination.name = JOBS,
            messaging.message.id = %claimed.id,
            request.id = claimed.cause.correlation,
            job.name = name,
            job.attempt = claimed.attempt,
            job.outcome = Empty,
            otel.status_code = Empty,
        );
        let parent = claimed.cause.traceparent.take();
        let work = Work::begin(&claimed.cause.correlation, parent.as_deref(), exported);
        claimed.cause.traceparent = Some(work.traceparent().to_owned());
        let outcome = work.run(self.attempt_as(name, claimed)).await;
        work.exported().record("job.outcome", outcome.label());
        if outcome != Outcome::Done {
            work.exported().record("otel.status_code", "ERROR");
        }
        outcome
    }

    /// Runs a claimed attempt and notes what became of it. If that cannot be noted, the lease runs out.
    async fn attempt_as(&self, name: &'static str, claimed: Claimed) -> Outcome {
        let metrics = self.ctx.metrics();
        let wait = (self.ctx.now() - claimed.due_since).max(TimeDelta::zero());
        metrics
            .job_wait
            .with_label_values(&[name])
            .observe(wait.as_seconds_f64());
        let started = Instant::now();
        let (id, attempt) = (claimed.id, claimed.attempt);
        let outcome = match self.try_once(claimed).await {
            Ok(true) => Outcome::Done,
            Ok(false) => Outcome::Lost,
            Err(error) => {
                let discard = matches!(error, JobError::Discard(_));
                let reason = error.to_string();
                tracing::warn!(job.id = %id, job.name = name, job.attempt = attempt, error = reason, "an attempt at a job failed");
                let noted = jobs::fail(
                    self.ctx.pool(),
                    id,
                    attempt,
                    self.ctx.now(),
                    discard,
                    &reason,
                )
                .await;
                match noted {
                    Ok(Verdict::Retried) => Outcome::Retried,
                    Ok(Verdict::Failed) => Outcome::Failed,
                    Ok(Verdict::Lost) => Outcome::Lost,
                    Err(error) => {
                        tracing::warn!(job.id = %id, error = %error, "a failed attempt was not noted; its lease will run out");
                        Outcome::Lost
                    }
                }
            }
        };
        let took = started.elapsed().as_secs_f64();
        metrics
            .job_duration
            .with_label_values(&[name])
            .observe(took);
        metrics
            .job_attempts
            .with_label_values(&[name, outcome.label()])
            .inc();
        outcome
    }

    /// Runs an attempt within its time. `false`: the job was taken away meanwhile, and nothing was committed.
    async fn try_once(&self, claimed: Claimed) -> Result<bool, JobError> {
        let Some(job) = self.catalogue.find_job(&claimed.name) else {
            // A newer build may know it.
            return Err(JobError::Retry(format!(
                "this build does not know the job {}",
                claimed.name
            )));
        };
        if faults::makes(Mistake::AcknowledgeFirst) {
            let mut connection = self.ctx.pool().acquire().await?;
            jobs::finish(&mut connection, claimed.id, claimed.attempt, self.ctx.now()).await?;
        }
        faults::point("worker.claimed").await;
        let mut run = Run::new(self.ctx.clone(), claimed.cause, claimed.id, claimed.attempt);
        let running = AssertUnwindSafe(job.run(claimed.payload, &mut run)).catch_unwind();
        let ended = tokio::select! {
            ended = timeout(job.timeout, running) => ended,
            () = self.keep(claimed.id, claimed.attempt) => return Ok(false),
        };
        match ended {
            Ok(Ok(result)) => result?,
            Ok(Err(_panic)) => return Err(JobError::Retry("it panicked".to_owned())),
            Err(_elapsed) => {
                return Err(JobError::Retry(format!(
                    "it took longer than {} s",
                    job.timeout.as_secs()
                )));
            }
        }
        faults::point("worker.ran").await;
        let mut tx = run.into_tx().await?;
        let now = tx.now();
        if !faults::makes(Mistake::AcknowledgeFirst)
            && !jobs::finish(tx.conn(), claimed.id, claimed.attempt, now).await?
        {
            tx.rollback().await?;
            return Ok(false);
        }
        faults::point("worker.finished").await;
        tx.commit().await?;
        faults::point("worker.committed").await;
        Ok(true)
    }

    async fn keep_unreadable(&self, delivery: &Delivery, error: &str) -> sqlx::Result<()> {
        let record = Record {
            topic: JOBS.to_owned(),
            partition: None,
            // The queue numbers nothing; a delivery's number is the channel's.
            offset: i64::try_from(delivery.delivery_tag).unwrap_or(i64::MAX),
            key: None,
            value: delivery.data.clone(),
        };
        let mut connection = self.ctx.pool().acquire().await?;
        dead_letter::keep_unreadable(&mut connection, NAME, &record, error).await?;
        tracing::warn!(
            message.bytes = record.value.len(),
            "a message is not a ticket and was kept as a dead letter"
        );
        Ok(())
    }
}

/// Tries until PostgreSQL answers, or until `stop`. Meanwhile the ticket waits: nobody would bring one again that was
/// dropped without an answer to the queue.
async fn insist<T, F>(stop: &CancellationToken, question: impl Fn() -> F) -> sqlx::Result<T>
where
    F: Future<Output = sqlx::Result<T>>,
{
    loop {
        match question().await {
            Err(error) if !stop.is_cancelled() => {
                tracing::warn!(error = %error, "PostgreSQL is away, a ticket waits");
                sleep(AWAY).await;
            }
            answer => return answer,
        }
    }
}
