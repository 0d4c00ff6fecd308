//! Kafka: clients that connect and reconnect in threads of their own. One asks whether the broker is well; a relay makes a
//! producer, each consumer a subscription.

mod reader;
mod said;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaResult;
use rdkafka::metadata::Metadata;
use rdkafka::producer::{Producer as _, ThreadedProducer};

use said::Said;

pub use reader::{Place, Reader, Seen, places};

/// How long a question may keep its thread.
const ANSWER: Duration = Duration::from_secs(1);

/// Sends records, and says of each whether the broker has it.
pub type Producer = rdkafka::producer::FutureProducer<Said>;
/// Takes records as a member of a group.
pub type Subscription = rdkafka::consumer::StreamConsumer<Said>;
/// Looks at records, in no group.
type Onlooker = rdkafka::consumer::BaseConsumer<Said>;

/// Where the broker is and what it must hold.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The bootstrap server's name or address.
    pub host: String,
    /// The bootstrap server's port.
    pub port: u16,
    /// The topics that must exist, by the names of the contracts.
    pub topics: Vec<String>,
    /// What stands before every topic's and every group's name, so that several applications can share a broker.
    pub prefix: String,
}

impl Settings {
    /// The name under which the broker knows a topic or a group.
    #[must_use]
    pub fn full_name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", format!("{}:{}", self.host, self.port))
            .set("client.id", "blazing_sun")
            // How long an answer may take; the default lets a minute pass at a connection that leads nowhere.
            .set("socket.timeout.ms", "10000")
            .set("log.connection.close", "false")
            // The default lets ten seconds pass before a broker that is back is seen.
            .set("reconnect.backoff.max.ms", "1000");
        config
    }

    /// A producer that keeps the order of what it was given and sends it again until the broker has it, however long that
    /// takes.
    pub fn producer(&self) -> KafkaResult<Producer> {
        self.client()
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("message.timeout.ms", "0")
            .set("linger.ms", "0")
            .set("message.max.bytes", "1048588")
            // A topic that does not exist is told after five seconds instead of thirty.
            .set("topic.metadata.propagation.max.ms", "5000")
            .create_with_context(Said)
    }

    /// A consumer in a group, at the group's place or else at the beginning. An offset is committed after it was stored.
    pub fn subscribe(&self, group: &str, topics: &[&str]) -> KafkaResult<Subscription> {
        let consumer: Subscription = self
            .client()
            .set("group.id", self.full_name(group))
            .set("enable.auto.commit", "true")
            .set("auto.commit.interval.ms", "1000")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            .set("session.timeout.ms", "10000")
            // What may be fetched ahead, in KiB: the default would be 64 MiB for each consumer.
            .set("queued.max.messages.kbytes", "4096")
            .create_with_context(Said)?;
        let topics: Vec<String> = topics.iter().map(|topic| self.full_name(topic)).collect();
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        consumer.subscribe(&topics)?;
        Ok(consumer)
    }

    /// A client that looks at topics and at the places of a group, which it never joins.
    fn onlooker(&self, group: &str) -> KafkaResult<Onlooker> {
        self.client()
            .set("group.id", self.full_name(group))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            .set("queued.max.messages.kbytes", "16384")
            .create_with_context(Said)
    }
}

/// The client that asks: a producer, because its thread also takes in the errors of an absent broker.
pub struct Kafka {
    client: Arc<ThreadedProducer<Said>>,
    topics: Vec<String>,
}

impl Kafka {
    /// Starts the client, which looks for the broker in the background.
    pub fn new(settings: &Settings) -> KafkaResult<Self> {
        Ok(Self {
            client: Arc::new(settings.client().create_with_context(Said)?),
            topics: settings
                .topics
                .iter()
                .map(|topic| settings.full_name(topic))
                .collect(),
        })
    }

    /// Asks whether the broker answers and holds every topic.
    pub async fn check(&self) -> anyhow::Result<()> {
        let metadata = self.metadata().await?;
        let present: BTreeSet<&str> = metadata.topics().iter().map(|topic| topic.name()).collect();
        let missing: Vec<&str> = self
            .topics
            .iter()
            .map(String::as_str)
            .filter(|name| !present.contains(name))
            .collect();
        anyhow::ensure!(missing.is_empty(), "missing topics: {}", missing.join(", "));
        Ok(())
    }

    /// The size of the cluster; the protocol does not tell the server's version.
    pub async fn describe(&self) -> anyhow::Result<String> {
        let metadata = self.metadata().await?;
        Ok(format!(
            "{} brokers, {} topics",
            metadata.brokers().len(),
            metadata.topics().len()
        ))
    }

    async fn metadata(&self) -> anyhow::Result<Metadata> {
        let client = Arc::clone(&self.client);
        let metadata =
            tokio::task::spawn_blocking(move || client.client().fetch_metadata(None, ANSWER))
                .await??;
        Ok(metadata)
    }
}
