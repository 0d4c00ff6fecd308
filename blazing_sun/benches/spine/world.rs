//! A world of the bench's own: a database, a virtual host and topics, which go when it is done.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use blazing_sun::app::config::{Config, Sources};
use blazing_sun::app::wiring::Wiring;
use blazing_sun::flow::event_log;
use blazing_sun::infra::measures::Measures;
use blazing_sun::infra::{kafka, migrations, rabbitmq};
use blazing_sun::kernel::clock::SystemClock;
use blazing_sun::kernel::id;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use secrecy::ExposeSecret;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool};

use crate::http;

/// Partitions of a topic, as in `kafka/entrypoint.sh`.
const PARTITIONS: i32 = 3;
/// How long Kafka may take to answer.
const ANSWER: Duration = Duration::from_secs(10);
/// The key that the links in mails are derived with.
const KEY: &str = "a key of the bench, which nobody keeps";

/// Where one bench takes place.
pub struct World {
    /// The application's configuration, led here.
    pub config: Config,
    administration: PgConnectOptions,
    management: String,
}

impl World {
    /// Makes a world where the configuration leads. It is noted in `worlds` first, to be removed even if it is half made.
    pub async fn new(
        worlds: &mut Vec<Arc<Self>>,
        management_port: u16,
    ) -> anyhow::Result<Arc<Self>> {
        let name = format!("bench_{}", id::new().simple());
        let sources = Sources::of_process().with_environment([("APP_KEY", KEY)]);
        let mut config = Config::read(sources).config.map_err(|problems| {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            anyhow::anyhow!("{}", problems.join("; "))
        })?;
        let services = &mut config.services;
        let administration = services.postgres.connect_options();
        services.postgres.database.clone_from(&name);
        let rabbitmq = services
            .rabbitmq
            .as_mut()
            .context("JOBS_CARRIER has to be rabbitmq")?;
        rabbitmq.vhost.clone_from(&name);
        let management = format!("{}:{management_port}", rabbitmq.host);
        let kafka = services
            .kafka
            .as_mut()
            .context("EVENTS_CARRIER has to be kafka")?;
        kafka.prefix = format!("{name}.");
        let world = Arc::new(Self {
            config,
            administration,
            management,
        });
        worlds.push(Arc::clone(&world));
        world.build().await?;
        Ok(world)
    }

    /// Its name, which the database, the virtual host and the topics have in common.
    pub fn name(&self) -> &str {
        &self.config.services.postgres.database
    }

    /// What the application would put together here, with counters that stand at zero.
    pub fn wiring(&self) -> anyhow::Result<Wiring> {
        Wiring::new(&self.config, Arc::new(SystemClock), &Measures::default())
    }

    /// A connection to its database, without a pool.
    pub async fn connect(&self) -> sqlx::Result<PgConnection> {
        PgConnection::connect_with(&self.config.services.postgres.connect_options()).await
    }

    /// A pool of the application's size that tests no connection, for bare loops.
    pub async fn bare_pool(&self) -> sqlx::Result<PgPool> {
        let settings = &self.config.services.postgres;
        PgPoolOptions::new()
            .max_connections(settings.pool_size)
            .test_before_acquire(false)
            .connect_with(settings.connect_options())
            .await
    }

    /// Where RabbitMQ is.
    pub fn rabbitmq(&self) -> anyhow::Result<&rabbitmq::Settings> {
        self.config
            .services
            .rabbitmq
            .as_ref()
            .context("no RabbitMQ")
    }

    /// Where Kafka is.
    pub fn kafka(&self) -> anyhow::Result<&kafka::Settings> {
        self.config.services.kafka.as_ref().context("no Kafka")
    }

    fn kafka_client(&self) -> anyhow::Result<ClientConfig> {
        let kafka = self.kafka()?;
        let mut client = ClientConfig::new();
        client.set(
            "bootstrap.servers",
            format!("{}:{}", kafka.host, kafka.port),
        );
        Ok(client)
    }

