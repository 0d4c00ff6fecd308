//! RabbitMQ: one connection, made when it is needed and made again after it broke.

use std::time::Duration;

use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPUri, AMQPUserInfo};
use lapin::{Channel, Connection, ConnectionProperties, Queue};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// The queue that carries the jobs.
pub const JOBS: &str = "jobs";
/// The queue that holds a copy of each job that was given up, the newest ones only.
pub const JOBS_FAILED: &str = "jobs_failed";
/// How long making a connection may take.
const CONNECTING: Duration = Duration::from_secs(5);
/// Seconds between signs of life; a connection is given up after two of them are missing.
const HEARTBEAT: u16 = 10;
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
            query: AMQPQueryString {
                heartbeat: Some(HEARTBEAT),
                ..AMQPQueryString::default()
            },
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

    /// A channel of its own, on a queue of jobs that exists.
    pub async fn jobs_channel(&self) -> anyhow::Result<Channel> {
        let channel = self.channel().await?;
        let durable = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        for (queue, arguments) in [(JOBS, jobs_arguments()), (JOBS_FAILED, failed_arguments())] {
            channel
                .queue_declare(queue.into(), durable, arguments)
                .await?;
        }
        Ok(channel)
    }

    /// Gives the connection up; the next question makes a new one.
    pub async fn forget(&self) {
        drop(self.connection.lock().await.take());
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
        let connecting = Connection::connect_uri(self.settings.uri(), properties);
        let connection = slot.insert(timeout(CONNECTING, connecting).await??);
        Ok(connection.create_channel().await?)
    }
}

/// The same as in the stack's `rabbitmq/definitions.json`: RabbitMQ refuses a queue declared differently.
fn jobs_arguments() -> FieldTable {
    let mut arguments = classic();
    arguments.insert("x-max-priority".into(), AMQPValue::LongInt(10));
    arguments
}

fn failed_arguments() -> FieldTable {
    let mut arguments = classic();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(10_000));
    arguments.insert(
        "x-overflow".into(),
        AMQPValue::LongString("drop-head".into()),
    );
    arguments
}

fn classic() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert(
        "x-queue-type".into(),
        AMQPValue::LongString("classic".into()),
    );
    arguments
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
