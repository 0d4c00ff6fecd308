//! What happens by the clock: a schedule enqueues a job whenever its cron expression says so (UTC).
//!
//! The row of a schedule holds its next time. Whoever moves it on, in the transaction that enqueues, has fired it: two
//! schedulers cannot fire it twice, even if both believe to lead.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use croner::Cron;
use croner::errors::CronError;
use futures_util::future::BoxFuture;
use sqlx::PgPool;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::flow::ctx::{Cause, Ctx, Tx};
use crate::flow::job::Job;
use crate::flow::lease::{Lease, Term, Work};
use crate::flow::outbox::{self, Refused};

/// How often the clock is looked at.
const TICK: Duration = Duration::from_secs(1);
/// The most missed times that one step makes up for.
const CATCH_UP: usize = 1000;

/// What happens after times that nobody was there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// The job runs once, however many times were missed.
    Once,
    /// The job runs once for each of them.
    Each,
    /// The job runs at the next time.
    Skip,
}

/// A job and its times.
#[derive(Clone)]
pub struct Schedule {
    name: &'static str,
    pattern: &'static str,
    cron: Cron,
    missed: Missed,
    enqueue: Enqueue,
}

type Enqueue = Arc<
    dyn for<'a> Fn(&'a mut Tx, DateTime<Utc>) -> BoxFuture<'a, Result<uuid::Uuid, Refused>>
        + Send
        + Sync,
>;

/// A cron expression that is not one.
#[derive(Debug, thiserror::Error)]
#[error("schedule {name}: {pattern:?} is no cron expression: {reason}")]
pub struct BadPattern {
    name: &'static str,
    pattern: &'static str,
    reason: String,
}

/// A schedule as it is listed.
#[derive(Debug)]
pub struct Listed {
    /// The frozen name.
    pub name: &'static str,
    /// Its cron expression.
    pub pattern: &'static str,
    /// What happens after missed times.
    pub missed: Missed,
    /// When it fires next; none if no scheduler has seen it yet.
    pub next_at: Option<DateTime<Utc>>,
    /// When it fired last.
    pub last_at: Option<DateTime<Utc>>,
}

impl Schedule {
    /// Declares a schedule. `job` makes the job for the time at which it is due.
    pub fn new<J: Job>(
        name: &'static str,
        pattern: &'static str,
        missed: Missed,
        job: impl Fn(DateTime<Utc>) -> J + Send + Sync + 'static,
    ) -> Result<Self, BadPattern> {
        let bad = |error: CronError| BadPattern {
            name,
            pattern,
            reason: error.to_string(),
        };
        let cron = Cron::from_str(pattern).map_err(bad)?;
        // The 30th of February is well written, and never comes.
        cron.find_next_occurrence(&DateTime::UNIX_EPOCH, false)
            .map_err(bad)?;
        Ok(Self {
            name,
            pattern,
            cron,
            missed,
            enqueue: Arc::new(move |tx, at| {
                let job = job(at);
                Box::pin(async move { outbox::enqueue(tx, &job).await })
            }),
        })
    }

    /// The frozen name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    fn next_after(&self, at: DateTime<Utc>) -> anyhow::Result<DateTime<Utc>> {
        Ok(self.cron.find_next_occurrence(&at, false)?)
    }

    /// The times from `first` on that the job has to run for now, and the next time after them.
    fn due(
        &self,
        first: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> anyhow::Result<(Vec<DateTime<Utc>>, DateTime<Utc>)> {
        match self.missed {
            Missed::Each => {
                let mut times = vec![first];
                let mut next = self.next_after(first)?;
                while next <= now && times.len() < CATCH_UP {
                    times.push(next);
                    next = self.next_after(next)?;
                }
                Ok((times, next))
            }
            Missed::Once => {
                let newest = self.cron.find_previous_occurrence(&now, true)?;
                Ok((vec![newest.max(first)], self.next_after(now)?))
            }
            Missed::Skip => {
                let next = self.next_after(now)?;
                let was_missed = now - first > TOLERANCE || self.next_after(first)? < next;
                let times = if was_missed { Vec::new() } else { vec![first] };
                Ok((times, next))
            }
        }
    }
}

/// How late a time may be fired without counting as missed.
const TOLERANCE: chrono::TimeDelta = chrono::TimeDelta::minutes(1);

/// Fires the schedules; one leads at a time.
pub struct Scheduler {
    ctx: Ctx,
    lease: Lease,
    schedules: Arc<[Schedule]>,
}

