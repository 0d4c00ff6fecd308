//! Whether everything that was published is where it belongs: `event_log` is compared with Kafka and with what each consumer
//! has had, and what is missing is given again.
//!
//! All of it is counted in PostgreSQL, in temporary tables of one session, so that no number of events fills the memory of
//! this process. Only what can be told is compared: the log up to its end at the start, and of a consumer's events those that
//! do not come to it anyway.

mod carried;
mod fill;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{Connection, Executor, PgConnection};

use crate::flow::catalogue::Catalogue;
use crate::flow::consumer::Consumer;
use crate::flow::ctx::Ctx;
use crate::infra::kafka::{self, Place};

pub use fill::Filled;

/// Made in a session of their own: what is in Kafka; what a consumer has not taken; what is given again, and to whom.
///
/// Not checked when this is compiled, as the schema has no such tables.
const TABLES: &str = "
    CREATE TEMPORARY TABLE verified_records (topic text, id uuid, partition int, record_offset bigint, at timestamptz);
    CREATE TEMPORARY TABLE verified_open (consumer text, topic text, key uuid, position bigint, state text);
    CREATE TEMPORARY TABLE verified_due (whom text, position bigint, PRIMARY KEY (whom, position));
";

/// Which events are compared.
#[derive(Clone, Copy, Debug, Default)]
pub struct Range {
    /// Those behind this position of the log.
    pub from: i64,
    /// Those published since then.
    pub since: Option<DateTime<Utc>>,
}

/// What was found.
#[derive(Debug)]
pub struct Findings {
    /// The position of the log up to which was compared.
    pub until: i64,
    /// How many events wait in the outbox; they are not compared.
    pub unpublished: i64,
    /// Each topic in Kafka, if Kafka carries events.
    pub topics: Option<Vec<Carried>>,
    /// Each consumer and topic.
    pub consumers: Vec<Taken>,
}

/// What Kafka has of a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// The topic.
    pub topic: String,
    /// Events of the log.
    pub logged: i64,
    /// Those of them that Kafka has.
    pub kept: i64,
    /// Those that it has lost.
    pub lost: i64,
    /// Those that it has not, and need not have any more: they are older than what it keeps.
    pub expired: i64,
    /// Records that are no event of the log or of the outbox.
    pub extra: i64,
}

/// What a consumer has had of a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// The consumer.
    pub consumer: String,
    /// The topic.
    pub topic: String,
    /// Events of the log that it wants.
    pub logged: i64,
    /// Those that it has had; none if it does not note that.
    pub counts: Option<Counts>,
}

/// What became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// They had their effect, or were discarded by an operator.
    pub taken: i64,
    /// They are still to come by themselves.
    pub coming: i64,
    /// They wait as dead letters.
    pub dead: i64,
    /// They have not come, and will not come by themselves.
    pub missing: i64,
}

impl Findings {
    /// How many events do not get by themselves where they belong.
    #[must_use]
    pub fn gaps(&self) -> i64 {
        let lost = self.topics.iter().flatten().map(|topic| topic.lost);
        let counts = self.consumers.iter().filter_map(|taken| taken.counts);
        lost.chain(counts.map(|counts| counts.missing)).sum()
    }
}

/// Compares, and fills.
pub struct Verifier {
    ctx: Ctx,
    catalogue: Arc<Catalogue>,
    kafka: Option<kafka::Settings>,
    /// How long Kafka keeps a record.
    kept: TimeDelta,
}

/// One comparison, with its session.
pub struct Verification {
    connection: PgConnection,
    range: Range,
    consumers: Vec<Consumer>,
    kafka: Option<kafka::Settings>,
    /// What was published before may have left Kafka.
    expiry: DateTime<Utc>,
    /// What was found.
    pub findings: Findings,
}

impl Verifier {
    /// For everything in the catalogue, over Kafka if it carries events, which keeps its records for `kept`.
    #[must_use]
    pub fn new(
        ctx: Ctx,
        catalogue: Arc<Catalogue>,
        kafka: Option<kafka::Settings>,
        kept: TimeDelta,
    ) -> Self {
        Self {
            ctx,
            catalogue,
            kafka,
            kept,
        }
    }

    /// Looks. Nothing is changed.
    pub async fn verify(&self, range: Range) -> anyhow::Result<Verification> {
        // A session of its own, with which the tables go.
        let mut connection = self.ctx.pool().acquire().await?.detach();
        connection.execute(TABLES).await?;
        let from = match range.since {
            Some(since) => before(&mut connection, since).await?.max(range.from),
            None => range.from,
        };
        // First the end of the log: Kafka had all of it by then.
        let until = sqlx::query_scalar!(
            r#"SELECT coalesce((SELECT position FROM event_log ORDER BY position DESC LIMIT 1), 0) AS "until!""#
        )
        .fetch_one(&mut connection)
        .await?;
        let reactions = self.catalogue.reactions().iter();
        let consumers = reactions.map(|reaction| {
            Consumer::new(
                self.ctx.clone(),
                Arc::clone(&self.catalogue),
                Arc::clone(reaction),
            )
        });
        let mut verification = Verification {
            connection,
            range: Range { from, ..range },
            consumers: consumers.collect(),
            kafka: self.kafka.clone(),
            // Nobody misses what would go within the hour.
            expiry: self.ctx.now() - self.kept + TimeDelta::hours(1),
            findings: Findings {
                until,
                unpublished: 0,
                topics: None,
                consumers: Vec::new(),
            },
        };
        verification.compare(&self.catalogue.topics()).await?;
        Ok(verification)
    }
}

