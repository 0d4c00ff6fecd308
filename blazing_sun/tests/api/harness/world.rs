//! A world for one test: a database of its own, and the environment that leads the application there.

use std::path::Path;
use std::time::Duration;

use blazing_sun::app::config::Config;
use blazing_sun::infra::postgres;
use blazing_sun::infra::redis::Redis;
use sqlx::PgPool;
use tempfile::TempDir;

use super::Gate;
use crate::support::{
    Content, Database, PATIENCE, Topics, Variables, Vhost, config_of, soon, variables_of_the_tests,
};

/// The topics of the application.
const TOPICS: [&str; 6] = [
    "user.events",
    "auth.events",
    "transaction.events",
    "category.events",
    "system.events",
    "events.dead_letter",
];

/// One test's database and environment; all that was made for it goes with it.
pub struct World {
    mails: TempDir,
    storage: TempDir,
    brokers: Option<(Vhost, Topics)>,
    database: Database,
    /// Where the services really are, whatever the test lets the application believe.
    services: Variables,
    variables: Variables,
    /// How long somebody waits for a connection to PostgreSQL.
    patience: Duration,
}

impl World {
    /// A world with a migrated database on the PostgreSQL that the environment names.
    pub async fn new() -> Self {
        Self::with_database_of(Content::Schema).await
    }

    /// A world whose database has not seen a migration.
    pub async fn unmigrated() -> Self {
        Self::with_database_of(Content::Nothing).await
    }

    async fn with_database_of(content: Content) -> Self {
        let services = variables_of_the_tests();
        let database = Database::new(&services, content).await;
        let mut variables = services.clone();
        variables.insert("POSTGRES_DB".to_owned(), database.name().to_owned());
        variables.insert("BIND_ADDRESS".to_owned(), "127.0.0.1".to_owned());
        variables.insert("PORT".to_owned(), "0".to_owned());
        variables.insert("REDIS_PREFIX".to_owned(), format!("{}:", database.name()));
        variables.insert("DRAIN_SECONDS".to_owned(), "0".to_owned());
        let mails = TempDir::new().expect("a folder");
        variables.insert("MAIL_MAILER".to_owned(), "log".to_owned());
        let folder = mails.path().to_str().expect("a path of text");
        variables.insert("MAIL_FOLDER".to_owned(), folder.to_owned());
        let storage = TempDir::new().expect("a folder");
        let folder = storage.path().to_str().expect("a path of text");
        variables.insert("STORAGE_FOLDER".to_owned(), folder.to_owned());
        // Enough to be a hash.
        variables.insert("ARGON2_MEMORY_KIB".to_owned(), "64".to_owned());
        Self {
            mails,
            storage,
            brokers: None,
            database,
            services,
            variables,
            patience: postgres::PATIENCE,
        }
    }

    /// The same, where nobody who waits for a connection to PostgreSQL is sent away: for many at once, whose turn comes late
    /// on a machine that has other things to do.
    pub fn patient(mut self) -> Self {
        self.patience = PATIENCE;
        self
    }

    /// A world with a virtual host and topics of its own: events and jobs in it are nobody else's.
    pub async fn with_brokers() -> Self {
        let mut world = Self::new().await;
        let services = world.config().services;
        let rabbitmq = services.rabbitmq.expect("RabbitMQ carries jobs");
        let vhost = Vhost::create(&rabbitmq, &world.variables).await;
        let kafka = services.kafka.expect("Kafka carries events");
        let topics = Topics::create(&kafka, &TOPICS).await;
        world = world
            .with("RABBITMQ_VHOST", &vhost.settings().vhost)
            .with("KAFKA_PREFIX", &topics.settings().prefix);
        world.brokers = Some((vhost, topics));
        world
    }

    /// The topics of a world with brokers.
    pub fn topics(&self) -> &Topics {
        &self.brokers.as_ref().expect("a world with brokers").1
    }

    /// A world without brokers and cache: PostgreSQL alone.
    pub async fn solo() -> Self {
        Self::cached().await.with("CACHE", "none")
    }

    /// A world without brokers: PostgreSQL, and Redis to speed things up.
    pub async fn cached() -> Self {
        Self::new()
            .await
            .with("JOBS_CARRIER", "postgres")
            .with("EVENTS_CARRIER", "postgres")
    }

    /// The Redis of this world, whatever the test lets the application believe.
    pub fn redis(&self) -> Redis {
        let mut there = self.variables.clone();
        for name in ["REDIS_HOST", "REDIS_PORT"] {
            there.insert(name.to_owned(), self.services[name].clone());
        }
        let settings = config_of(&there).services.redis.expect("a cache");
        Redis::new(&settings).expect("settings of Redis")
    }

    /// Where private files lie.
    pub fn storage(&self) -> &Path {
        self.storage.path()
    }

    /// The mails that were written so far, as they would be sent, in the order of their jobs.
    pub fn mails(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.mails.path()).expect("the folder");
        let mut paths: Vec<_> = files
            .map(|file| file.expect("a file").path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "eml"))
            .collect();
        paths.sort();
        paths
            .iter()
            .map(|path| std::fs::read_to_string(path).expect("a mail"))
            .collect()
    }

    /// The newest mail to an address.
    pub fn newest_mail(&self, email: &str) -> String {
        let line = format!("To: {email}");
        let mails = self.mails().into_iter();
        let mut to = mails.filter(|mail| mail.lines().any(|found| found == line));
        to.next_back().expect("a mail")
    }

    /// Looks until a query finds `expected`, for what other processes do in their own time.
    pub async fn until(&self, query: &'static str, expected: i64) {
        let pool = self.pool();
        let looking = async {
            while self.number(&pool, query).await != expected {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        soon(query, looking).await;
        pool.close().await;
    }

    /// The number that a query finds.
    pub async fn number(&self, pool: &PgPool, query: &'static str) -> i64 {
        sqlx::query_scalar(query)
            .fetch_one(pool)
            .await
            .expect("a number")
    }

    /// Sets a variable.
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.variables.insert(name.to_owned(), value.to_string());
        self
    }

    /// Leads the application to a gate instead of a service, such as `REDIS`.
    pub fn behind(self, gate: &Gate, service: &str) -> Self {
        self.with(&format!("{service}_HOST"), "127.0.0.1")
            .with(&format!("{service}_PORT"), gate.port())
    }

    /// Where a service really is, as `host:port`.
    pub fn address_of(&self, service: &str) -> String {
        let part = |name: &str| &self.services[&format!("{service}_{name}")];
        format!("{}:{}", part("HOST"), part("PORT"))
    }

    /// Removes a variable.
    pub fn without(mut self, name: &str) -> Self {
        self.variables.remove(name);
        self
    }

    /// The environment of this world.
    pub fn variables(&self) -> &Variables {
        &self.variables
    }

    /// The value of a variable.
    pub fn variable(&self, name: &str) -> &str {
        &self.variables[name]
    }

    /// The configuration that the application would read here.
    pub fn config(&self) -> Config {
        let mut config = config_of(&self.variables);
        config.services.postgres.patience = self.patience;
        config
    }

    /// A pool on this world's database.
    pub fn pool(&self) -> PgPool {
        self.config().services.postgres.pool()
    }

    /// Takes the database away while the application uses it.
    pub async fn lose_database(&self) {
        self.database.lose().await;
    }
}