impl Scheduler {
    /// A candidate for leading.
    #[must_use]
    pub fn new(ctx: Ctx, schedules: Arc<[Schedule]>) -> Self {
        for schedule in schedules.iter() {
            ctx.metrics().fired.with_label_values(&[schedule.name]);
        }
        Self {
            ctx,
            lease: Lease::new("schedule"),
            schedules,
        }
    }

    /// Fires until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let (ctx, lease) = (self.ctx.clone(), self.lease.clone());
        lease.lead(&ctx, &stop, &mut self).await;
    }

    /// Fires what is due now, and returns how many jobs that set off. Without a term, for tests: the rows alone keep two
    /// from firing the same time.
    pub async fn once(&self, term: Option<Term>) -> anyhow::Result<usize> {
        // One look at all of them, since in most seconds none is due.
        let later = sqlx::query_scalar!(
            "SELECT name FROM schedules WHERE next_at > $1",
            self.ctx.now()
        )
        .fetch_all(self.ctx.pool())
        .await?;
        let (mut fired, mut failed) = (0, None);
        for schedule in self.schedules.iter() {
            if later.iter().any(|name| name == schedule.name) {
                continue;
            }
            // One that fails holds up no other.
            match self.fire(schedule, term).await {
                Ok(jobs) => fired += jobs,
                Err(error) => failed = Some(error.context(schedule.name)),
            }
        }
        failed.map_or(Ok(fired), Err)
    }

    async fn fire(&self, schedule: &Schedule, term: Option<Term>) -> anyhow::Result<usize> {
        let now = self.ctx.now();
        let mut tx = self
            .ctx
            .begin(Cause::new(format!("schedule:{}", schedule.name)))
            .await?;
        // A new one begins with the next time from now.
        sqlx::query!(
            "INSERT INTO schedules (name, next_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            schedule.name,
            schedule.next_after(now)?,
        )
        .execute(tx.conn())
        .await?;
        let next_at = sqlx::query_scalar!(
            "SELECT next_at FROM schedules WHERE name = $1 AND next_at <= $2 FOR UPDATE SKIP LOCKED",
            schedule.name,
            now,
        )
        .fetch_optional(tx.conn())
        .await?;
        let mut fired = 0;
        if let Some(first) = next_at {
            let (times, next) = schedule.due(first, now)?;
            for time in &times {
                (schedule.enqueue)(&mut tx, *time).await?;
            }
            fired = times.len();
            // The row itself keeps two from firing it; the epoch keeps out one who was thought to be gone.
            let moved = sqlx::query!(
                "UPDATE schedules SET next_at = $2, last_at = CASE WHEN $3 THEN $4 ELSE last_at END
                 WHERE name = $1 AND ($5::text IS NULL OR EXISTS (SELECT FROM leases WHERE name = $5 AND epoch = $6))",
                schedule.name,
                next,
                fired > 0,
                now,
                term.map(Term::name),
                term.map(Term::epoch),
            )
            .execute(tx.conn())
            .await?;
            if moved.rows_affected() == 0 {
                return Ok(0);
            }
        }
        tx.commit().await?;
        self.ctx
            .metrics()
            .fired
            .with_label_values(&[schedule.name])
            .inc_by(fired as u64);
        Ok(fired)
    }
}

impl Work for Scheduler {
    async fn work(&mut self, term: Term, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.once(Some(term)).await {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "the scheduler failed and tries again"
                );
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep(TICK) => {}
            }
        }
    }
}

/// Fires a schedule now, besides its times. Returns the job's id.
pub async fn fire_now(ctx: &Ctx, schedule: &Schedule) -> anyhow::Result<uuid::Uuid> {
    let mut tx = ctx.begin(Cause::new("operator")).await?;
    let now = tx.now();
    let job = (schedule.enqueue)(&mut tx, now).await?;
    tx.commit().await?;
    Ok(job)
}

/// All schedules, with their times.
pub async fn list(pool: &PgPool, schedules: &[Schedule]) -> sqlx::Result<Vec<Listed>> {
    let rows = sqlx::query!("SELECT name, next_at, last_at FROM schedules")
        .fetch_all(pool)
        .await?;
    Ok(schedules
        .iter()
        .map(|schedule| {
            let row = rows.iter().find(|row| row.name == schedule.name);
            Listed {
                name: schedule.name,
                pattern: schedule.pattern,
                missed: schedule.missed,
                next_at: row.map(|row| row.next_at),
                last_at: row.and_then(|row| row.last_at),
            }
        })
        .collect())
}
