//! Filling what was found.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::FutureRecord;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::flow::consumer::{Consumer, Record};
use crate::flow::event::CONTENT_TYPE;
use crate::flow::event_log::Published;
use crate::flow::verify::Verification;
use crate::infra::kafka;

/// How many events are given at a time, and at most so many bytes of them, but for one that alone has more.
const BATCH: i64 = 100;
const BATCH_BYTES: i64 = 8 << 20;

/// How long Kafka may take for that.
const ANSWER: Duration = Duration::from_secs(60);

/// Stands for Kafka in the list of what is due; no consumer has no name.
const KAFKA: &str = "";

/// What was filled.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Filled {
    /// How many events were given to which consumer.
    pub given: BTreeMap<String, usize>,
    /// How many were published again in which topic.
    pub published: BTreeMap<String, usize>,
}

impl Verification {
    /// Gives consumers what they miss, through their inbox, and publishes again what Kafka has lost. Consumers first: what is
    /// published again comes to them as a copy.
    pub async fn fill(&mut self) -> anyhow::Result<Filled> {
        let mut filled = Filled::default();
        for consumer in self.consumers.clone() {
            let given = self.give(&consumer).await?;
            if given > 0 {
                filled.given.insert(consumer.name().to_owned(), given);
            }
        }
        if let Some(settings) = self.kafka.clone() {
            filled.published = self.publish(&settings).await?;
        }
        Ok(filled)
    }

    /// What is still to come before a missing event of the same aggregate comes along, so that nothing is overtaken.
    async fn give(&mut self, consumer: &Consumer) -> anyhow::Result<usize> {
        sqlx::query(
            "INSERT INTO verified_due
             SELECT $1, position FROM verified_open AS open JOIN (
                 SELECT topic, key, max(position) AS last FROM verified_open
                 WHERE consumer = $1 AND state = 'missing' GROUP BY topic, key
             ) AS missing USING (topic, key)
             WHERE consumer = $1 AND state IN ('missing', 'coming') AND position <= last",
        )
        .bind(consumer.name())
        .execute(&mut self.connection)
        .await?;
        let (mut position, mut given) = (0, 0);
        loop {
            let events = self.due(consumer.name(), position).await?;
            let Some(last) = events.last() else {
                return Ok(given);
            };
            position = last.position;
            given += events.len();
            let records: Vec<Record> = events.into_iter().map(Record::from).collect();
            consumer.take(&records, &CancellationToken::new()).await?;
        }
    }

    async fn publish(
        &mut self,
        settings: &kafka::Settings,
    ) -> anyhow::Result<BTreeMap<String, usize>> {
        let lost = self.findings.topics.iter().flatten();
        let topics: Vec<String> = lost
            .filter(|topic| topic.lost > 0)
            .map(|topic| topic.topic.clone())
            .collect();
        let mut published = BTreeMap::new();
        if topics.is_empty() {
            return Ok(published);
        }
        sqlx::query(
            "INSERT INTO verified_due SELECT $5, position FROM event_log AS event
             WHERE position > $1 AND position <= $2 AND topic = ANY($3) AND published_at >= $4
               AND NOT EXISTS (SELECT FROM verified_records AS record WHERE record.id = event.id)",
        )
        .bind(self.range.from)
        .bind(self.findings.until)
        .bind(&topics)
        .bind(self.expiry)
        .bind(KAFKA)
        .execute(&mut self.connection)
        .await?;
        let producer = settings.producer().context("no producer")?;
        let mut position = 0;
        loop {
            let events = self.due(KAFKA, position).await?;
            let Some(last) = events.last() else {
                return Ok(published);
            };
            position = last.position;
            timeout(ANSWER, send(&producer, settings, &events))
                .await
                .context("Kafka does not take what is published again")??;
            for event in events {
                *published.entry(event.topic).or_default() += 1;
            }
        }
    }

    /// The next events for a consumer, or for Kafka, behind a position.
    async fn due(&mut self, whom: &str, position: i64) -> sqlx::Result<Vec<Published>> {
        sqlx::query_as(
            "SELECT position, id, topic, key, type, body, published_at FROM (
                 SELECT *, sum(octet_length(body)) OVER (ORDER BY position) - octet_length(body) AS before FROM (
                     SELECT event.* FROM verified_due AS due JOIN event_log AS event ON event.position = due.position
                     WHERE due.whom = $1 AND due.position > $2 ORDER BY due.position LIMIT $3
                 ) AS next
             ) AS batch WHERE before < $4 ORDER BY position",
        )
        .bind(whom)
        .bind(position)
        .bind(BATCH)
        .bind(BATCH_BYTES)
        .fetch_all(&mut self.connection)
        .await
    }
}

/// In their order, and with the time of their first publishing, so that they stay no longer than they would have: the inbox
/// remembers for a day more.
async fn send(
    producer: &kafka::Producer,
    settings: &kafka::Settings,
    events: &[Published],
) -> anyhow::Result<()> {
    let mut deliveries = Vec::with_capacity(events.len());
    for event in events {
        let (topic, key) = (settings.full_name(&event.topic), event.key.to_string());
        let header = Header {
            key: "content-type",
            value: Some(CONTENT_TYPE),
        };
        let record = FutureRecord::to(&topic)
            .key(&key)
            .payload(&event.body)
            .timestamp(event.published_at.timestamp_millis())
            .headers(OwnedHeaders::new().insert(header));
        let delivery = producer.send_result(record).map_err(|(error, _)| error)?;
        deliveries.push((topic, delivery));
    }
    for (topic, delivery) in deliveries {
        delivery
            .await?
            .map_err(|(error, _)| error)
            .with_context(|| format!("{topic} takes nothing"))?;
    }
    Ok(())
}
