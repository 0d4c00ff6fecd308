//! Topics of a world's own, and whatever a test wants to throw into them.

use std::thread;
use std::time::Duration;

use blazing_sun::infra::kafka;
use blazing_sun::kernel::id;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::FutureRecord;

use super::{block_on, soon};

/// As the stack has them.
const PARTITIONS: i32 = 3;
/// How long the broker may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// A prefix of its own, and the topics with it; they and their groups are deleted with this value.
pub struct Topics {
    settings: kafka::Settings,
    producer: kafka::Producer,
}

/// A record that no application would send.
#[derive(Clone, Copy, Debug, Default)]
pub struct Garbage<'a> {
    /// Its key, if it has one.
    pub key: Option<&'a [u8]>,
    /// Its value, if it has one.
    pub value: Option<&'a [u8]>,
}

impl Topics {
    /// Makes topics of these names.
    pub async fn create(settings: &kafka::Settings, names: &[&str]) -> Self {
        let prefix = format!("test_{}.", id::new().simple());
        let settings = kafka::Settings {
            prefix,
            ..settings.clone()
        };
        let producer = settings.producer().expect("a producer");
        let topics = Self { settings, producer };
        for name in names {
            topics.add(name).await;
        }
        topics
    }

    /// How the broker is reached.
    pub fn settings(&self) -> &kafka::Settings {
        &self.settings
    }

    /// Makes one more topic.
    pub async fn add(&self, name: &str) {
        let name = self.settings.full_name(name);
        let topic = NewTopic::new(&name, PARTITIONS, TopicReplication::Fixed(1));
        let admin = admin(&self.settings);
        let options = AdminOptions::new();
        let creating = admin.create_topics([&topic], &options);
        let created = soon("making a topic", creating).await.expect("Kafka");
        assert!(created.iter().all(Result::is_ok), "{created:?}");
    }

    /// Sends a record as it is.
    pub async fn throw(&self, topic: &str, garbage: Garbage<'_>) {
        let topic = self.settings.full_name(topic);
        let record = FutureRecord::<[u8], [u8]> {
            topic: &topic,
            partition: None,
            payload: garbage.value,
            key: garbage.key,
            timestamp: None,
            headers: None,
        };
        let sending = self.producer.send(record, ANSWER);
        soon("sending a record", sending).await.expect("Kafka");
    }

    async fn delete(&self) {
        let prefix = &self.settings.prefix;
        let admin = admin(&self.settings);
        let groups = admin
            .inner()
            .fetch_group_list(None, ANSWER)
            .expect("the groups");
        let groups: Vec<&str> = groups
            .groups()
            .iter()
            .map(|group| group.name())
            .filter(|name| name.starts_with(prefix))
            .collect();
        let metadata = admin
            .inner()
            .fetch_metadata(None, ANSWER)
            .expect("the topics");
        let topics: Vec<&str> = metadata
            .topics()
            .iter()
            .map(|topic| topic.name())
            .filter(|name| name.starts_with(prefix))
            .collect();
        let options = AdminOptions::new();
        if !groups.is_empty() {
            let deleted = soon("deleting groups", admin.delete_groups(&groups, &options))
                .await
                .expect("Kafka");
            // A member that was killed is missed only after a while; then the broker forgets the group by itself.
            let gone = |outcome: &Result<_, (_, RDKafkaErrorCode)>| {
                matches!(outcome, Ok(_) | Err((_, RDKafkaErrorCode::NonEmptyGroup)))
            };
            assert!(deleted.iter().all(gone), "{deleted:?}");
        }
        let deleted = soon("deleting topics", admin.delete_topics(&topics, &options))
            .await
            .expect("Kafka");
        assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
    }
}

impl Drop for Topics {
    fn drop(&mut self) {
        let deleted = thread::scope(|scope| scope.spawn(|| block_on(self.delete())).join());
        assert!(
            deleted.is_ok() || thread::panicking(),
            "the topics were not deleted"
        );
    }
}

fn admin(settings: &kafka::Settings) -> AdminClient<DefaultClientContext> {
    ClientConfig::new()
        .set(
            "bootstrap.servers",
            format!("{}:{}", settings.host, settings.port),
        )
        .create()
        .expect("a client")
}
