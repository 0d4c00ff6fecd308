//! Looks how everything does; one process does at a time. What is said stands in a table, so that whoever looks next knows it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::flow::consumer::Consumer;
use crate::flow::ctx::{Cause, Ctx};
use crate::flow::dead_letter;
use crate::flow::freshness;
use crate::flow::lease::{Lease, Term, Work};
use crate::flow::outbox;
use crate::infra::blobs::Blobs;
use crate::monitor::events::{HealthChecked, Matter, Warned};
use crate::monitor::{Settings, repo};
use crate::web::health::{Health, Status};

/// How often it looks.
const LOOK: Duration = Duration::from_secs(10);
/// After how long it says that nothing has changed.
const HOUR: TimeDelta = TimeDelta::hours(1);
/// A pause between two looks that is told.
const PAUSE: TimeDelta = TimeDelta::minutes(1);
/// The row of what was said about the services.
const HEALTH: &str = "health";
/// What is said about something over its limit.
const RAISED: &str = "raised";

/// Looks at everything.
pub struct Watch {
    ctx: Ctx,
    health: Arc<Health>,
    consumers: Vec<Consumer>,
    blobs: Blobs,
    settings: Settings,
}

/// Something that has a limit.
#[derive(Debug)]
struct Measured {
    matter: Matter,
    consumer: Option<&'static str>,
    value: i64,
    limit: i64,
}

impl Measured {
    /// The name of its row.
    fn name(&self) -> String {
        let matter = match self.matter {
            Matter::ConsumerLag => "consumer_lag",
            Matter::OutboxBacklog => "outbox_backlog",
            Matter::JobBacklog => "job_backlog",
            Matter::Disk => "disk",
            Matter::Database => "database",
        };
        match self.consumer {
            Some(consumer) => format!("{matter}:{consumer}"),
            None => matter.to_owned(),
        }
    }

    fn is_over(&self) -> bool {
        self.value > self.limit
    }

    fn state(&self) -> &'static str {
        if self.is_over() { RAISED } else { "" }
    }
}

impl Watch {
    /// One who may look.
    #[must_use]
    pub fn new(
        ctx: Ctx,
        health: Arc<Health>,
        consumers: Vec<Consumer>,
        blobs: Blobs,
        settings: Settings,
    ) -> Self {
        Self {
            ctx,
            health,
            consumers,
            blobs,
            settings,
        }
    }

    /// Looks until `stop`, whenever nobody else does.
    pub async fn run(mut self, stop: CancellationToken) {
        let ctx = self.ctx.clone();
        Lease::new("monitor").lead(&ctx, &stop, &mut self).await;
    }

    /// Looks once, and tells what has changed.
    pub async fn look(&self) -> anyhow::Result<()> {
        self.check_services().await?;
        self.count_dead_letters().await?;
        for measured in self.measure().await? {
            self.warn(&measured).await?;
        }
        Ok(())
    }

