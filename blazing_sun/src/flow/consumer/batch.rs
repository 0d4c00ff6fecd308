//! One transaction's worth of records.

use anyhow::Context;
use chrono::TimeDelta;
use sqlx::PgConnection;
use tracing::field::Empty;
use uuid::Uuid;

use crate::flow::consumer::{Consumer, Origin, Record, Want};
use crate::flow::ctx::{Cause, Tx};
use crate::flow::event::{CloudEvent, Unreadable};
use crate::flow::reaction::Outside;
use crate::flow::trace::Work;
use crate::flow::{dead_letter, faults, inbox, rebuild};
use crate::infra::traces::EXPORTED;

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It had its effect.
    Taken,
    /// It had it before.
    Repeated,
    /// Its type is of no interest.
    Passed,
    /// It waits behind a dead letter of its aggregate.
    Parked,
    /// It is not an event; it was kept.
    Unreadable,
    /// It became a dead letter.
    Failed,
}

impl Outcome {
    /// All there are.
    pub(super) const ALL: [Self; 6] = [
        Self::Taken,
        Self::Repeated,
        Self::Passed,
        Self::Parked,
        Self::Unreadable,
        Self::Failed,
    ];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Repeated => "repeated",
            Self::Passed => "passed",
            Self::Parked => "parked",
            Self::Unreadable => "unreadable",
            Self::Failed => "failed",
        }
    }
}

impl Consumer {
    /// Takes all records in one transaction, or none of them.
    pub(super) async fn attempt(&self, records: &[Record]) -> anyhow::Result<Vec<Outcome>> {
        let events: Vec<_> = records
            .iter()
            .map(|record| CloudEvent::parse(&record.value))
            .collect();
        if let Some(outside) = self.reaction().outside() {
            return self.attempt_outside(outside, records, &events).await;
        }
        let mut tx = self.ctx().begin(Cause::new(self.name())).await?;
        rebuild::hold_off(tx.conn(), self.name()).await?;

        let wanted: Vec<Uuid> = events
            .iter()
            .flatten()
            .filter(|event| !matches!(self.wants(&event.kind), Want::No))
            .map(|event| event.id)
            .collect();
        let mut fresh = inbox::take(tx.conn(), self.name(), &wanted).await?;
        faults::point("consumer.noted").await;
        let waiting = dead_letter::waiting(tx.conn(), self.name(), records).await?;
        let coming: Vec<&CloudEvent> = events
            .iter()
            .flatten()
            .filter(|event| fresh.contains(&event.id))
            .collect();
        if coming.len() > 1 {
            self.reaction().prepare(&mut tx, &coming).await?;
        }

        let mut outcomes = Vec::with_capacity(records.len());
        for (record, event) in records.iter().zip(&events) {
            let outcome = match event {
                Err(unreadable) => self.keep_unreadable(tx.conn(), record, unreadable).await?,
                Ok(event) if matches!(self.wants(&event.kind), Want::No) => Outcome::Passed,
                Ok(event) if !fresh.remove(&event.id) => Outcome::Repeated,
                Ok(event) if waiting.contains(&(record.topic.clone(), record.key.clone())) => {
                    // Under a lock, so that a replay which is just finishing does not leave it behind.
                    if dead_letter::park(tx.conn(), self.name(), record, event.id).await? {
                        inbox::forget(tx.conn(), self.name(), &[event.id]).await?;
                        Outcome::Parked
                    } else {
                        self.react(&mut tx, event, record.origin()).await?
                    }
                }
                Ok(event) => self.react(&mut tx, event, record.origin()).await?,
            };
            outcomes.push(outcome);
        }
        faults::point("consumer.reacted").await;
        tx.commit().await?;
        faults::point("consumer.committed").await;
        self.observe(&events, &outcomes);
        Ok(outcomes)
    }

