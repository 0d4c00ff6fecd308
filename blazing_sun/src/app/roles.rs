//! What a process does: everything, or the parts named by `--only`.

use std::time::Duration;

use clap::ValueEnum;
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::app::wiring::Wiring;

/// One part of the application; any number of processes may have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Serves the product's pages and interface. (Health and metrics are answered by every process.)
    Http,
    /// Carries committed events and jobs to the brokers.
    Relay,
    /// Runs jobs.
    Worker,
    /// Gives events to the reactions.
    Consumers,
    /// Sets jobs off by the clock.
    Schedule,
}

/// The parts that run beside HTTP.
pub struct Running {
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl Running {
    /// Starts the parts among `roles` that run beside HTTP.
    pub fn start(wiring: &Wiring, roles: &[Role]) -> anyhow::Result<Self> {
        let (mut tasks, stop) = (JoinSet::new(), CancellationToken::new());
        for role in roles {
            match role {
                Role::Http => {}
                Role::Relay => drop(tasks.spawn(wiring.relay().run(stop.clone()))),
                Role::Worker => match wiring.worker() {
                    (worker, Some(connection)) => {
                        tasks.spawn(worker.run_rabbitmq(connection, stop.clone()));
                    }
                    (worker, None) => drop(tasks.spawn(worker.run_postgres(stop.clone()))),
                },
                Role::Consumers => {
                    for reaction in wiring.catalogue.reactions() {
                        let consumer = wiring.consumer(reaction.clone());
                        let source = wiring.source(&consumer)?;
                        tasks.spawn(consumer.run(source, stop.clone()));
                    }
                }
                Role::Schedule => drop(tasks.spawn(wiring.scheduler().run(stop.clone()))),
            }
        }
        Ok(Self { tasks, stop })
    }

    /// Starts one more part.
    pub fn add<F>(&mut self, part: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(part(self.stop.clone()));
    }

    /// Completes when a part ends by itself, which none should. Without parts it never does.
    pub async fn failed(&mut self) -> Option<JoinError> {
        match self.tasks.join_next().await {
            Some(ended) => ended.err(),
            None => std::future::pending().await,
        }
    }

    /// Ends all parts: what they have in hand is finished, within `limit`.
    pub async fn end(mut self, limit: Duration) {
        self.stop.cancel();
        let ending = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(limit, ending).await.is_err() {
            tracing::warn!("work in hand was not finished in time; it will be done again");
        }
    }
}
