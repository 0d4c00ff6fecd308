//! Redis: one connection that all share, made when it is needed and made again after it broke.
//!
//! The library's own `ConnectionManager` is not used: it gives up for good when a sign-in fails, even if the
//! password is corrected later.

mod lookups;

use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ErrorKind, FromRedisValue, IntoConnectionInfo,
    RedisConnectionInfo, RedisError, RedisResult, ScriptInvocation,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

pub use lookups::{CacheLookups, Lookups};

/// How long a connection or an answer may take: Redis speeds things up, so that waiting for it makes no sense.
const PATIENCE: Duration = Duration::from_millis(300);
/// How long a server that writes its disk once a second may take to have something there.
const DISK: Duration = Duration::from_millis(DISK_MILLISECONDS);
const DISK_MILLISECONDS: u64 = 2500;
/// For how long nobody tries to connect after an attempt that failed, so that a Redis that is away slows nothing down.
const PAUSE: Duration = Duration::from_millis(500);

/// Where the server is and who signs in.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The server's name or address.
    pub host: String,
    /// The server's port.
    pub port: u16,
    /// The user of the access control list.
    pub user: String,
    /// The user's password.
    pub password: SecretString,
    /// The number of the database.
    pub database: u16,
    /// What stands before every key, so that several applications can share a server.
    pub prefix: String,
}

/// The one connection to Redis.
pub struct Redis {
    client: Client,
    prefix: String,
    patience: Duration,
    slot: Mutex<Slot>,
}

#[derive(Default)]
struct Slot {
    connection: Option<MultiplexedConnection>,
    failed_at: Option<Instant>,
}

impl Redis {
    /// Prepares the connection; nothing is sent before the first question.
    pub fn new(settings: &Settings) -> RedisResult<Self> {
        let sign_in = RedisConnectionInfo::default()
            .set_username(&settings.user)
            .set_password(settings.password.expose_secret())
            .set_db(settings.database.into());
        let server = (settings.host.as_str(), settings.port).into_connection_info()?;
        Ok(Self {
            client: Client::open(server.set_redis_settings(sign_in))?,
            prefix: settings.prefix.clone(),
            patience: PATIENCE,
            slot: Mutex::default(),
        })
    }

    /// The same for who waits for the server's disk.
    #[must_use]
    pub fn patient(self) -> Self {
        Self {
            patience: PATIENCE + DISK,
            ..self
        }
    }

    /// The full name of a key.
    #[must_use]
    pub fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Asks whether Redis answers the configured user.
    pub async fn check(&self) -> anyhow::Result<()> {
        self.slot.lock().await.failed_at = None;
        self.ask::<()>(&redis::cmd("PING")).await?;
        Ok(())
    }

    /// The server's version; `HELLO` tells it to users who may not ask for `INFO`.
    pub async fn describe(&self) -> anyhow::Result<String> {
        let hello: std::collections::HashMap<String, redis::Value> =
            self.ask(&redis::cmd("HELLO")).await?;
        let version: Option<String> = hello
            .get("version")
            .map(redis::from_redis_value_ref)
            .transpose()?;
        Ok(format!(
            "version {}",
            version.unwrap_or_else(|| "unknown".to_owned())
        ))
    }

    /// Runs a command.
    pub async fn ask<T: FromRedisValue>(&self, command: &redis::Cmd) -> RedisResult<T> {
        let mut connection = self.connection().await?;
        let answer = command.query_async(&mut connection).await;
        self.keep_if_good(answer).await
    }

    /// Runs a command that writes, and waits until that is on the server's disk, if the server can say so (7.2 and later, with
    /// an append-only file) and `wrote` finds in the answer that there is anything to wait for. Ask a [`Redis::patient`] one.
    pub async fn ask_lasting<T: FromRedisValue>(
        &self,
        command: &redis::Cmd,
        wrote: impl Fn(&T) -> bool,
    ) -> RedisResult<T> {
        let mut connection = self.connection().await?;
        let asking = async {
            let answer: T = command.query_async(&mut connection).await?;
            if wrote(&answer) {
                wait_for_disk(&mut connection).await?;
            }
            Ok(answer)
        };
        let answer = asking.await;
        self.keep_if_good(answer).await
    }

    /// Runs several commands in one go.
    pub async fn ask_all<T: FromRedisValue>(&self, commands: &redis::Pipeline) -> RedisResult<T> {
        let mut connection = self.connection().await?;
        let answer = commands.query_async(&mut connection).await;
        self.keep_if_good(answer).await
    }

    /// Runs a script.
    pub async fn invoke<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> RedisResult<T> {
        let mut connection = self.connection().await?;
        let answer = script.invoke_async(&mut connection).await;
        self.keep_if_good(answer).await
    }

    async fn connection(&self) -> RedisResult<MultiplexedConnection> {
        let mut slot = self.slot.lock().await;
        if let Some(connection) = &slot.connection {
            return Ok(connection.clone());
        }
        if slot.failed_at.is_some_and(|at| at.elapsed() < PAUSE) {
            return Err(RedisError::from((ErrorKind::Io, "away a moment ago")));
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(self.patience));
        let connecting = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        match connecting.await {
            Ok(connection) => {
                slot.failed_at = None;
                Ok(slot.connection.insert(connection).clone())
            }
            Err(error) => {
                slot.failed_at = Some(Instant::now());
                Err(error)
            }
        }
    }

    /// Only a connection that just worked is used again.
    async fn keep_if_good<T>(&self, answer: RedisResult<T>) -> RedisResult<T> {
        if answer.is_err() {
            self.slot.lock().await.connection = None;
        }
        answer
    }
}

/// Waits for what was written over this connection.
async fn wait_for_disk(connection: &mut MultiplexedConnection) -> RedisResult<()> {
    let mut command = redis::cmd("WAITAOF");
    command.arg(1).arg(0).arg(DISK_MILLISECONDS);
    match command.query_async::<(i64, i64)>(connection).await {
        Ok((0, _)) => Err(RedisError::from((ErrorKind::Io, "not on the disk in time"))),
        Ok(_) => Ok(()),
        // It has no such command or no such file, or may not be asked: then there is nothing to wait for.
        Err(error) if matches!(error.code(), Some("ERR" | "NOPERM")) => Ok(()),
        Err(error) => Err(error),
    }
}
