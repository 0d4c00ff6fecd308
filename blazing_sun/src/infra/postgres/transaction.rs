//! A transaction that is measured: how long it waited for its connection, how long it was open and how it ended.

use std::ops::{Deref, DerefMut};

use prometheus::{Histogram, HistogramVec};
use sqlx::{PgConnection, PgPool, Postgres};
use tokio::time::Instant;

use crate::infra::measures::{Measures, SECONDS, SHORT_SECONDS};

/// What transactions are measured by.
#[derive(Clone)]
pub struct Transactions {
    wait: Histogram,
    committed: Histogram,
    rolled_back: Histogram,
}

/// An open transaction. Dropping it rolls back.
pub struct Transaction {
    inner: sqlx::Transaction<'static, Postgres>,
    committed: Histogram,
    // Dropped last, when the transaction has ended.
    open: Open,
}

/// Notes how long a transaction was open.
struct Open {
    since: Instant,
    ended: Histogram,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.ended.observe(self.since.elapsed().as_secs_f64());
    }
}

impl Transactions {
    /// Declares the metrics.
    pub fn new(measures: &Measures) -> prometheus::Result<Self> {
        let durations: HistogramVec = measures.histograms(
            "postgres_transaction_duration_seconds",
            "How long a transaction was open, by outcome (committed or rolled_back; one whose commit got no answer counts as \
             rolled back).",
            &["outcome"],
            SECONDS,
        )?;
        Ok(Self {
            wait: measures.histogram(
                "postgres_pool_wait_seconds",
                "How long a transaction waited for a connection of the pool, or in vain.",
                SHORT_SECONDS,
            )?,
            committed: durations.with_label_values(&["committed"]),
            rolled_back: durations.with_label_values(&["rolled_back"]),
        })
    }

    /// Begins a transaction.
    pub async fn begin(&self, pool: &PgPool) -> sqlx::Result<Transaction> {
        let waiting = Instant::now();
        let connection = pool.acquire().await;
        self.wait.observe(waiting.elapsed().as_secs_f64());
        let since = Instant::now();
        // As the pool itself begins one.
        let inner = sqlx::Transaction::begin(connection?, None).await?;
        Ok(Transaction {
            inner,
            open: Open {
                since,
                ended: self.rolled_back.clone(),
            },
            committed: self.committed.clone(),
        })
    }
}

impl Transaction {
    /// Makes everything permanent.
    pub async fn commit(self) -> sqlx::Result<()> {
        let Self {
            inner,
            mut open,
            committed,
        } = self;
        inner.commit().await?;
        open.ended = committed;
        Ok(())
    }

    /// Undoes everything.
    pub async fn rollback(self) -> sqlx::Result<()> {
        let Self { inner, open, .. } = self;
        let outcome = inner.rollback().await;
        drop(open);
        outcome
    }
}

impl Deref for Transaction {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.inner
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.inner
    }
}
