//! A worker that is stepped by hand.

use std::sync::Arc;

use blazing_sun::flow::catalogue::Catalogue;
use blazing_sun::flow::ctx::Ctx;
use blazing_sun::flow::worker::{Outcome, Worker};
use blazing_sun::infra::rabbitmq::RabbitMq;
use futures_util::StreamExt;
use lapin::message::Delivery;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Relaying, soon};

/// A worker with what brings it its tickets.
pub struct Working {
    /// The worker.
    pub worker: Worker,
    ctx: Ctx,
    queue: Option<Queue>,
}

/// A consumer of the queue; without its connection it would end.
struct Queue {
    tickets: lapin::Consumer,
    connection: Arc<RabbitMq>,
}

impl Working {
    /// A consumer of the queue or, without a connection, one who looks into the table.
    pub async fn new(
        ctx: Ctx,
        catalogue: Catalogue,
        concurrency: u16,
        rabbitmq: Option<Arc<RabbitMq>>,
    ) -> Self {
        let worker = Worker::new(ctx.clone(), Arc::new(catalogue), concurrency);
        let queue = match rabbitmq {
            Some(connection) => {
                let (_, tickets) = worker.subscribe(&connection).await.expect("the queue");
                Some(Queue {
                    tickets,
                    connection,
                })
            }
            None => None,
        };
        Self { worker, ctx, queue }
    }

    /// The next message of the queue.
    pub async fn fetch(&mut self) -> Delivery {
        let queue = self.queue.as_mut().expect("a world with RabbitMQ");
        soon("the next ticket", queue.tickets.next())
            .await
            .expect("an open queue")
            .expect("a ticket")
    }

    /// Deals with the next ticket that comes, or with the most urgent job that is due.
    pub async fn work_next(&mut self) -> Outcome {
        if self.queue.is_none() {
            let working = self.worker.work_next();
            return soon("a job", working)
                .await
                .expect("PostgreSQL")
                .expect("a job that is due");
        }
        let delivery = self.fetch().await;
        let stop = CancellationToken::new();
        soon("a job", self.worker.handle(&delivery, &stop))
            .await
            .expect("PostgreSQL and RabbitMQ")
    }

    /// Begins the next job in a task of its own.
    pub async fn begin_next(&mut self) -> JoinHandle<Outcome> {
        let worker = self.worker.clone();
        if self.queue.is_none() {
            return tokio::spawn(async move {
                let outcome = worker.work_next().await.expect("PostgreSQL");
                outcome.expect("a job that is due")
            });
        }
        let delivery = self.fetch().await;
        tokio::spawn(async move {
            let stop = CancellationToken::new();
            let handling = worker.handle(&delivery, &stop);
            handling.await.expect("PostgreSQL and RabbitMQ")
        })
    }

    /// Ends in the middle of an attempt, as a killed process does.
    pub async fn kill(self, attempt: JoinHandle<Outcome>) {
        attempt.abort();
        let ended = attempt.await.expect_err("an attempt that had not ended");
        assert!(ended.is_cancelled(), "{ended}");
        if let Some(queue) = self.queue {
            // What it had not acknowledged goes back to the queue.
            queue.connection.close().await;
        }
    }

    /// Relays and works until no job is due and none is on its way. Returns what became of each ticket.
    pub async fn work_until_empty(&mut self, relay: &mut Relaying) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        loop {
            relay.once().await;
            if self.waiting().await == 0 {
                return outcomes;
            }
            outcomes.push(self.work_next().await);
        }
    }

    /// How many jobs are due or on their way.
    async fn waiting(&self) -> i64 {
        sqlx::query_scalar(
            "SELECT count(*) FROM jobs WHERE state IN ('sent', 'running') OR (state = 'ready' AND run_at <= $1)",
        )
        .bind(self.ctx.now())
        .fetch_one(self.ctx.pool())
        .await
        .expect("a number")
    }
}
