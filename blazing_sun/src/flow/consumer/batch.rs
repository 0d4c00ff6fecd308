//! One transaction's worth of records.

use anyhow::Context;
use chrono::TimeDelta;
use uuid::Uuid;

use crate::flow::consumer::{Consumer, Record, Want};
use crate::flow::ctx::{Cause, Tx};
use crate::flow::event::CloudEvent;
use crate::flow::{dead_letter, inbox, rebuild};

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
        let mut tx = self.ctx().begin(Cause::new(self.name())).await?;
        rebuild::hold_off(tx.conn(), self.name()).await?;

        let wanted: Vec<Uuid> = events
            .iter()
            .flatten()
            .filter(|event| !matches!(self.wants(&event.kind), Want::No))
            .map(|event| event.id)
            .collect();
        let mut fresh = inbox::take(tx.conn(), self.name(), &wanted).await?;
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
                Err(unreadable) => {
                    dead_letter::keep_unreadable(
                        tx.conn(),
                        self.name(),
                        record,
                        &unreadable.to_string(),
                    )
                    .await?;
                    tracing::warn!(
                        consumer.name = self.name(),
                        record.topic = record.topic,
                        record.offset = record.offset,
                        "a record is not an event and was kept as a dead letter"
                    );
                    Outcome::Unreadable
                }
                Ok(event) if matches!(self.wants(&event.kind), Want::No) => Outcome::Passed,
                Ok(event) if !fresh.remove(&event.id) => Outcome::Repeated,
                Ok(event) if waiting.contains(&(record.topic.clone(), record.key.clone())) => {
                    // Under a lock, so that a replay which is just finishing does not leave it behind.
                    if dead_letter::park(tx.conn(), self.name(), record, event.id).await? {
                        inbox::forget(tx.conn(), self.name(), &[event.id]).await?;
                        Outcome::Parked
                    } else {
                        self.react(&mut tx, event).await?
                    }
                }
                Ok(event) => self.react(&mut tx, event).await?,
            };
            outcomes.push(outcome);
        }
        tx.commit().await?;
        for (event, _) in events
            .iter()
            .flatten()
            .zip(&outcomes)
            .filter(|(_, outcome)| **outcome == Outcome::Taken)
        {
            let delay = (self.ctx().now() - event.time).max(TimeDelta::zero());
            self.ctx()
                .metrics()
                .reaction_delay
                .with_label_values(&[self.name()])
                .observe(delay.as_seconds_f64());
        }
        Ok(outcomes)
    }

    /// The effect of one event that was not taken before.
    pub(in crate::flow) async fn react(
        &self,
        tx: &mut Tx,
        event: &CloudEvent,
    ) -> anyhow::Result<Outcome> {
        if matches!(self.wants(&event.kind), Want::Unknown) {
            anyhow::bail!("this build does not know the type {}", event.kind);
        }
        tx.set_cause(event.as_cause());
        self.reaction()
            .react(tx, event)
            .await
            .with_context(|| format!("{} {}", event.kind, event.id))?;
        Ok(Outcome::Taken)
    }
}
