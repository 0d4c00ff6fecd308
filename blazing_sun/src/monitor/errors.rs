//! Tells the failed requests of this process: some in a minute, and how many more there were.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::flow::ctx::{Cause, Ctx};
use crate::flow::outbox::{self, Refused};
use crate::monitor::events::RequestFailed;
use crate::web::failures::{Failure, Told};

/// How often it is looked whether what was held back may be told.
const TICK: Duration = Duration::from_secs(1);
/// For how long some are told.
const WINDOW: TimeDelta = TimeDelta::minutes(1);

/// Tells failures.
pub struct Errors {
    ctx: Ctx,
    process: Uuid,
    per_minute: u32,
    failures: Told,
    /// How many were told so far.
    number: i64,
    /// Since when it counts, and how many it has told since then.
    window: Option<(DateTime<Utc>, u32)>,
    /// The newest of those that could not be told, and how many there are besides.
    held: Option<Failure>,
    left_out: i64,
    /// PostgreSQL was away a moment ago.
    is_away: bool,
}

impl Errors {
    /// For the failures of a process, by the id of its start.
    #[must_use]
    pub fn new(ctx: Ctx, process: Uuid, per_minute: u32, failures: Told) -> Self {
        Self {
            ctx,
            process,
            per_minute,
            failures,
            number: 0,
            window: None,
            held: None,
            left_out: 0,
            is_away: false,
        }
    }

    /// Tells until `stop`, and then what is still there.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = ticks.tick() => self.catch_up().await,
                Some(failure) = self.failures.next() => self.take(failure).await,
            }
        }
        while let Some(failure) = self.failures.next_now() {
            self.take(failure).await;
        }
    }

    /// Tells what was held back, if it may be told by now.
    pub async fn catch_up(&mut self) {
        self.is_away = false;
        if self.may_tell()
            && let Some(failure) = self.held.take()
        {
            self.tell(failure).await;
        }
    }

    /// Tells a failure, or holds it back.
    pub async fn take(&mut self, failure: Failure) {
        if self.may_tell() {
            self.tell(failure).await;
        } else {
            self.hold(failure);
        }
    }

    fn may_tell(&mut self) -> bool {
        let now = self.ctx.now();
        let (since, told) = match self.window {
            Some((since, told)) if (TimeDelta::zero()..WINDOW).contains(&(now - since)) => {
                (since, told)
            }
            _ => (now, 0),
        };
        self.window = Some((since, told));
        told < self.per_minute && !self.is_away
    }

    fn hold(&mut self, failure: Failure) {
        if self.held.replace(failure).is_some() {
            self.left_out += 1;
        }
    }

    async fn tell(&mut self, failure: Failure) {
        self.left_out += self.failures.take_dropped();
        match self.emit(&failure).await {
            Ok(()) => {
                self.number += 1;
                self.left_out = 0;
                if let Some((_, told)) = &mut self.window {
                    *told += 1;
                }
            }
            Err(error) => {
                tracing::warn!(
                    error = %error,
                    request_id = failure.request_id,
                    "a failed request cannot be told now"
                );
                self.is_away = true;
                self.hold(failure);
            }
        }
    }

    async fn emit(&self, failure: &Failure) -> Result<(), Refused> {
        let failure = failure.clone();
        let mut tx = self
            .ctx
            .begin(Cause::new(failure.request_id.clone()))
            .await?;
        let event = RequestFailed {
            process_id: self.process,
            number: self.number + 1,
            request_id: failure.request_id,
            method: failure.method,
            route: failure.route,
            status: failure.status,
            kind: failure.kind.to_owned(),
            left_out: self.left_out,
        };
        outbox::emit(&mut tx, &event).await?;
        tx.commit().await?;
        Ok(())
    }
}
