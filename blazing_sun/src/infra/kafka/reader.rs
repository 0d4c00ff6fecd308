//! Reading topics from a time to their present end, as an onlooker: in no group, and no place is kept.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use rdkafka::consumer::Consumer as _;
use rdkafka::{Message, Offset, TopicPartitionList};
use tokio::task::spawn_blocking;

use crate::infra::kafka::{Onlooker, Settings};

/// The most records of one batch, and the most of their bytes, but for one record that alone has more.
const BATCH: usize = 1000;
const BATCH_BYTES: usize = 8 << 20;
/// How long a question may take, and how long the broker may send nothing although there is more.
const ANSWER: Duration = Duration::from_secs(10);
/// How long one look for the next record lasts.
const LOOK: Duration = Duration::from_millis(100);

/// A record as it lies in a topic.
#[derive(Debug)]
pub struct Seen {
    /// The topic, by the name of the contracts.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its place there.
    pub offset: i64,
    /// When it was made, by its own word.
    pub at: Option<DateTime<Utc>>,
    /// Its value.
    pub value: Vec<u8>,
}

/// A group's place in a partition: what lies before it was taken.
#[derive(Debug)]
pub struct Place {
    /// The topic, by the name of the contracts.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The next offset that the group will be given.
    pub next: i64,
}

/// Topics that are being read.
pub struct Reader {
    consumer: Arc<Onlooker>,
    prefix: String,
    /// What is still to be read: the end of each partition that has one ahead.
    ends: HashMap<(String, i32), i64>,
}

impl Reader {
    /// Finds the partitions of the topics and their present ends, and begins at `since` or at the beginning. A topic that the
    /// broker does not have is empty.
    pub async fn open(
        settings: &Settings,
        topics: &[String],
        since: Option<DateTime<Utc>>,
    ) -> anyhow::Result<Self> {
        let consumer = Arc::new(settings.onlooker("onlooker")?);
        let prefix = settings.prefix.clone();
        let names: Vec<String> = topics
            .iter()
            .map(|topic| settings.full_name(topic))
            .collect();
        let asked = Arc::clone(&consumer);
        let ends = spawn_blocking(move || begin(&asked, &names, since))
            .await?
            .context("Kafka does not say what it has")?;
        Ok(Self {
            consumer,
            prefix,
            ends,
        })
    }

    /// The next records; none at the end, which is where the topics ended when they were opened.
    pub async fn next(&mut self) -> anyhow::Result<Vec<Seen>> {
        if self.ends.is_empty() {
            return Ok(Vec::new());
        }
        let (consumer, prefix) = (Arc::clone(&self.consumer), self.prefix.clone());
        let mut ends = std::mem::take(&mut self.ends);
        let (records, ends) = spawn_blocking(move || {
            let records = read(&consumer, &prefix, &mut ends);
            (records, ends)
        })
        .await?;
        self.ends = ends;
        records
    }
}

/// Where a group is in topics, as far as it has committed a place that there still is.
pub async fn places(
    settings: &Settings,
    group: &str,
    topics: &[&str],
) -> anyhow::Result<Vec<Place>> {
    let consumer = settings.onlooker(group)?;
    let prefix = settings.prefix.clone();
    let names: Vec<String> = topics
        .iter()
        .map(|topic| settings.full_name(topic))
        .collect();
    let asking = move || {
        let mut asked = TopicPartitionList::new();
        for (topic, partition) in partitions(&consumer, &names)? {
            asked.add_partition(&topic, partition);
        }
        let mut places = Vec::new();
        for element in consumer.committed_offsets(asked, ANSWER)?.elements() {
            if let Offset::Offset(next) = element.offset() {
                let (_, end) =
                    consumer.fetch_watermarks(element.topic(), element.partition(), ANSWER)?;
                // A place behind the end is one in a topic that was lost: the group begins again.
                if next <= end {
                    places.push(Place {
                        topic: contract(element.topic(), &prefix),
                        partition: element.partition(),
                        next,
                    });
                }
            }
        }
        anyhow::Ok(places)
    };
    spawn_blocking(asking)
        .await?
        .with_context(|| format!("Kafka does not say where {group} is"))
}

/// The partitions of those topics that there are.
fn partitions(consumer: &Onlooker, names: &[String]) -> anyhow::Result<Vec<(String, i32)>> {
    let metadata = consumer.fetch_metadata(None, ANSWER)?;
    let mut partitions = Vec::new();
    for topic in metadata.topics() {
        if names.iter().any(|name| name == topic.name()) {
            for partition in topic.partitions() {
                partitions.push((topic.name().to_owned(), partition.id()));
            }
        }
    }
    Ok(partitions)
}

fn begin(
    consumer: &Onlooker,
    names: &[String],
    since: Option<DateTime<Utc>>,
) -> anyhow::Result<HashMap<(String, i32), i64>> {
    let mut wanted = TopicPartitionList::new();
    for (topic, partition) in partitions(consumer, names)? {
        let at = since.map_or(Offset::Beginning, |since| {
            Offset::Offset(since.timestamp_millis().max(0))
        });
        wanted.add_partition_offset(&topic, partition, at)?;
    }
    if since.is_some() {
        wanted = consumer.offsets_for_times(wanted, ANSWER)?;
    }
    let (mut ends, mut assigned) = (HashMap::new(), TopicPartitionList::new());
    for element in wanted.elements() {
        let (topic, partition) = (element.topic(), element.partition());
        let (first, end) = consumer.fetch_watermarks(topic, partition, ANSWER)?;
        let start = match element.offset() {
            Offset::Offset(offset) => offset.max(first),
            Offset::Beginning => first,
            // There is nothing as young as that.
            _ => end,
        };
        if start < end {
            assigned.add_partition_offset(topic, partition, Offset::Offset(start))?;
            ends.insert((topic.to_owned(), partition), end);
        }
    }
    consumer.assign(&assigned)?;
    Ok(ends)
}

fn read(
    consumer: &Onlooker,
    prefix: &str,
    ends: &mut HashMap<(String, i32), i64>,
) -> anyhow::Result<Vec<Seen>> {
    let (mut records, mut bytes, mut idle) = (Vec::new(), 0, Duration::ZERO);
    while !ends.is_empty() && records.len() < BATCH && bytes < BATCH_BYTES {
        match consumer.poll(LOOK) {
            None => {
                idle += LOOK;
                if idle >= ANSWER {
                    bail!("Kafka sends nothing, although it has more");
                }
            }
            Some(Ok(message)) => {
                idle = Duration::ZERO;
                let partition = (message.topic().to_owned(), message.partition());
                let Some(end) = ends.get(&partition).copied() else {
                    // What came after the end was asked for.
                    continue;
                };
                if message.offset() + 1 >= end {
                    ends.remove(&partition);
                }
                if message.offset() < end {
                    let value = message.payload().unwrap_or_default().to_vec();
                    bytes += value.len();
                    records.push(Seen {
                        topic: contract(message.topic(), prefix),
                        partition: message.partition(),
                        offset: message.offset(),
                        at: message
                            .timestamp()
                            .to_millis()
                            .and_then(DateTime::from_timestamp_millis),
                        value,
                    });
                }
            }
            Some(Err(error)) => return Err(error).context("Kafka cannot be read"),
        }
    }
    Ok(records)
}

fn contract(topic: &str, prefix: &str) -> String {
    topic.strip_prefix(prefix).unwrap_or(topic).to_owned()
}
