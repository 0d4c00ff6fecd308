//! Where a consumer's records come from: a Kafka group, or `event_log`.

use std::time::Duration;

use futures_util::FutureExt;
use rdkafka::Message;
use rdkafka::consumer::Consumer as _;
use rdkafka::message::BorrowedMessage;
use tokio::time::timeout;

use crate::flow::consumer::{Consumer, Record};
use crate::flow::ctx::Ctx;
use crate::flow::{event_log, freshness};
use crate::infra::kafka;

/// The most records that are taken in one transaction.
const BATCH: usize = 100;
/// The shortest and the longest pause between two looks at an idle log.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(50));

/// Records that arrived together, in order.
pub struct Records {
    /// The records.
    pub records: Vec<Record>,
    /// The position in `event_log` behind them.
    position: i64,
}

/// What records come from.
pub enum Source {
    /// A group's part of the topics.
    Kafka {
        /// The member of the group.
        stream: Box<kafka::Subscription>,
        /// What the broker has before the topics' names.
        prefix: String,
        /// Whose place it is.
        consumer: Box<Consumer>,
    },
    /// The log, from the consumer's place.
    Log(Follower),
}

/// A place in `event_log`.
pub struct Follower {
    ctx: Ctx,
    consumer: &'static str,
    topics: Vec<String>,
    position: Option<i64>,
}

impl Source {
    /// A member of the consumer's group.
    pub fn kafka(settings: &kafka::Settings, consumer: &Consumer) -> anyhow::Result<Self> {
        Ok(Self::Kafka {
            stream: Box::new(settings.subscribe(consumer.name(), &consumer.topics())?),
            prefix: settings.prefix.clone(),
            consumer: Box::new(consumer.clone()),
        })
    }

    /// The log behind the consumer's place.
    #[must_use]
    pub fn log(consumer: &Consumer) -> Self {
        Self::Log(Follower {
            ctx: consumer.ctx().clone(),
            consumer: consumer.name(),
            topics: consumer.topics().into_iter().map(str::to_owned).collect(),
            position: None,
        })
    }

    /// Waits for the next records.
    pub async fn next(&mut self) -> anyhow::Result<Records> {
        match self {
            Self::Kafka { stream, prefix, .. } => {
                let mut records = vec![to_record(&stream.recv().await?, prefix)];
                // What is here already comes along. An error ends the batch and does not lose it.
                while records.len() < BATCH
                    && let Some(Ok(message)) = stream.recv().now_or_never()
                {
                    records.push(to_record(&message, prefix));
                }
                Ok(Records {
                    records,
                    position: 0,
                })
            }
            Self::Log(follower) => follower.next().await,
        }
    }

    /// Moves on behind records that were taken.
    pub async fn store(&mut self, records: &Records) -> anyhow::Result<()> {
        match self {
            Self::Kafka {
                stream,
                prefix,
                consumer,
            } => {
                for record in &records.records {
                    let topic = format!("{prefix}{}", record.topic);
                    let partition = record.partition.unwrap_or_default();
                    // A partition that another member has by now: its offsets are that member's.
                    if let Err(error) = stream.store_offset(&topic, partition, record.offset) {
                        tracing::debug!(error = %error, "the offset was not stored");
                    }
                }
                // The broker keeps the place. Who asks the tables how far the consumer is needs one there; without an inbox
                // nobody can tell.
                match consumer.remembers() {
                    true => freshness::advance(consumer).await,
                    false => Ok(()),
                }
            }
            Self::Log(follower) => follower.store(records.position).await,
        }
    }

    /// Goes back to the stored place after a failure.
    pub fn rewind(&mut self) {
        match self {
            // Takes its partitions up again at the stored offsets.
            Self::Kafka { stream, .. } => {
                let topics = stream.subscription();
                match topics {
                    Ok(topics) => {
                        let names: Vec<String> = topics
                            .elements()
                            .iter()
                            .map(|topic| topic.topic().to_owned())
                            .collect();
                        let names: Vec<&str> = names.iter().map(String::as_str).collect();
                        stream.unsubscribe();
                        if let Err(error) = stream.subscribe(&names) {
                            tracing::error!(error = %error, "the consumer cannot subscribe again");
                        }
                    }
                    Err(error) => {
                        tracing::error!(error = %error, "the consumer has lost its subscription")
                    }
                }
            }
            Self::Log(follower) => follower.position = None,
        }
    }
}

impl Follower {
    async fn next(&mut self) -> anyhow::Result<Records> {
        let mut pause = PAUSES.0;
        loop {
            let woken = self.ctx.wakeups().published.notified();
            let position = match self.position {
                Some(position) => position,
                None => *self.position.insert(self.stored().await?),
            };
            let mut connection = self.ctx.pool().acquire().await?;
            let events =
                event_log::after(&mut connection, position, &self.topics, BATCH as i64).await?;
            drop(connection);
            if let Some(last) = events.last() {
                let position = last.position;
                let records = events.into_iter().map(Record::from).collect();
                return Ok(Records { records, position });
            }
            // Nobody in this process said that something was published: it looks by itself.
            drop(timeout(pause, woken).await);
            pause = PAUSES.1.min(pause * 2);
        }
    }

    async fn stored(&self) -> sqlx::Result<i64> {
        let position = sqlx::query_scalar!(
            "SELECT position FROM followers WHERE consumer = $1",
            self.consumer
        )
        .fetch_optional(self.ctx.pool())
        .await?;
        Ok(position.unwrap_or_default())
    }

    async fn store(&mut self, position: i64) -> anyhow::Result<()> {
        sqlx::query!(
            "INSERT INTO followers (consumer, position) VALUES ($1, $2)
             ON CONFLICT (consumer) DO UPDATE SET position = greatest(followers.position, excluded.position)",
            self.consumer,
            position,
        )
        .execute(self.ctx.pool())
        .await?;
        self.position = Some(position);
        Ok(())
    }
}

fn to_record(message: &BorrowedMessage<'_>, prefix: &str) -> Record {
    let topic = message.topic();
    Record {
        topic: topic.strip_prefix(prefix).unwrap_or(topic).to_owned(),
        partition: Some(message.partition()),
        offset: message.offset(),
        key: message.key().map(Record::key),
        value: message.payload().unwrap_or_default().to_vec(),
    }
}
