//! What Kafka has of the log.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::Executor;
use uuid::Uuid;

use crate::flow::event::CloudEvent;
use crate::flow::verify::{Carried, Verification};
use crate::infra::kafka::{self, Reader, Seen};

/// How much earlier than the log a record may say that it was made: the clocks of two machines.
const CLOCKS: TimeDelta = TimeDelta::hours(1);

impl Verification {
    /// Reads the topics, from the time of the first event that is compared, into the table of records.
    pub(super) async fn read_kafka(
        &mut self,
        settings: &kafka::Settings,
        topics: &[String],
    ) -> anyhow::Result<()> {
        let since = match self.range.from {
            0 => None,
            from => self.published_after(from).await?.map(|at| at - CLOCKS),
        };
        let mut reader = Reader::open(settings, topics, since).await?;
        loop {
            let records = reader.next().await?;
            if records.is_empty() {
                break;
            }
            self.note_records(records).await?;
        }
        self.connection
            .execute("CREATE INDEX ON verified_records (id); ANALYZE verified_records")
            .await?;
        Ok(())
    }

    /// When the first event behind a position was published.
    async fn published_after(&mut self, position: i64) -> sqlx::Result<Option<DateTime<Utc>>> {
        sqlx::query_scalar!(
            "SELECT published_at FROM event_log WHERE position > $1 ORDER BY position LIMIT 1",
            position,
        )
        .fetch_optional(&mut self.connection)
        .await
    }

    /// A record that is not an event has no id.
    async fn note_records(&mut self, records: Vec<Seen>) -> sqlx::Result<()> {
        let ids: Vec<Option<Uuid>> = records
            .iter()
            .map(|record| CloudEvent::parse(&record.value).ok())
            .map(|event| event.map(|event| event.id))
            .collect();
        let (mut topics, mut partitions, mut offsets, mut times) = (vec![], vec![], vec![], vec![]);
        for record in records {
            topics.push(record.topic);
            partitions.push(record.partition);
            offsets.push(record.offset);
            times.push(record.at);
        }
        sqlx::query(
            "INSERT INTO verified_records
             SELECT * FROM unnest($1::text[], $2::uuid[], $3::int[], $4::bigint[], $5::timestamptz[])",
        )
        .bind(topics)
        .bind(ids)
        .bind(partitions)
        .bind(offsets)
        .bind(times)
        .execute(&mut self.connection)
        .await?;
        Ok(())
    }

    /// What was found of each topic.
    pub(super) async fn carried(&mut self, topics: &[String]) -> anyhow::Result<Vec<Carried>> {
        let logged: Vec<(String, i64, i64, i64)> = sqlx::query_as(
            "SELECT topic, count(*), count(*) FILTER (WHERE kept),
                    count(*) FILTER (WHERE NOT kept AND published_at < $4)
             FROM (
                 SELECT topic, published_at,
                        EXISTS (SELECT FROM verified_records AS record WHERE record.id = event.id) AS kept
                 FROM event_log AS event WHERE position > $1 AND position <= $2 AND topic = ANY($3)
             ) AS compared GROUP BY topic",
        )
        .bind(self.range.from)
        .bind(self.findings.until)
        .bind(topics)
        .bind(self.expiry)
        .fetch_all(&mut self.connection)
        .await?;
        // The log may be kept for a shorter time than Kafka's records. What it did not have yet a moment ago it may have now.
        let extra: Vec<(String, i64)> = sqlx::query_as(
            "SELECT topic, count(*) FROM verified_records AS record
             WHERE (record.id IS NULL OR NOT EXISTS (SELECT FROM event_log WHERE event_log.id = record.id)
                                     AND NOT EXISTS (SELECT FROM outbox WHERE outbox.id = record.id))
               AND at >= coalesce((SELECT published_at FROM event_log ORDER BY position LIMIT 1), '-infinity')
             GROUP BY topic",
        )
        .fetch_all(&mut self.connection)
        .await?;
        let mut extra: HashMap<String, i64> = extra.into_iter().collect();
        let mut logged: HashMap<String, (i64, i64, i64)> = logged
            .into_iter()
            .map(|(topic, logged, kept, expired)| (topic, (logged, kept, expired)))
            .collect();
        let rows = topics.iter().map(|topic| {
            let (logged, kept, expired) = logged.remove(topic).unwrap_or_default();
            Carried {
                topic: topic.clone(),
                logged,
                kept,
                lost: logged - kept - expired,
                expired,
                extra: extra.remove(topic).unwrap_or_default(),
            }
        });
        Ok(rows.collect())
    }
}