    /// Moves a group, which has no members, behind everything in the topics.
    pub async fn skip_records(&self, group: &str) -> anyhow::Result<()> {
        let mut client = self.kafka_client()?;
        client.set("group.id", self.kafka()?.full_name(group));
        let topics = self.topics()?;
        tokio::task::spawn_blocking(move || {
            let consumer: BaseConsumer = client.create()?;
            let mut behind = TopicPartitionList::new();
            for topic in &topics {
                for partition in 0..PARTITIONS {
                    let (_, end) = consumer.fetch_watermarks(topic, partition, ANSWER)?;
                    behind.add_partition_offset(topic, partition, Offset::Offset(end))?;
                }
            }
            consumer.commit(&behind, CommitMode::Sync)?;
            Ok(())
        })
        .await?
    }

    /// Asks RabbitMQ's management interface.
    pub async fn manage(&self, method: &str, path: &str, body: &str) -> anyhow::Result<String> {
        let rabbitmq = self.rabbitmq()?;
        let user = format!("{}:{}", rabbitmq.user, rabbitmq.password.expose_secret());
        let authorization = format!("Basic {}", STANDARD.encode(user));
        let path = format!("/api/{path}");
        let (status, answer) = http::once(&self.management, method, &path, &authorization, body)
            .await
            .with_context(|| format!("RabbitMQ's management interface at {}", self.management))?;
        ensure!(
            (200..300).contains(&status),
            "{method} {path}: {status} {answer}"
        );
        Ok(answer)
    }

    async fn build(&self) -> anyhow::Result<()> {
        let name = self.name();
        self.administer(format!("CREATE DATABASE {name}")).await?;
        let pool = self.config.services.postgres.pool();
        migrations::apply(&pool).await?;
        event_log::prepare(&pool).await?;
        pool.close().await;

        self.manage("PUT", &format!("vhosts/{name}"), "{}").await?;
        let everything = r#"{"configure":".*","write":".*","read":".*"}"#;
        let user = &self.rabbitmq()?.user;
        self.manage("PUT", &format!("permissions/{name}/{user}"), everything)
            .await?;

        let topics = self.topics()?;
        let topics = topics
            .iter()
            .map(|topic| NewTopic::new(topic, PARTITIONS, TopicReplication::Fixed(1)));
        let made = self
            .kafka_client()?
            .create::<AdminClient<DefaultClientContext>>()?
            .create_topics(&topics.collect::<Vec<_>>(), &AdminOptions::new())
            .await?;
        for topic in made {
            topic.map_err(|(topic, code)| anyhow::anyhow!("{topic}: {code}"))?;
        }
        Ok(())
    }

    /// Removes everything, also what was only half made.
    pub async fn remove(&self) -> anyhow::Result<()> {
        let name = self.name();
        // What was not made cannot be removed, and need not be.
        if let Err(error) = self.manage("DELETE", &format!("vhosts/{name}"), "").await {
            eprintln!("{error:#}");
        }
        let topics = self.topics()?;
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        let admin: AdminClient<DefaultClientContext> = self.kafka_client()?.create()?;
        admin.delete_topics(&topics, &AdminOptions::new()).await?;
        let group = self.kafka()?.full_name("audit");
        admin.delete_groups(&[&group], &AdminOptions::new()).await?;
        // Not WITH (FORCE), which refuses while PostgreSQL itself is cleaning up in there.
        self.administer(format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND usename = current_user"
        ))
        .await?;
        self.administer(format!("DROP DATABASE IF EXISTS {name}"))
            .await
    }

    fn topics(&self) -> anyhow::Result<Vec<String>> {
        let kafka = self.kafka()?;
        Ok(kafka
            .topics
            .iter()
            .map(|topic| kafka.full_name(topic))
            .collect())
    }

    async fn administer(&self, statement: String) -> anyhow::Result<()> {
        let mut connection = PgConnection::connect_with(&self.administration).await?;
        connection.execute(AssertSqlSafe(statement)).await?;
        connection.close().await?;
        Ok(())
    }
}
