//! The queues of a world, to look into and to do harm to.

use std::sync::Arc;

use blazing_sun::infra::rabbitmq::{JOBS, JOBS_FAILED, RabbitMq};
use lapin::message::BasicGetMessage;
use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions,
    QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Queue};
use serde_json::Value;

use super::{World, soon};

/// A channel of the test's own.
pub struct Broker {
    channel: Channel,
    // Without its connection it would end.
    _connection: Arc<RabbitMq>,
}

impl World {
    /// The queues, which exist from the first call on.
    pub async fn broker(&self) -> Broker {
        let connection = self.rabbitmq().await;
        let channel = connection.jobs_channel().await.expect("a channel");
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await
            .expect("a channel that confirms");
        Broker {
            channel,
            _connection: connection,
        }
    }
}

impl Broker {
    /// Puts a message into the queue of the jobs.
    pub async fn throw(&self, body: &[u8]) {
        let publishing = async {
            let options = BasicPublishOptions::default();
            let properties = BasicProperties::default();
            self.channel
                .basic_publish("".into(), JOBS.into(), options, body, properties)
                .await?
                .await
        };
        soon("a message", publishing).await.expect("RabbitMQ");
    }

    /// How many messages wait in the queue of the jobs.
    pub async fn tickets(&self) -> u32 {
        self.jobs().await.message_count()
    }

    /// Waits until nobody takes tickets.
    pub async fn nobody_consumes(&self) {
        let leaving = async { while self.jobs().await.consumer_count() > 0 {} };
        soon("the last consumer", leaving).await;
    }

    async fn jobs(&self) -> Queue {
        let passive = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        self.channel
            .queue_declare(JOBS.into(), passive, FieldTable::default())
            .await
            .expect("the queue")
    }

    /// Takes the first ticket out of the queue.
    pub async fn take_ticket(&self) -> Vec<u8> {
        let message = self.take(JOBS).await.expect("a ticket");
        message.delivery.data
    }

    /// Loses all tickets.
    pub async fn purge(&self) {
        self.channel
            .queue_purge(JOBS.into(), QueuePurgeOptions::default())
            .await
            .expect("the queue");
    }

    /// Loses the queue of the jobs.
    pub async fn delete(&self) {
        self.channel
            .queue_delete(JOBS.into(), QueueDeleteOptions::default())
            .await
            .expect("the queue");
    }

    /// Takes the copies of the jobs that were given up.
    pub async fn take_failed(&self) -> Vec<Value> {
        let mut failed = Vec::new();
        while let Some(message) = self.take(JOBS_FAILED).await {
            failed.push(serde_json::from_slice(&message.delivery.data).expect("JSON"));
        }
        failed
    }

    async fn take(&self, queue: &str) -> Option<BasicGetMessage> {
        let no_ack = BasicGetOptions { no_ack: true };
        self.channel
            .basic_get(queue.into(), no_ack)
            .await
            .expect("the queue")
    }
}