impl Verification {
    async fn compare(&mut self, topics: &[String]) -> anyhow::Result<()> {
        if let Some(settings) = self.kafka.clone() {
            self.read_kafka(&settings, topics).await?;
            self.findings.topics = Some(self.carried(topics).await?);
        }
        for consumer in self.consumers.clone() {
            let found = self.taken(&consumer).await?;
            self.findings.consumers.extend(found);
        }
        self.findings.unpublished =
            sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM outbox"#)
                .fetch_one(&mut self.connection)
                .await?;
        Ok(())
    }

    /// What a consumer has had, by topic.
    async fn taken(&mut self, consumer: &Consumer) -> anyhow::Result<Vec<Taken>> {
        let topics: Vec<String> = consumer.topics().into_iter().map(str::to_owned).collect();
        let passed: Vec<String> = consumer.passed().into_iter().map(str::to_owned).collect();
        let logged = sqlx::query!(
            r#"SELECT asked.topic AS "topic!", count(event.id) AS "count!" FROM unnest($1::text[]) AS asked (topic)
               LEFT JOIN event_log event ON event.topic = asked.topic AND event.type <> ALL($2)
                    AND event.position > $3 AND event.position <= $4
               GROUP BY asked.topic ORDER BY asked.topic"#,
            &topics,
            &passed,
            self.range.from,
            self.findings.until,
        )
        .fetch_all(&mut self.connection)
        .await?;
        let remembers = consumer.remembers();
        if remembers {
            self.note_open(consumer, &topics, &passed).await?;
        }
        let mut found = Vec::with_capacity(logged.len());
        for row in logged {
            let mut taken = Taken {
                consumer: consumer.name().to_owned(),
                topic: row.topic,
                logged: row.count,
                counts: None,
            };
            if remembers {
                taken.counts = Some(self.counts(&taken).await?);
            }
            found.push(taken);
        }
        Ok(found)
    }

    /// Writes down what a consumer has not taken, and why.
    async fn note_open(
        &mut self,
        consumer: &Consumer,
        topics: &[String],
        passed: &[String],
    ) -> anyhow::Result<()> {
        // Where it is, before it is looked at what it has had: all that lies before its place was dealt with by then.
        let places = match &self.kafka {
            Some(settings) => kafka::places(settings, consumer.name(), &consumer.topics()).await?,
            None => Vec::new(),
        };
        let followed = match self.kafka {
            Some(_) => None,
            None => Some(
                sqlx::query_scalar!(
                    "SELECT position FROM followers WHERE consumer = $1",
                    consumer.name()
                )
                .fetch_optional(&mut self.connection)
                .await?
                .unwrap_or_default(),
            ),
        };
        let (names, (partitions, nexts)) = columns(places);
        // Whatever lies in Kafka behind the place of its group is still given to it, copies included.
        sqlx::query(
            "WITH places AS (
                 SELECT * FROM unnest($6::text[], $7::int[], $8::bigint[]) AS place (topic, partition, next)
             )
             INSERT INTO verified_open
             SELECT $1, topic, key, position, CASE
                 WHEN EXISTS (SELECT FROM dead_letters WHERE consumer = $1 AND event_id = event.id
                              AND dead_letters.state IN ('failed', 'parked')) THEN 'dead'
                 WHEN position > $9 OR EXISTS (
                     SELECT FROM verified_records AS record LEFT JOIN places USING (topic, partition)
                     WHERE record.id = event.id AND record.record_offset >= coalesce(places.next, 0)
                 ) THEN 'coming'
                 ELSE 'missing' END
             FROM event_log AS event
             WHERE position > $4 AND position <= $5 AND topic = ANY($2) AND type <> ALL($3)
               AND NOT EXISTS (SELECT FROM inbox WHERE consumer = $1 AND event_id = event.id)",
        )
        .bind(consumer.name())
        .bind(topics)
        .bind(passed)
        .bind(self.range.from)
        .bind(self.findings.until)
        .bind(names)
        .bind(partitions)
        .bind(nexts)
        .bind(followed)
        .execute(&mut self.connection)
        .await?;
        Ok(())
    }

    async fn counts(&mut self, taken: &Taken) -> anyhow::Result<Counts> {
        let open: (i64, i64, i64) = sqlx::query_as(
            "SELECT count(*) FILTER (WHERE state = 'coming'), count(*) FILTER (WHERE state = 'dead'),
                    count(*) FILTER (WHERE state = 'missing')
             FROM verified_open WHERE consumer = $1 AND topic = $2",
        )
        .bind(&taken.consumer)
        .bind(&taken.topic)
        .fetch_one(&mut self.connection)
        .await?;
        let (coming, dead, missing) = open;
        Ok(Counts {
            taken: taken.logged - coming - dead - missing,
            coming,
            dead,
            missing,
        })
    }

    /// Ends the session.
    pub async fn close(self) -> anyhow::Result<Findings> {
        self.connection.close().await?;
        Ok(self.findings)
    }
}

/// The position before everything that was published since then.
async fn before(connection: &mut PgConnection, since: DateTime<Utc>) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT coalesce(
               (SELECT min(position) - 1 FROM event_log WHERE published_at >= $1),
               (SELECT max(position) FROM event_log),
               0
           ) AS "position!""#,
        since,
    )
    .fetch_one(connection)
    .await
}

fn columns(places: Vec<Place>) -> (Vec<String>, (Vec<i32>, Vec<i64>)) {
    let rows = places.into_iter();
    rows.map(|place| (place.topic, (place.partition, place.next)))
        .unzip()
}
