//! Gives a reaction its events, from Kafka or from `event_log`: the effect, the note in the inbox and, for what cannot be
//! taken, the dead letter commit together; only then does the consumer move on.

mod batch;
mod source;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::flow::catalogue::Catalogue;
use crate::flow::ctx::Ctx;
use crate::flow::dead_letter;
use crate::flow::event::CloudEvent;
use crate::flow::event_log::Published;
use crate::flow::faults::{self, Mistake};
use crate::flow::reaction::{Reaction, Wanted};
use crate::flow::trace;
use crate::infra::postgres;
use crate::infra::seldom::Seldom;
pub use batch::Outcome;
pub use source::{Records, Source};

/// How often an event is given to a reaction before it becomes a dead letter.
pub const ATTEMPTS: i32 = 5;
/// The pause after the first of these attempts; it doubles each time.
const PAUSE: Duration = Duration::from_millis(20);
/// How long one of them may take, for all the events of a batch. It is far more than any takes: whoever waits that long gets
/// no answer any more.
const ATTEMPT: Duration = Duration::from_secs(30);
/// How much of a key tells aggregates apart, in characters.
const KEY_LENGTH: usize = 200;
/// The pause while PostgreSQL or the broker is away.
const AWAY: Duration = Duration::from_millis(500);

static FAILURES: Seldom = Seldom::new();

/// A record as it came.
#[derive(Clone, Debug)]
pub struct Record {
    /// The topic, by the name of the contracts.
    pub topic: String,
    /// Its partition; none if it came from `event_log`.
    pub partition: Option<i32>,
    /// Its offset in the partition, or its position in `event_log`.
    pub offset: i64,
    /// Its key.
    pub key: Option<String>,
    /// Its value.
    pub value: Vec<u8>,
}

impl Record {
    /// The key as it is kept: an aggregate's id is far shorter, and an index of PostgreSQL takes no more than 2704 bytes.
    #[must_use]
    pub fn key(key: &[u8]) -> String {
        // PostgreSQL's text has no NUL.
        let key = String::from_utf8_lossy(key).replace('\0', "\u{fffd}");
        key.chars().take(KEY_LENGTH).collect()
    }

    fn origin(&self) -> Origin<'_> {
        let from_kafka = self.partition.is_some();
        Origin {
            carrier: if from_kafka { "kafka" } else { "postgresql" },
            topic: &self.topic,
        }
    }
}

/// Where an event came from.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// What brought it.
    pub carrier: &'static str,
    /// Its topic.
    pub topic: &'a str,
}

impl From<Published> for Record {
    fn from(event: Published) -> Self {
        Self {
            topic: event.topic,
            partition: None,
            offset: event.position,
            key: Some(event.key.to_string()),
            value: event.body.into_bytes(),
        }
    }
}

/// One reaction and what it needs to take events.
#[derive(Clone)]
pub struct Consumer {
    ctx: Ctx,
    catalogue: Arc<Catalogue>,
    reaction: Arc<dyn Reaction>,
}

impl Consumer {
    /// The consumer of a reaction.
    #[must_use]
    pub fn new(ctx: Ctx, catalogue: Arc<Catalogue>, reaction: Arc<dyn Reaction>) -> Self {
        let records = &ctx.metrics().records;
        for outcome in Outcome::ALL {
            records.with_label_values(&[reaction.consumer(), outcome.label()]);
        }
        Self {
            ctx,
            catalogue,
            reaction,
        }
    }