    async fn check_services(&self) -> anyhow::Result<()> {
        let report = self.health.report().await.into_iter();
        let services: BTreeMap<String, Status> = report
            .map(|(dependency, status)| (dependency.name().to_owned(), status))
            .collect();
        let mut tx = self.ctx.begin(Cause::new("monitor")).await?;
        let mut said = repo::lock(&mut tx, HEALTH).await?;
        let now = tx.now();
        // Before the first look nothing was said, and nothing has changed.
        let before = serde_json::from_str(&said.state).unwrap_or_else(|_| services.clone());
        let changed = changed(&before, &services);
        let unwatched_since = said.looked_at.filter(|at| now - *at > PAUSE);
        let is_due = said.told_at.is_none_or(|at| now - at >= HOUR);
        if is_due || !changed.is_empty() || unwatched_since.is_some() {
            said.version += 1;
            said.told_at = Some(now);
            said.state = serde_json::to_string(&services)?;
            let event = HealthChecked {
                system_id: said.subject,
                version: said.version,
                services,
                changed,
                unwatched_since,
            };
            outbox::emit(&mut tx, &event).await?;
        }
        said.looked_at = Some(now);
        repo::put(&mut tx, HEALTH, &said).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn count_dead_letters(&self) -> sqlx::Result<()> {
        let counted = dead_letter::count_open(self.ctx.pool()).await?;
        // A consumer without any shows that, too.
        let none = self.consumers.iter().map(|consumer| (consumer.name(), 0));
        let open = counted.iter().map(|(name, count)| (name.as_str(), *count));
        let of_all: BTreeMap<&str, i64> = none.chain(open).collect();
        self.ctx.metrics().dead_letters.set_all(of_all);
        Ok(())
    }

    async fn measure(&self) -> anyhow::Result<Vec<Measured>> {
        let (settings, pool, now) = (&self.settings, self.ctx.pool(), self.ctx.now());
        let of = |matter, value, limit| Measured {
            matter,
            consumer: None,
            value,
            limit,
        };
        let metrics = self.ctx.metrics();
        let mut measured = Vec::new();
        for consumer in self
            .consumers
            .iter()
            .filter(|consumer| consumer.remembers())
        {
            let behind = freshness::behind(consumer).await?;
            let seconds = seconds_since(behind.since, now);
            metrics.lag_records.set(&[consumer.name()], behind.records);
            metrics.lag_seconds.set(&[consumer.name()], seconds);
            measured.push(Measured {
                consumer: Some(consumer.name()),
                ..of(Matter::ConsumerLag, seconds, settings.lag.num_seconds())
            });
        }
        let waits = seconds_since(repo::unpublished_since(pool).await?, now);
        measured.push(of(
            Matter::OutboxBacklog,
            waits,
            settings.outbox.num_seconds(),
        ));
        let waits = seconds_since(repo::undone_since(pool, now).await?, now);
        metrics.jobs_oldest_due_age.set(&[], waits);
        measured.push(of(Matter::JobBacklog, waits, settings.jobs.num_seconds()));
        if settings.database_mebibytes > 0 {
            let size = repo::database_mebibytes(pool).await?;
            measured.push(of(Matter::Database, size, settings.database_mebibytes));
        }
        match self.blobs.percent_full().await {
            Ok(Some(percent)) => measured.push(of(Matter::Disk, percent, settings.disk_percent)),
            Ok(None) => {}
            Err(error) => tracing::warn!(error = %error, "the disk cannot be asked"),
        }
        measured.retain(|measured| measured.limit > 0);
        Ok(measured)
    }

    /// Tells that something is over its limit, or well again; once each.
    async fn warn(&self, measured: &Measured) -> anyhow::Result<()> {
        let (name, state) = (measured.name(), measured.state());
        let said = repo::said(self.ctx.pool(), &name).await?;
        if said.unwrap_or_default() == state {
            return Ok(());
        }
        let mut tx = self.ctx.begin(Cause::new("monitor")).await?;
        let mut said = repo::lock(&mut tx, &name).await?;
        if said.state == state {
            return Ok(());
        }
        said.version += 1;
        said.told_at = Some(tx.now());
        said.state = state.to_owned();
        let event = Warned {
            warning_id: said.subject,
            version: said.version,
            matter: measured.matter,
            consumer: measured.consumer.map(str::to_owned),
            raised: measured.is_over(),
            value: measured.value,
            limit: measured.limit,
        };
        outbox::emit(&mut tx, &event).await?;
        repo::put(&mut tx, &name, &said).await?;
        tx.commit().await?;
        Ok(())
    }
}

impl Work for Watch {
    async fn work(&mut self, _: Term, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.look().await {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "how everything does cannot be told"
                );
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep(LOOK) => {}
            }
        }
    }

    fn stand_down(&mut self) {
        let metrics = self.ctx.metrics();
        metrics.dead_letters.clear();
        metrics.lag_records.clear();
        metrics.lag_seconds.clear();
        metrics.jobs_oldest_due_age.clear();
    }
}

/// What does otherwise than before, or is not used any more, or new.
fn changed(before: &BTreeMap<String, Status>, after: &BTreeMap<String, Status>) -> Vec<String> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let names = names.into_iter();
    names
        .filter(|name| before.get(*name) != after.get(*name))
        .cloned()
        .collect()
}

fn seconds_since(since: Option<DateTime<Utc>>, now: DateTime<Utc>) -> i64 {
    since.map_or(0, |since| (now - since).num_seconds().max(0))
}
