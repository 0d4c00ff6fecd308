//! PostgreSQL: the pool, and waiting for the server at start.

mod transaction;

use std::io;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use sqlx::{Connection, PgConnection, PgPool};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::infra::migrations;
pub use transaction::{Transaction, Transactions};

/// How long one attempt to connect may take.
const ATTEMPT: Duration = Duration::from_secs(3);
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(100);
/// How often a waiting start says that it waits.
const REMINDER: Duration = Duration::from_secs(3);

/// How long anybody waits for a connection of the pool before they are told to come back.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Where the database is and who signs in.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The server's name or address.
    pub host: String,
    /// The server's port.
    pub port: u16,
    /// The role that owns the database.
    pub user: String,
    /// The role's password.
    pub password: SecretString,
    /// The database.
    pub database: String,
    /// How much TLS is asked for.
    pub sslmode: PgSslMode,
    /// The most connections the pool holds.
    pub pool_size: u32,
    /// How long anybody waits for one of them.
    pub patience: Duration,
}

impl Settings {
    /// `host:port`, for messages.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The options of one connection, built from parts: no password needs escaping.
    #[must_use]
    pub fn connect_options(&self) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .host(&self.host)
            .port(self.port)
            .username(&self.user)
            .password(self.password.expose_secret())
            .database(&self.database)
            .ssl_mode(self.sslmode)
            .application_name("blazing_sun")
            .options([
                // Keeps "already exists, skipping" out of the logs of every start.
                ("client_min_messages", "warning"),
                // A process that is stopped in the middle of a transaction must not hold its locks for ever.
                ("idle_in_transaction_session_timeout", "10s"),
            ])
    }

    /// A pool that connects when it is first used.
    #[must_use]
    pub fn pool(&self) -> PgPool {
        PgPoolOptions::new()
            .max_connections(self.pool_size)
            .acquire_timeout(self.patience)
            .connect_lazy_with(self.connect_options())
    }
}

/// Why a start did not get its database.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// The server answered and said no, so that waiting would not help.
    #[error("PostgreSQL at {address} refused the connection: {reason}")]
    Refused {
        /// Who was asked.
        address: String,
        /// What it answered.
        reason: String,
    },
    /// Nobody answered in time.
    #[error("gave up waiting for PostgreSQL at {address} after {} s: {reason}", .waited.as_secs())]
    TimedOut {
        /// Who was asked.
        address: String,
        /// How long.
        waited: Duration,
        /// What went wrong the last time.
        reason: String,
    },
}

/// Waits until PostgreSQL takes connections, at most `limit`.
pub async fn wait_until_up(settings: &Settings, limit: Duration) -> Result<(), Unavailable> {
    let address = settings.address();
    let options = settings.connect_options();
    let deadline = Instant::now() + limit;
    let mut next_reminder = Instant::now();
    loop {
        let attempt_ends = deadline.min(Instant::now() + ATTEMPT);
        let reason = match timeout_at(attempt_ends, PgConnection::connect_with(&options)).await {
            Ok(Ok(connection)) => {
                // A failing goodbye changes nothing: the server was up.
                drop(timeout(ATTEMPT, connection.close()).await);
                return Ok(());
            }
            Ok(Err(error)) if is_final(&error) => {
                return Err(Unavailable::Refused {
                    address,
                    reason: message(&error),
                });
            }
            Ok(Err(error)) => message(&error),
            Err(_) => "no answer".to_owned(),
        };
        if Instant::now() + PAUSE >= deadline {
            return Err(Unavailable::TimedOut {
                address,
                waited: limit,
                reason,
            });
        }
        if Instant::now() >= next_reminder {
            tracing::warn!(error = reason, "waiting for PostgreSQL at {address} ...");
            next_reminder = Instant::now() + REMINDER;
        }
        sleep(PAUSE).await;
    }
}

/// What PostgreSQL said, without the library's own words around it.
#[must_use]
pub fn message(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(answer) => answer.message().to_owned(),
        sqlx::Error::Io(cause) => cause.to_string(),
        other => other.to_string(),
    }
}

/// Whether an error is about the server or the moment, and not about what was asked: the same may succeed later.
#[must_use]
pub fn is_passing(error: &sqlx::Error) -> bool {
    /// Classes: connection, insufficient resources, operator intervention; codes: serialization failure, deadlock, lock
    /// not available, and `read_only_sql_transaction`, as a standby answers.
    const PASSING: [&str; 7] = ["08", "53", "57", "40001", "40P01", "55P03", "25006"];
    match error {
        sqlx::Error::Database(answer) => answer
            .code()
            .is_some_and(|code| PASSING.iter().any(|passing| code.starts_with(passing))),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}

/// The same for an error that has such a one among its causes.
#[must_use]
pub fn is_passing_cause(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<sqlx::Error>())
        .any(is_passing)
}

/// Gives up what takes longer than `limit`, for a cause that passes: nobody is told of a connection that leads nowhere, and who
/// waits at it for an answer waits for a quarter of an hour.
pub async fn within<T, E: From<sqlx::Error>>(
    limit: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    timeout(limit, work).await.unwrap_or_else(|_| {
        let message = format!("no answer within {} s", limit.as_secs());
        Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, message)).into())
    })
}

/// The constraint or unique index that a statement would have violated, if that is why it failed.
#[must_use]
pub fn violated(error: &sqlx::Error) -> Option<&str> {
    match error {
        sqlx::Error::Database(answer) => answer.constraint(),
        _ => None,
    }
}

/// Asks whether the database answers and has the migrations of this build; it may be ahead, but not behind.
pub async fn check(pool: &PgPool) -> anyhow::Result<()> {
    let applied = sqlx::query_scalar!("SELECT max(version) FROM _sqlx_migrations WHERE success")
        .fetch_one(pool)
        .await?;
    let expected = migrations::newest();
    anyhow::ensure!(
        applied >= Some(expected),
        "its newest migration is {}, this build's is {expected}",
        applied.map_or_else(|| "none".to_owned(), |version| version.to_string()),
    );
    Ok(())
}

/// The server's version.
pub async fn describe(pool: &PgPool) -> anyhow::Result<String> {
    let version = sqlx::query_scalar!(r#"SELECT current_setting('server_version') AS "version!""#)
        .fetch_one(pool)
        .await?;
    Ok(format!("version {version}"))
}

/// Whether the same question would only get the same answer: a wrong password, an unknown database, missing TLS.
fn is_final(error: &sqlx::Error) -> bool {
    /// `invalid_authorization_specification`, `invalid_password`, `invalid_catalog_name`, `insufficient_privilege`.
    const FINAL: [&str; 4] = ["28000", "28P01", "3D000", "42501"];
    match error {
        sqlx::Error::Database(answer) => answer
            .code()
            .is_some_and(|code| FINAL.contains(&code.as_ref())),
        sqlx::Error::Tls(_) | sqlx::Error::Configuration(_) => true,
        _ => false,
    }
}