    /// Its frozen name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.reaction.consumer()
    }

    /// The names of its topics.
    #[must_use]
    pub fn topics(&self) -> Vec<&'static str> {
        self.reaction
            .topics()
            .iter()
            .map(|topic| topic.name())
            .collect()
    }

    /// What it reacts with.
    #[must_use]
    pub fn reaction(&self) -> &dyn Reaction {
        self.reaction.as_ref()
    }

    /// Whether PostgreSQL knows what it has had: not if its effects are elsewhere.
    #[must_use]
    pub fn remembers(&self) -> bool {
        self.reaction.outside().is_none()
    }

    /// The surroundings.
    #[must_use]
    pub fn ctx(&self) -> &Ctx {
        &self.ctx
    }

    /// Takes records until `stop`; a batch that was begun is finished.
    pub async fn run(self, mut source: Source, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let records = tokio::select! {
                () = stop.cancelled() => break,
                records = source.next() => records,
            };
            let outcome = match records {
                Ok(records) => self.take_and_store(&records, &mut source, &stop).await,
                Err(error) => Err(error),
            };
            if let Err(error) = outcome {
                self.warn("the consumer failed and tries again", &error);
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = sleep(AWAY) => {}
                }
            }
        }
    }

    /// Says what would be said twice a second while something is away.
    fn warn(&self, what: &str, error: &anyhow::Error) {
        let error = format!("{error:#}");
        if let Some(suppressed) = FAILURES.again(&format!("{} {what} {error}", self.name())) {
            tracing::warn!(consumer.name = self.name(), error, suppressed, "{what}");
        }
    }

    async fn take_and_store(
        &self,
        records: &Records,
        source: &mut Source,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        if faults::makes(Mistake::StoreFirst) {
            source.store(records).await?;
        }
        let outcome = match self.take(&records.records, stop).await {
            Ok(()) => source.store(records).await,
            Err(error) => Err(error),
        };
        faults::point("consumer.stored").await;
        if outcome.is_err() {
            source.rewind();
        }
        outcome
    }

    /// Takes records in their order. When it returns, each has had its effect or is a dead letter; an error means that
    /// PostgreSQL was away until `stop`.
    pub async fn take(&self, records: &[Record], stop: &CancellationToken) -> anyhow::Result<()> {
        let mut rest = records;
        // Most batches go through as a whole. If PostgreSQL was away, the first record alone finds out when it is back, and
        // the others may go through as a whole then. If they do not, each is taken alone, which finds the culprit.
        for _ in 0..2 {
            let error = match postgres::within(ATTEMPT, self.attempt(rest)).await {
                Ok(outcomes) => {
                    self.count(&outcomes);
                    return Ok(());
                }
                Err(error) => error,
            };
            tracing::debug!(
                consumer.name = self.name(),
                error = format!("{error:#}"),
                "one by one"
            );
            let [first, others @ ..] = rest else { break };
            if !postgres::is_passing_cause(&error) || others.is_empty() {
                break;
            }
            self.take_one(first, stop).await?;
            rest = others;
        }
        for record in rest {
            self.take_one(record, stop).await?;
        }
        Ok(())
    }

    async fn take_one(&self, record: &Record, stop: &CancellationToken) -> anyhow::Result<()> {
        let mut attempts = 0;
        loop {
            let error =
                match postgres::within(ATTEMPT, self.attempt(std::slice::from_ref(record))).await {
                    Ok(outcomes) => {
                        self.count(&outcomes);
                        return Ok(());
                    }
                    Err(error) => error,
                };
            if postgres::is_passing_cause(&error) {
                if stop.is_cancelled() {
                    return Err(error);
                }
                self.warn("the consumer waits for PostgreSQL", &error);
                sleep(AWAY).await;
                continue;
            }
            attempts += 1;
            if attempts < ATTEMPTS {
                sleep(PAUSE * (1 << attempts)).await;
                continue;
            }
            let told = || {
                tracing::error!(
                    consumer.name = self.name(),
                    record.topic = record.topic,
                    record.offset = record.offset,
                    error = format!("{error:#}"),
                    "the event cannot be taken and becomes a dead letter"
                );
            };
            match CloudEvent::parse(&record.value) {
                Ok(event) => trace::lines_of(&event.as_cause()).in_scope(told),
                Err(_) => told(),
            }
            dead_letter::bury(self, record, attempts, &format!("{error:#}")).await?;
            self.count(&[Outcome::Failed]);
            return Ok(());
        }
    }

    fn wants(&self, kind: &str) -> Want {
        match self.reaction.wanted() {
            Wanted::Everything => Want::Yes,
            Wanted::Types(types) if types.contains(&kind) => Want::Yes,
            Wanted::Types(_) if self.catalogue.knows(kind) => Want::No,
            Wanted::Types(_) => Want::Unknown,
        }
    }

    /// The types of events that it passes over.
    pub(super) fn passed(&self) -> Vec<&'static str> {
        let known = self.catalogue.events().map(|event| event.kind);
        known
            .filter(|kind| matches!(self.wants(kind), Want::No))
            .collect()
    }

    fn count(&self, outcomes: &[Outcome]) {
        for outcome in outcomes {
            self.ctx
                .metrics()
                .records
                .with_label_values(&[self.name(), outcome.label()])
                .inc();
        }
    }
}

enum Want {
    Yes,
    No,
    Unknown,
}
