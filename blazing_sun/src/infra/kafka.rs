//! Kafka: one client, which connects and reconnects in threads of its own.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaResult;
use rdkafka::metadata::Metadata;
use rdkafka::producer::{DefaultProducerContext, Producer, ThreadedProducer};

/// How long a question may keep its thread.
const ANSWER: Duration = Duration::from_secs(1);

/// Where the broker is and what it must hold.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The bootstrap server's name or address.
    pub host: String,
    /// The bootstrap server's port.
    pub port: u16,
    /// The topics that must exist.
    pub topics: Vec<String>,
}

/// The one client of Kafka: a producer, because its thread also takes in the errors of an absent broker.
pub struct Kafka {
    client: Arc<ThreadedProducer<DefaultProducerContext>>,
    topics: Vec<String>,
}

impl Kafka {
    /// Starts the client, which looks for the broker in the background.
    pub fn new(settings: &Settings) -> KafkaResult<Self> {
        let client = ClientConfig::new()
            .set("bootstrap.servers", format!("{}:{}", settings.host, settings.port))
            .set("client.id", "blazing_sun")
            .set("log.connection.close", "false")
            // The default lets ten seconds pass before a broker that is back is seen.
            .set("reconnect.backoff.max.ms", "1000")
            .create()?;
        Ok(Self {
            client: Arc::new(client),
            topics: settings.topics.clone(),
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
