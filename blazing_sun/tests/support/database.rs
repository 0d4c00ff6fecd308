//! A database for one test, which goes with it.
//!
//! A migrated one is copied from a template, which is made once for each set of migrations: its name is their hash, so
//! that all test binaries share it and no old one is ever used.

use std::fmt::Write;
use std::thread;

use blazing_sun::kernel::id;
use sha2::{Digest, Sha256};
use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Postgres};

use super::{Variables, block_on, config_of};

static MIGRATIONS: Migrator = sqlx::migrate!();

/// One builder of templates at a time; any number would do that nobody else uses.
const BUILDING: i64 = 0x7e3_91a7e;

/// Whether a database is there.
const EXISTS: &str = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)";
/// Ends the sessions in a database, and counts them.
const END_SESSIONS: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                            WHERE datname = $1 AND usename = current_user";

/// What is in a new database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Nothing.
    Nothing,
    /// The schema, as all migrations leave it.
    Schema,
}

impl Content {
    /// The database that has it.
    fn template(self) -> String {
        match self {
            Self::Nothing => "template0".to_owned(),
            Self::Schema => format!("template_{}", fingerprint()),
        }
    }
}

/// A database that is dropped with this value.
pub struct Database {
    name: String,
    /// Leads to a database that is there before and after.
    administration: PgConnectOptions,
}

impl Database {
    /// A new database on the PostgreSQL that the variables name.
    pub async fn new(services: &Variables, content: Content) -> Self {
        let administration = config_of(services).services.postgres.connect_options();
        if content == Content::Schema {
            make_template(&administration).await;
        }
        Self::copy(administration, content).await
    }

    async fn copy(administration: PgConnectOptions, content: Content) -> Self {
        let name = format!("test_{}", id::new().simple());
        let mut connection = connect(&administration).await;
        let statement = format!("CREATE DATABASE {name} TEMPLATE {}", content.template());
        administer(&mut connection, statement).await;
        // Nothing in it has to outlive the server, and the disk is everybody's.
        let statement = format!("ALTER DATABASE {name} SET synchronous_commit = off");
        administer(&mut connection, statement).await;
        connection.close().await.expect("a goodbye");
        Self {
            name,
            administration,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Drops it, whoever uses it. Twice is fine.
    pub async fn lose(&self) {
        let name = &self.name;
        let mut connection = connect(&self.administration).await;
        let exists: bool = ask(&mut connection, EXISTS, name).await;
        if exists {
            // Not WITH (FORCE), which refuses while PostgreSQL itself is cleaning up in there.
            administer(
                &mut connection,
                format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"),
            )
            .await;
            let _ended: i64 = ask(&mut connection, END_SESSIONS, name).await;
            administer(&mut connection, format!("DROP DATABASE {name}")).await;
        }
        connection.close().await.expect("a goodbye");
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let dropped = thread::scope(|scope| scope.spawn(|| block_on(self.lose())).join());
        assert!(
            dropped.is_ok() || thread::panicking(),
            "the database was not dropped"
        );
    }
}

/// Makes the template, if nobody has made it before.
async fn make_template(administration: &PgConnectOptions) {
    let name = Content::Schema.template();
    let mut guard = connect(administration).await;
    sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(BUILDING)
        .execute(&mut guard)
        .await
        .expect("the turn");
    let exists: bool = ask(&mut guard, EXISTS, &name).await;
    if !exists {
        // Built under another name: a template is there as a whole or not at all.
        let building = Database::copy(administration.clone(), Content::Nothing).await;
        let mut inside = connect(&administration.clone().database(&building.name)).await;
        MIGRATIONS
            .run(&mut inside)
            .await
            .expect("migrations that go through");
        inside.close().await.expect("a goodbye");
        for change in [
            "ALLOW_CONNECTIONS false".to_owned(),
            format!("RENAME TO {name}"),
        ] {
            administer(
                &mut guard,
                format!("ALTER DATABASE {} {change}", building.name),
            )
            .await;
        }
    }
    guard.close().await.expect("a goodbye");
}

/// Tells sets of migrations apart.
fn fingerprint() -> String {
    let mut hash = Sha256::new();
    for migration in MIGRATIONS.iter() {
        hash.update(migration.version.to_be_bytes());
        hash.update(&migration.checksum);
    }
    hash.finalize()
        .iter()
        .take(8)
        .fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a text");
            text
        })
}

async fn connect(options: &PgConnectOptions) -> PgConnection {
    PgConnection::connect_with(options)
        .await
        .expect("PostgreSQL")
}

async fn ask<T>(connection: &mut PgConnection, question: &'static str, database: &str) -> T
where
    T: Send + Unpin + for<'r> sqlx::Decode<'r, Postgres> + sqlx::Type<Postgres>,
{
    sqlx::query_scalar(question)
        .bind(database)
        .fetch_one(connection)
        .await
        .expect("an answer")
}

async fn administer(connection: &mut PgConnection, statement: String) {
    connection
        .execute(AssertSqlSafe(statement))
        .await
        .expect("a role that may create databases");
}
