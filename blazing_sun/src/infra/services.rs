//! The services together, as the rest of the application reaches and asks them.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use tokio::time::timeout;

use crate::infra::blobs::{self, Blobs};
use crate::infra::kafka::{self, Kafka};
use crate::infra::postgres;
use crate::infra::rabbitmq::{self, RabbitMq};
use crate::infra::redis::{self, Redis};

/// How long a service may take to answer before it counts as away.
const ANSWER: Duration = Duration::from_secs(1);

/// A service that the application depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dependency {
    /// Remembers; nothing works without it.
    Postgres,
    /// Only speeds things up.
    Redis,
    /// Carries jobs.
    RabbitMq,
    /// Carries events.
    Kafka,
}

impl Dependency {
    /// Its name in answers, metrics and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Redis => "redis",
            Self::RabbitMq => "rabbitmq",
            Self::Kafka => "kafka",
        }
    }
}

/// Where every service is; all but PostgreSQL can be done without.
#[derive(Clone, Debug)]
pub struct Settings {
    /// PostgreSQL.
    pub postgres: postgres::Settings,
    /// Redis, if it caches.
    pub redis: Option<redis::Settings>,
    /// RabbitMQ, if it carries jobs.
    pub rabbitmq: Option<rabbitmq::Settings>,
    /// Kafka, if it carries events.
    pub kafka: Option<kafka::Settings>,
    /// Private files.
    pub blobs: blobs::Settings,
}

/// A client for every service.
pub struct Services {
    /// The pool of connections to PostgreSQL.
    pub postgres: PgPool,
    /// Redis, if it is used.
    pub redis: Option<Arc<Redis>>,
    /// Private files.
    pub blobs: Blobs,
    rabbitmq: Option<RabbitMq>,
    kafka: Option<Kafka>,
}

impl Services {
    /// Prepares every client; none of them needs its service to be there yet.
    pub fn new(settings: &Settings) -> anyhow::Result<Self> {
        Ok(Self {
            postgres: settings.postgres.pool(),
            redis: settings
                .redis
                .as_ref()
                .map(Redis::new)
                .transpose()?
                .map(Arc::new),
            blobs: Blobs::new(settings.blobs.clone()),
            rabbitmq: settings.rabbitmq.clone().map(RabbitMq::new),
            kafka: settings.kafka.as_ref().map(Kafka::new).transpose()?,
        })
    }

    /// Those that are used here, the essential one first.
    #[must_use]
    pub fn dependencies(&self) -> Vec<Dependency> {
        let used = [
            (Dependency::Postgres, true),
            (Dependency::Redis, self.redis.is_some()),
            (Dependency::RabbitMq, self.rabbitmq.is_some()),
            (Dependency::Kafka, self.kafka.is_some()),
        ];
        used.into_iter()
            .filter_map(|(dependency, used)| used.then_some(dependency))
            .collect()
    }

    /// Asks one service whether it does its work, and waits a second at most.
    pub async fn check(&self, dependency: Dependency) -> anyhow::Result<()> {
        let answer = async {
            match dependency {
                Dependency::Postgres => postgres::check(&self.postgres).await,
                Dependency::Redis => used(&self.redis)?.check().await,
                Dependency::RabbitMq => used(&self.rabbitmq)?.check().await,
                Dependency::Kafka => used(&self.kafka)?.check().await,
            }
        };
        within_limit(answer).await
    }

    /// Asks one service what it is, for the operator.
    pub async fn describe(&self, dependency: Dependency) -> anyhow::Result<String> {
        let answer = async {
            match dependency {
                Dependency::Postgres => postgres::describe(&self.postgres).await,
                Dependency::Redis => used(&self.redis)?.describe().await,
                Dependency::RabbitMq => used(&self.rabbitmq)?.describe().await,
                Dependency::Kafka => used(&self.kafka)?.describe().await,
            }
        };
        within_limit(answer).await
    }

    /// Says goodbye to the services that care; one that does not answer is left behind.
    pub async fn close(&self) {
        drop(timeout(ANSWER, self.postgres.close()).await);
        if let Some(rabbitmq) = &self.rabbitmq {
            drop(timeout(ANSWER, rabbitmq.close()).await);
        }
    }
}

fn used<T>(service: &Option<T>) -> anyhow::Result<&T> {
    service
        .as_ref()
        .ok_or_else(|| anyhow::anyhow!("it is not used here"))
}

async fn within_limit<T>(answer: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    timeout(ANSWER, answer)
        .await
        .unwrap_or_else(|_| Err(anyhow::anyhow!("no answer within {} s", ANSWER.as_secs())))
}
