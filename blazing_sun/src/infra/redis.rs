//! Redis: one connection, made when it is needed and made again after it broke.
//!
//! The library's own `ConnectionManager` is not used: it gives up for good when a sign-in fails, even if the
//! password is corrected later.

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo, RedisConnectionInfo, RedisResult};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

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
}

/// The one connection to Redis.
pub struct Redis {
    client: Client,
    connection: Mutex<Option<MultiplexedConnection>>,
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
            connection: Mutex::new(None),
        })
    }

    /// Asks whether Redis answers the configured user.
    pub async fn check(&self) -> anyhow::Result<()> {
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

    async fn ask<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> RedisResult<T> {
        let mut slot = self.connection.lock().await;
        let mut connection = match slot.take() {
            Some(connection) => connection,
            None => {
                self.client
                    .get_multiplexed_async_connection_with_config(&AsyncConnectionConfig::new())
                    .await?
            }
        };
        let answer = command.query_async(&mut connection).await?;
        // Only a connection that just worked is kept.
        *slot = Some(connection);
        Ok(answer)
    }
}
