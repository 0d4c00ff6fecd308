//! How much is measured, and how a rate is taken.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::bail;
use futures_util::future::try_join_all;
use tokio::time::{Instant, sleep};

use crate::Args;

/// How long nothing may happen before a measurement is given up.
const STALLED: Duration = Duration::from_secs(60);
/// What passes before the clock starts.
pub const WARM: Duration = Duration::from_secs(1);
/// How often a counter is looked at.
const LOOK: Duration = Duration::from_millis(1);

/// How much is measured.
pub struct Sizes {
    /// Rounds of each pair.
    pub rounds: usize,
    /// Events before the clock starts, and until it stops.
    pub events: Span,
    /// The same for jobs. More than the broker's window, so that the steady state is measured.
    pub jobs: Span,
    /// Seconds at each rate of events, and with each kind of sign-up.
    pub seconds: u64,
    /// As many events as take several seconds, so that what the relay does every few seconds has its part in them.
    pub many_events: Span,
    /// The same for jobs.
    pub many_jobs: Span,
    /// Rows of backlog.
    pub backlog: i64,
    /// Transactions in a large book.
    pub transactions: u32,
    /// Books beside it.
    pub others: u32,
}

/// A part of a long run.
#[derive(Clone, Copy)]
pub struct Span {
    /// What is let pass before.
    pub warm: u64,
    /// What is timed.
    pub timed: u64,
}

impl Span {
    /// Rows that a round needs, so that its last timed ones are not its last ones.
    pub fn rows(self, spare: u64) -> i64 {
        i64::try_from(self.warm + self.timed + spare).unwrap_or(i64::MAX)
    }
}

impl Sizes {
    pub fn of(args: &Args) -> Self {
        let mut sizes = if args.quick {
            Self {
                rounds: 1,
                events: Span {
                    warm: 1000,
                    timed: 2000,
                },
                jobs: Span {
                    warm: 100,
                    timed: 300,
                },
                seconds: 2,
                many_events: Span {
                    warm: 1000,
                    timed: 8000,
                },
                many_jobs: Span {
                    warm: 100,
                    timed: 600,
                },
                backlog: 20_000,
                transactions: 20_000,
                others: 100,
            }
        } else {
            Self {
                rounds: 5,
                events: Span {
                    warm: 5000,
                    timed: 30_000,
                },
                jobs: Span {
                    warm: 1000,
                    timed: 6000,
                },
                seconds: 6,
                many_events: Span {
                    warm: 5000,
                    timed: 150_000,
                },
                many_jobs: Span {
                    warm: 2000,
                    timed: 20_000,
                },
                backlog: 1_000_000,
                transactions: 1_000_000,
                others: 10_000,
            }
        };
        sizes.rounds = args.rounds.unwrap_or(sizes.rounds);
        sizes.backlog = args.backlog.unwrap_or(sizes.backlog);
        sizes
    }
}

/// How many a second a counter rises, from the first look at which it has passed `warm` to the first one at which
/// `timed` more are done.
pub async fn rate(span: Span, counter: impl Fn() -> u64) -> anyhow::Result<f64> {
    let mut started: Option<(Instant, u64)> = None;
    let (mut last, mut moved) = (0, Instant::now());
    loop {
        let (now, count) = (Instant::now(), counter());
        if count > last {
            (last, moved) = (count, now);
        } else if now - moved > STALLED {
            bail!(
                "nothing happened for {} s, after {count}",
                STALLED.as_secs()
            );
        }
        match started {
            None if count >= span.warm => started = Some((now, count)),
            Some((since, from)) if count >= from + span.timed => {
                return Ok((count - from) as f64 / (now - since).as_secs_f64());
            }
            _ => {}
        }
        sleep(LOOK).await;
    }
}

/// How often a second all clients did their work, without the first second.
pub async fn repeat<C>(
    seconds: u64,
    clients: Vec<C>,
    once: impl AsyncFn(&mut C) -> anyhow::Result<()>,
) -> anyhow::Result<f64> {
    let done = AtomicU64::new(0);
    let until = Instant::now() + WARM + Duration::from_secs(seconds);
    let working = clients.into_iter().map(async |mut client| {
        while Instant::now() < until {
            once(&mut client).await?;
            done.fetch_add(1, Ordering::Relaxed);
        }
        anyhow::Ok(())
    });
    let counting = async {
        sleep(WARM).await;
        let (started, before) = (Instant::now(), done.load(Ordering::Relaxed));
        sleep(Duration::from_secs(seconds)).await;
        anyhow::Ok((done.load(Ordering::Relaxed) - before) as f64 / started.elapsed().as_secs_f64())
    };
    let (_, rate) = tokio::try_join!(try_join_all(working), counting)?;
    Ok(rate)
}
