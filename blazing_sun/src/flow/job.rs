//! What a job is: the trait of the code, and the ticket that RabbitMQ carries.

use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::flow::ctx::{Cause, Ctx, Tx};
use crate::flow::event;
use crate::flow::outbox::Refused;

/// Something to do. Its payload carries ids, never a password, a token or a text of its own; one recipient, one job.
///
/// The serialised form is a contract with jobs that are already waiting: fields may be added as optional ones.
#[async_trait]
pub trait Job: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// The frozen name.
    const NAME: &'static str;
    /// What it does, in one sentence, for the documents.
    const SUMMARY: &'static str;
    /// From 0 to 10; a higher one goes first.
    const PRIORITY: i16;
    /// How often it is tried before it is given up.
    const MAX_ATTEMPTS: i32 = 10;
    /// How long one attempt may take.
    const TIMEOUT: Duration = Duration::from_secs(60);

    /// What it needs beyond the [`Ctx`]; given once, at registration.
    type Tools: Send + Sync + 'static;

    /// Does it. What is written through [`Run::tx`] commits together with the note that the job is done, so it happens
    /// exactly once; what reaches the outside may happen more than once, and has to come before the first use of
    /// `tx`, so that no transaction waits for the network.
    async fn run(&self, tools: &Self::Tools, run: &mut Run) -> Result<(), JobError>;
}

/// Why an attempt did not succeed. The text is kept in the job's history: no secrets, no addresses.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Another attempt may succeed.
    #[error("{0}")]
    Retry(String),
    /// No attempt will.
    #[error("{0}")]
    Discard(String),
}

impl From<sqlx::Error> for JobError {
    fn from(error: sqlx::Error) -> Self {
        Self::Retry(format!("PostgreSQL: {error}"))
    }
}

impl From<Refused> for JobError {
    fn from(error: Refused) -> Self {
        match error {
            Refused::Database(error) => error.into(),
            // The next version may know better.
            other => Self::Retry(other.to_string()),
        }
    }
}

impl From<object_store::Error> for JobError {
    fn from(error: object_store::Error) -> Self {
        Self::Retry(format!("private files: {error}"))
    }
}

/// One attempt at a job.
pub struct Run {
    ctx: Ctx,
    cause: Cause,
    id: Uuid,
    attempt: i32,
    tx: Option<Tx>,
}

impl Run {
    pub(super) fn new(ctx: Ctx, cause: Cause, id: Uuid, attempt: i32) -> Self {
        Self {
            ctx,
            cause,
            id,
            attempt,
            tx: None,
        }
    }

    /// The surroundings.
    #[must_use]
    pub fn ctx(&self) -> &Ctx {
        &self.ctx
    }

    /// The job's id: the same in every attempt.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Which attempt this is, from 1.
    #[must_use]
    pub fn attempt(&self) -> i32 {
        self.attempt
    }

    /// The transaction in which the job becomes done; begins at the first call.
    pub async fn tx(&mut self) -> sqlx::Result<&mut Tx> {
        let tx = match self.tx.take() {
            Some(tx) => tx,
            None => self.ctx.begin(self.cause.clone()).await?,
        };
        Ok(self.tx.insert(tx))
    }

    /// The transaction, begun by the job or now.
    pub(super) async fn into_tx(mut self) -> sqlx::Result<Tx> {
        self.tx().await?;
        match self.tx {
            Some(tx) => Ok(tx),
            None => self.ctx.begin(self.cause).await,
        }
    }
}

/// What travels through RabbitMQ: which job, and which attempt is to come. All else is in PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ticket {
    /// The job.
    pub id: Uuid,
    /// Its frozen name, for people who look into the queue.
    pub name: String,
    /// How often it was claimed before. A ticket whose number has passed is void.
    pub attempt: i32,
}

impl Ticket {
    /// Reads a message.
    pub fn parse(message: &[u8]) -> serde_json::Result<Self> {
        event::read_object(message)
    }
}
