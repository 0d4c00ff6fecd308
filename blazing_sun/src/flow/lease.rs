//! Who leads: one holder a lease at a time. A holder that stops renewing is followed by another within seconds, and what
//! it still tries to settle afterwards is refused, because the epoch has moved on.
//!
//! What settles is one statement that holds the lease's row and compares the epoch. In a transaction of several, a process
//! that is stopped between two of them would keep the row, and nobody could follow it; nor is it an advisory lock, which
//! a stopped process would keep too. The database's clock is the only one that counts.

use std::time::Duration;

use sqlx::PgPool;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::flow::ctx::Ctx;
use crate::flow::faults::{self, Mistake};
use crate::infra::postgres;
use crate::kernel::id;

/// How long a lease lasts without being renewed.
const DURATION: Duration = Duration::from_secs(5);
/// How often it is renewed, and how often others look whether it has lapsed.
const RENEWAL: Duration = Duration::from_secs(1);

/// A lease by its name, and this process as one who may hold it.
#[derive(Clone, Debug)]
pub struct Lease {
    name: &'static str,
    holder: Uuid,
}

/// The right to settle: good until another holder takes the lease over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    name: &'static str,
    epoch: i64,
}

/// What only the holder of a lease does.
pub trait Work: Send {
    /// Works until `stop`. It may be dropped at whatever it awaits, when the lease is lost: that must only ever cause things
    /// to be done twice.
    fn work(&mut self, term: Term, stop: &CancellationToken) -> impl Future<Output = ()> + Send;

    /// It leads no more: what only a leader tells about the whole, it tells no more.
    fn stand_down(&mut self) {}
}

impl Lease {
    /// A candidate for the lease `name`.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            holder: id::new(),
        }
    }

    /// Takes the lease if it is free or lapsed, or this candidate's own already.
    pub async fn take(&self, pool: &PgPool) -> sqlx::Result<Option<Term>> {
        let epoch = sqlx::query_scalar!(
            "INSERT INTO leases AS lease (name, holder, epoch, expires_at)
             VALUES ($1, $2, 1, clock_timestamp() + make_interval(secs => $3))
             ON CONFLICT (name) DO UPDATE
             SET holder = excluded.holder, epoch = lease.epoch + 1, expires_at = excluded.expires_at
             WHERE lease.expires_at < clock_timestamp() OR lease.holder = excluded.holder
             RETURNING epoch",
            self.name,
            self.holder,
            DURATION.as_secs_f64(),
        )
        .fetch_optional(pool)
        .await?;
        Ok(epoch.map(|epoch| Term {
            name: self.name,
            epoch,
        }))
    }

    /// Leads whenever it can, until `stop`: takes the lease, works while renewing it, and begins again when it was lost.
    pub async fn lead(&self, ctx: &Ctx, stop: &CancellationToken, work: &mut impl Work) {
        let leader = ctx.metrics().leader.with_label_values(&[self.name]);
        let changes = ctx.metrics().lease_changes.with_label_values(&[self.name]);
        leader.set(0);
        while !stop.is_cancelled() {
            match postgres::within(DURATION, self.take(ctx.pool())).await {
                Ok(Some(term)) => {
                    tracing::info!(lease.name = self.name, lease.epoch = term.epoch, "leads");
                    leader.set(1);
                    changes.inc();
                    faults::point("lease.taken").await;
                    tokio::select! {
                        () = self.keep(ctx.pool(), term) => {
                            tracing::warn!(lease.name = self.name, lease.epoch = term.epoch, "leads no more");
                        }
                        () = work.work(term, stop) => {}
                    }
                    leader.set(0);
                    work.stand_down();
                    self.release(ctx.pool(), term).await;
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(lease.name = self.name, error = %error, "the lease cannot be asked for");
                }
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep(RENEWAL) => {}
            }
        }
    }

    /// Renews until the lease is lost.
    async fn keep(&self, pool: &PgPool, term: Term) {
        let mut renewed = Instant::now();
        loop {
            sleep(RENEWAL).await;
            match postgres::within(DURATION, self.renew(pool, term)).await {
                Ok(true) => renewed = Instant::now(),
                Ok(false) if faults::makes(Mistake::IgnoreEpoch) => {}
                Ok(false) => return,
                // PostgreSQL is away: as long as the lease lasts, nobody else can have it.
                Err(_) if renewed.elapsed() < DURATION => {}
                Err(_) => return,
            }
        }
    }

    async fn renew(&self, pool: &PgPool, term: Term) -> sqlx::Result<bool> {
        let renewed = sqlx::query!(
            "UPDATE leases SET expires_at = clock_timestamp() + make_interval(secs => $3) WHERE name = $1 AND epoch = $2",
            term.name,
            term.epoch,
            DURATION.as_secs_f64(),
        )
        .execute(pool)
        .await?;
        Ok(renewed.rows_affected() == 1)
    }

    /// Lets the next one in at once. If that fails, the lease lapses by itself.
    async fn release(&self, pool: &PgPool, term: Term) {
        let giving_back = sqlx::query!(
            "UPDATE leases SET expires_at = '-infinity' WHERE name = $1 AND epoch = $2",
            term.name,
            term.epoch,
        )
        .execute(pool);
        if let Err(error) = postgres::within(DURATION, giving_back).await {
            tracing::warn!(lease.name = self.name, error = %error, "the lease was not given back");
        }
    }
}

impl Term {
    /// The lease's name, for the statement that settles.
    pub(super) fn name(self) -> &'static str {
        self.name
    }

    /// The same, whoever leads by now: what a leader settles with that does not look at the epoch.
    #[cfg(feature = "chaos")]
    pub(super) async fn of_whoever_leads(self, pool: &PgPool) -> Self {
        let epoch = sqlx::query_scalar("SELECT epoch FROM leases WHERE name = $1")
            .bind(self.name)
            .fetch_optional(pool)
            .await;
        Self {
            epoch: epoch.ok().flatten().unwrap_or(self.epoch),
            ..self
        }
    }

    /// The epoch that the settling statement has to find.
    pub(super) fn epoch(self) -> i64 {
        self.epoch
    }
}
