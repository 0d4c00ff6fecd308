//! Carries what is committed: events from the outbox to Kafka, due jobs to RabbitMQ. One relay leads at a time; a crash
//! between sending and settling only sends again, and the inbox and the claim absorb that.

mod events;
mod jobs;
pub mod waiting;

use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::flow::ctx::{Ctx, Wakeups};
#[cfg(feature = "chaos")]
use crate::flow::faults;
use crate::flow::lease::{Lease, Term, Work};
use crate::infra::seldom::Seldom;
pub use events::{Events, EventsCarrier};
pub use jobs::{Jobs, JobsCarrier};

/// The shortest and the longest pause between two looks at an idle table, if nobody wakes the relay.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(50));
/// The longest pause if the look itself was slow, as it may be behind dead rows: up to a quarter of this pause it takes a fifth
/// of the time at most.
const SLOW_PAUSE: Duration = Duration::from_secs(1);
/// The pause after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

static FAILURES: Seldom = Seldom::new();

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It carried this many.
    Carried(usize),
    /// Another relay leads.
    Deposed,
}

/// One of the relay's two halves.
trait Pump: Send {
    /// Its name in the logs.
    const NAME: &'static str;

    /// What wakes it, if anything does.
    fn wakeup<'a>(&self, wakeups: &'a Wakeups) -> Option<&'a Notify>;

    /// Carries one batch.
    fn step(
        &mut self,
        term: Term,
        stop: &CancellationToken,
    ) -> impl Future<Output = anyhow::Result<Step>> + Send;
}

/// The two pumps under one lease.
pub struct Relay {
    ctx: Ctx,
    lease: Lease,
    pumps: Pumps,
}

struct Pumps {
    ctx: Ctx,
    events: Events,
    jobs: Jobs,
}

impl Relay {
    /// A candidate for leading.
    #[must_use]
    pub fn new(ctx: Ctx, events: EventsCarrier, jobs: JobsCarrier) -> Self {
        for kind in ["event", "job"] {
            for outcome in ["sent", "refused"] {
                let relayed = &ctx.metrics().relayed;
                relayed.with_label_values(&[kind, outcome]);
            }
        }
        Self {
            lease: Lease::new("relay"),
            pumps: Pumps {
                events: Events::new(ctx.clone(), events),
                jobs: Jobs::new(ctx.clone(), jobs),
                ctx: ctx.clone(),
            },
            ctx,
        }
    }

    /// Carries until `stop`; a batch in flight is finished.
    pub async fn run(mut self, stop: CancellationToken) {
        self.lease.lead(&self.ctx, &stop, &mut self.pumps).await;
    }

    /// Takes the lease, if it is free.
    pub async fn take_lease(&self) -> sqlx::Result<Option<Term>> {
        self.lease.take(self.ctx.pool()).await
    }

    /// One step of each pump: everything that is due now, up to a batch. For tests, which need no clock for it.
    pub async fn once(&mut self, term: Term) -> anyhow::Result<(Step, Step)> {
        let stop = CancellationToken::new();
        let events = self.pumps.events.step(term, &stop).await?;
        Ok((events, self.pumps.jobs.step(term, &stop).await?))
    }
}

impl Work for Pumps {
    async fn work(&mut self, term: Term, stop: &CancellationToken) {
        let pumping = async {
            tokio::join!(
                pump(&mut self.events, &self.ctx, term, stop),
                pump(&mut self.jobs, &self.ctx, term, stop),
            )
        };
        tokio::select! {
            _ = pumping => {}
            () = waiting::keep_telling(&self.ctx) => {}
        }
    }

    fn stand_down(&mut self) {
        let metrics = self.ctx.metrics();
        metrics.outbox_events.clear();
        metrics.outbox_oldest_age.clear();
        metrics.jobs.clear();
    }
}

/// Measures a batch that was carried.
fn note_batch(ctx: &Ctx, kind: &str, carried: usize, began: Instant) {
    let metrics = ctx.metrics();
    let labels = &[kind];
    let records = metrics.batch_records.with_label_values(labels);
    records.observe(carried as f64);
    let duration = metrics.batch_duration.with_label_values(labels);
    duration.observe(began.elapsed().as_secs_f64());
}

/// Steps until `stop` or until another relay leads. Idle, it looks less and less often; a signal wakes it at once.
async fn pump<P: Pump>(pump: &mut P, ctx: &Ctx, term: Term, stop: &CancellationToken) {
    let mut pause = PAUSES.0;
    while !stop.is_cancelled() {
        #[cfg(feature = "chaos")]
        let term = if faults::makes(faults::Mistake::IgnoreEpoch) {
            term.of_whoever_leads(ctx.pool()).await
        } else {
            term
        };
        let began = Instant::now();
        match pump.step(term, stop).await {
            Ok(Step::Deposed) => return,
            Ok(Step::Carried(0)) => {
                let slow = SLOW_PAUSE.min(began.elapsed() * 4);
                pause = PAUSES.1.min(pause * 2).max(slow);
            }
            Ok(Step::Carried(_)) => {
                pause = PAUSES.0;
                continue;
            }
            Err(error) => {
                let error = format!("{error:#}");
                if let Some(suppressed) = FAILURES.again(&format!("{} {error}", P::NAME)) {
                    tracing::warn!(
                        relay.pump = P::NAME,
                        error,
                        suppressed,
                        "the relay failed and tries again"
                    );
                }
                pause = AFTER_FAILURE;
            }
        }
        let woken = async {
            match pump.wakeup(ctx.wakeups()) {
                Some(wakeup) => wakeup.notified().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            // Nobody woke it: it looks by itself.
            _ = timeout(pause, woken) => {}
        }
    }
}
