//! RabbitMQ: one connection, made when it is needed and made again after it broke.

use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use lapin::uri::{AMQPAuthority, AMQPUri, AMQPUserInfo};
use lapin::{Channel, Connection, ConnectionProperties, Queue};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

/// The queue that carries the jobs.
const JOBS: &str = "jobs";
/// AMQP's code for an orderly goodbye.
const REPLY_SUCCESS: u16 = 200;

/// Where the server is and who signs in.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The server's name or address.
    pub host: String,
    /// The server's AMQP port.
    pub port: u16,
    /// The user.
    pub user: String,
    /// The user's password.
    pub password: SecretString,
    /// The virtual host that holds the queues.
    pub vhost: String,
}

impl Settings {
    /// The server's address, built from parts: no password and no virtual host needs escaping.
    fn uri(&self) -> AMQPUri {
        AMQPUri {
            authority: AMQPAuthority {
                userinfo: AMQPUserInfo {
                    username: self.user.clone(),
                    password: self.password.expose_secret().to_owned(),
                },
                host: self.host.clone(),
                port: self.port,
            },
            vhost: self.vhost.clone(),
            ..AMQPUri::default()
        }
    }
}

/// The one connection to RabbitMQ.
pub struct RabbitMq {
    settings: Settings,
    connection: Mutex<Option<Connection>>,
}

impl RabbitMq {
    /// Prepares the connection; nothing is sent before the first question.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            connection: Mutex::new(None),
        }
    }

    /// Asks whether a channel opens and the queue of the jobs is there.
    pub async fn check(&self) -> anyhow::Result<()> {
        self.jobs_queue().await?;
        Ok(())
    }

    /// What waits in the queue; the library does not tell the server's version.
    pub async fn describe(&self) -> anyhow::Result<String> {
        let queue = self.jobs_queue().await?;
        Ok(format!(
            "{} messages in queue {JOBS}",
            queue.message_count()
        ))
    }

    /// Says goodbye, so that the server does not log a lost client.
    pub async fn close(&self) {
        if let Some(connection) = self.connection.lock().await.take() {
            // A connection that is already gone needs no goodbye.
            drop(connection.close(REPLY_SUCCESS, "end".into()).await);
        }
    }

    async fn jobs_queue(&self) -> anyhow::Result<Queue> {
        let channel = self.channel().await?;
        let passive = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let queue = channel
            .queue_declare(JOBS.into(), passive, FieldTable::default())
            .await?;
        channel.close(REPLY_SUCCESS, "asked".into()).await?;
        Ok(queue)
    }

    async fn channel(&self) -> anyhow::Result<Channel> {
        let mut slot = self.connection.lock().await;
        if let Some(connection) = slot
            .as_ref()
            .filter(|connection| connection.status().connected())
        {
            return Ok(connection.create_channel().await?);
        }
        let properties = ConnectionProperties::default().with_connection_name("blazing_sun".into());
        let connection =
            slot.insert(Connection::connect_uri(self.settings.uri(), properties).await?);
        Ok(connection.create_channel().await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_carries_password_and_vhost_as_they_are() {
        let password = r#"p@ss|w&rd#$%'" x\ "#;
        let settings = Settings {
            host: "rabbitmq".to_owned(),
            port: 5672,
            user: "app".to_owned(),
            password: SecretString::from(password),
            vhost: "/a b%2f".to_owned(),
        };

        let uri = settings.uri();

        assert_eq!(uri.authority.userinfo.password, password);
        assert_eq!(uri.vhost, "/a b%2f");
    }
}