    /// The same with effects outside PostgreSQL, which no transaction holds together.
    async fn attempt_outside(
        &self,
        outside: &dyn Outside,
        records: &[Record],
        events: &[Result<CloudEvent, Unreadable>],
    ) -> anyhow::Result<Vec<Outcome>> {
        let mut coming = Vec::with_capacity(records.len());
        let mut works = Vec::with_capacity(records.len());
        let mut outcomes = Vec::with_capacity(records.len());
        for (record, event) in records.iter().zip(events) {
            outcomes.push(match event {
                Err(unreadable) => {
                    let mut connection = self.ctx().pool().acquire().await?;
                    self.keep_unreadable(&mut connection, record, unreadable)
                        .await?
                }
                Ok(event) => match self.wants(&event.kind) {
                    Want::No => Outcome::Passed,
                    Want::Unknown => {
                        anyhow::bail!("this build does not know the type {}", event.kind)
                    }
                    Want::Yes => {
                        coming.push(event);
                        works.push(self.begin(event, record.origin()));
                        Outcome::Taken
                    }
                },
            });
        }
        if !coming.is_empty() {
            let carrying = outside.carry_out(self.ctx(), &coming);
            // What is done for several at once belongs to none of them.
            let carried = match works.as_slice() {
                [work] => work.run(carrying).await,
                _ => carrying.await,
            };
            if carried.is_err() {
                for work in &works {
                    work.exported().record("otel.status_code", "ERROR");
                }
            }
            carried?;
        }
        self.observe(events, &outcomes);
        Ok(outcomes)
    }

    async fn keep_unreadable(
        &self,
        connection: &mut PgConnection,
        record: &Record,
        unreadable: &Unreadable,
    ) -> sqlx::Result<Outcome> {
        let error = unreadable.to_string();
        dead_letter::keep_unreadable(connection, self.name(), record, &error).await?;
        tracing::warn!(
            consumer.name = self.name(),
            record.topic = record.topic,
            record.offset = record.offset,
            "a record is not an event and was kept as a dead letter"
        );
        Ok(Outcome::Unreadable)
    }

    /// Measures how long after the events their effects were there.
    fn observe(&self, events: &[Result<CloudEvent, Unreadable>], outcomes: &[Outcome]) {
        for (event, _) in events
            .iter()
            .zip(outcomes)
            .filter_map(|(event, outcome)| Some((event.as_ref().ok()?, outcome)))
            .filter(|(_, outcome)| **outcome == Outcome::Taken)
        {
            let delay = (self.ctx().now() - event.time).max(TimeDelta::zero());
            self.ctx()
                .metrics()
                .reaction_delay
                .with_label_values(&[self.name()])
                .observe(delay.as_seconds_f64());
        }
    }

    /// The effect of one event that was not taken before.
    pub(in crate::flow) async fn react(
        &self,
        tx: &mut Tx,
        event: &CloudEvent,
        origin: Origin<'_>,
    ) -> anyhow::Result<Outcome> {
        match self.wants(&event.kind) {
            Want::Yes => {}
            // A replay: the build that kept it did not know the type yet.
            Want::No => return Ok(Outcome::Passed),
            Want::Unknown => anyhow::bail!("this build does not know the type {}", event.kind),
        }
        let work = self.begin(event, origin);
        tx.set_cause(Cause {
            traceparent: Some(work.traceparent().to_owned()),
            ..event.as_cause()
        });
        let reacted = work.run(self.reaction().react(tx, event)).await;
        if reacted.is_err() {
            work.exported().record("otel.status_code", "ERROR");
        }
        reacted.with_context(|| format!("{} {}", event.kind, event.id))?;
        Ok(Outcome::Taken)
    }

    /// The effect of an event is part of the trace of the request that led to it.
    pub(super) fn begin(&self, event: &CloudEvent, origin: Origin<'_>) -> Work {
        let exported = tracing::info_span!(
            target: EXPORTED,
            "process",
            otel.name = format!("process {}", origin.topic),
            otel.kind = "consumer",
            messaging.system = origin.carrier,
            messaging.destination.name = origin.topic,
            "messaging.operation.type" = "process",
            messaging.operation.name = "process",
            messaging.consumer.group.name = self.name(),
            messaging.message.id = %event.id,
            cloudevents.event_type = event.kind,
            request.id = event.correlationid,
            otel.status_code = Empty,
        );
        Work::begin(&event.correlationid, event.traceparent.as_deref(), exported)
    }
}
