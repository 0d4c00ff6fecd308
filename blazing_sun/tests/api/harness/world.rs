//! A world for one test: a database of its own, and the environment that leads the application there.

use std::collections::BTreeMap;
use std::thread;

use blazing_sun::app::config::{Config, Sources};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool};

use super::Gate;

/// The prefixes of the variables that say where the services are.
const SERVICES: [&str; 4] = ["POSTGRES_", "REDIS_", "RABBITMQ_", "KAFKA_"];

/// One test's database and environment; the database goes with it.
pub struct World {
    database: String,
    /// Where the services really are, whatever the test lets the application believe.
    services: BTreeMap<String, String>,
    variables: BTreeMap<String, String>,
}

impl World {
    /// A world with an empty database on the PostgreSQL that the environment names.
    #[expect(
        clippy::disallowed_methods,
        reason = "the environment says where the services are"
    )]
    pub async fn new() -> Self {
        let services: BTreeMap<String, String> = std::env::vars()
            .filter(|(name, _)| SERVICES.iter().any(|prefix| name.starts_with(prefix)))
            .collect();
        let database = format!("test_{}", blazing_sun::kernel::id::new().simple());
        administer(&services, format!("CREATE DATABASE {database}")).await;
        let mut variables = services.clone();
        variables.insert("POSTGRES_DB".to_owned(), database.clone());
        variables.insert("BIND_ADDRESS".to_owned(), "127.0.0.1".to_owned());
        variables.insert("PORT".to_owned(), "0".to_owned());
        variables.insert("DRAIN_SECONDS".to_owned(), "0".to_owned());
        Self {
            database,
            services,
            variables,
        }
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
    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    /// The value of a variable.
    pub fn variable(&self, name: &str) -> &str {
        &self.variables[name]
    }

    /// The configuration that the application would read here.
    pub fn config(&self) -> Config {
        config_of(&self.variables)
    }

    /// A pool on this world's database.
    pub fn pool(&self) -> PgPool {
        self.config().services.postgres.pool()
    }

    /// Takes the database away while the application uses it.
    pub async fn lose_database(&self) {
        administer(
            &self.services,
            format!("DROP DATABASE {} WITH (FORCE)", self.database),
        )
        .await;
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.database);
        let services = self.services.clone();
        let dropping = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(administer(&services, statement));
        });
        assert!(
            dropping.join().is_ok() || thread::panicking(),
            "the database was not dropped"
        );
    }
}

async fn administer(variables: &BTreeMap<String, String>, statement: String) {
    let options = config_of(variables).services.postgres.connect_options();
    let mut connection = PgConnection::connect_with(&options)
        .await
        .expect("PostgreSQL");
    connection
        .execute(AssertSqlSafe(statement))
        .await
        .expect("a role that may create databases");
    connection.close().await.expect("a goodbye");
}

fn config_of(variables: &BTreeMap<String, String>) -> Config {
    let variables = variables
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()));
    let reading = Config::read(Sources::defaults().with_environment(variables));
    reading
        .config
        .expect("POSTGRES_, REDIS_, RABBITMQ_ and KAFKA_ variables that name the services")
}
