//! What handlers, jobs and reactions may reach, and the transaction in which they do their work.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use tokio::sync::Notify;
use tracing::field::Empty;
use tracing::{Instrument, Span};
use uuid::Uuid;

use crate::flow::faults;
use crate::flow::metrics::FlowMetrics;
use crate::infra::postgres::Transaction;
use crate::infra::traces::EXPORTED;
use crate::kernel::clock::Clock;

/// The surroundings of all work: cheap to clone.
#[derive(Clone)]
pub struct Ctx(Arc<Inner>);

struct Inner {
    pool: PgPool,
    clock: Arc<dyn Clock>,
    metrics: FlowMetrics,
    wakeups: Wakeups,
}

/// Says inside this process that there is something to carry; who misses it finds out by looking.
#[derive(Default)]
pub struct Wakeups {
    /// Events were committed.
    pub events: Notify,
    /// Jobs were committed.
    pub jobs: Notify,
    /// Events were published.
    pub published: Notify,
}

impl Ctx {
    /// The surroundings of one process.
    #[must_use]
    pub fn new(pool: PgPool, clock: Arc<dyn Clock>, metrics: FlowMetrics) -> Self {
        Self(Arc::new(Inner {
            pool,
            clock,
            metrics,
            wakeups: Wakeups::default(),
        }))
    }

    /// The pool, for questions; what changes something goes through [`Ctx::begin`].
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.0.pool
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.0.clock.now()
    }

    /// What the spine measures.
    #[must_use]
    pub fn metrics(&self) -> &FlowMetrics {
        &self.0.metrics
    }

    /// The in-process signals of the spine.
    #[must_use]
    pub fn wakeups(&self) -> &Wakeups {
        &self.0.wakeups
    }

    /// Begins a transaction. What is emitted and enqueued in it carries `cause`.
    pub async fn begin(&self, cause: Cause) -> sqlx::Result<Tx> {
        // What belongs to nobody's work, such as a look at a table every second, is no trace of its own.
        let span = if Span::current().is_none() {
            Span::none()
        } else {
            tracing::info_span!(
                target: EXPORTED,
                "transaction",
                db.system.name = "postgresql",
                db.transaction.outcome = Empty,
            )
        };
        Ok(Tx {
            inner: self
                .0
                .metrics
                .transactions
                .begin(&self.0.pool)
                .instrument(span.clone())
                .await?,
            span,
            ctx: self.clone(),
            cause,
            emitted: false,
            enqueued: false,
        })
    }
}

/// Who and what set a piece of work off; travels along the whole chain of events and jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The account that acted, if one did.
    pub actor: Option<Uuid>,
    /// What everything that followed from one request has in common: its request id.
    pub correlation: String,
    /// The event or job that led here directly.
    pub causation: Option<Uuid>,
    /// The W3C trace context, if there is a trace.
    pub traceparent: Option<String>,
}

impl Cause {
    /// The beginning of a chain.
    #[must_use]
    pub fn new(correlation: impl Into<String>) -> Self {
        Self {
            actor: None,
            correlation: correlation.into(),
            causation: None,
            traceparent: None,
        }
    }

    /// The same, set off by this account.
    #[must_use]
    pub fn by(self, actor: Uuid) -> Self {
        Self {
            actor: Some(actor),
            ..self
        }
    }
}

/// A transaction: state, events and jobs that commit together or not at all. Dropping it rolls back. Only who began it
/// commits it; callees never do.
pub struct Tx {
    inner: Transaction,
    /// Lasts as long as the transaction.
    span: Span,
    ctx: Ctx,
    cause: Cause,
    emitted: bool,
    enqueued: bool,
}

impl Tx {
    /// The connection that queries run on.
    pub fn conn(&mut self) -> &mut PgConnection {
        &mut self.inner
    }

    /// The surroundings.
    #[must_use]
    pub fn ctx(&self) -> &Ctx {
        &self.ctx
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.ctx.now()
    }

    /// Who and what set this work off.
    #[must_use]
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// From here on, emitted and enqueued things carry another cause.
    pub(super) fn set_cause(&mut self, cause: Cause) {
        self.cause = cause;
    }

    /// The transaction carries an event, so that the relay is woken.
    pub(super) fn note_event(&mut self) {
        self.emitted = true;
    }

    /// The transaction carries a job, so that the relay is woken.
    pub(super) fn note_job(&mut self) {
        self.enqueued = true;
    }

    /// Makes everything permanent and wakes whoever carries it on.
    pub async fn commit(self) -> sqlx::Result<()> {
        faults::point("tx.committing").await;
        self.inner.commit().instrument(self.span.clone()).await?;
        self.span.record("db.transaction.outcome", "committed");
        faults::point("tx.committed").await;
        let wakeups = self.ctx.wakeups();
        if self.emitted {
            wakeups.events.notify_one();
        }
        if self.enqueued {
            wakeups.jobs.notify_one();
        }
        Ok(())
    }

    /// Undoes everything.
    pub async fn rollback(self) -> sqlx::Result<()> {
        self.span.record("db.transaction.outcome", "rolled_back");
        self.inner.rollback().instrument(self.span).await
    }
}
