//! Everything that this build knows by name: its events, jobs and reactions. `app` fills it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use schemars::{Schema, schema_for};
use serde_json::Value;

use crate::flow::event::{Event, Topic};
use crate::flow::job::{Job, JobError, Run};
use crate::flow::reaction::Reaction;

/// The names, and what stands behind them.
#[derive(Default)]
pub struct Catalogue {
    events: BTreeMap<&'static str, EventType>,
    jobs: BTreeMap<&'static str, JobType>,
    reactions: Vec<Arc<dyn Reaction>>,
}

/// One type of event.
pub struct EventType {
    /// The frozen name.
    pub kind: &'static str,
    /// Where it is published.
    pub topic: Topic,
    /// What it says.
    pub summary: &'static str,
    /// The form of its data.
    pub schema: Schema,
}

/// One kind of job.
pub struct JobType {
    /// The frozen name.
    pub name: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// Its priority.
    pub priority: i16,
    /// How often it is tried.
    pub max_attempts: i32,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// The form of its payload.
    pub schema: Schema,
    runner: Arc<dyn Runner>,
}

impl JobType {
    /// Runs one attempt.
    pub async fn run(&self, payload: Value, run: &mut Run) -> Result<(), JobError> {
        self.runner.run(payload, run).await
    }
}

impl Catalogue {
    /// Adds a type of event.
    #[must_use]
    pub fn event<E: Event>(mut self) -> Self {
        self.events.insert(
            E::TYPE,
            EventType {
                kind: E::TYPE,
                topic: E::TOPIC,
                summary: E::SUMMARY,
                schema: schema_for!(E),
            },
        );
        self
    }

    /// Adds a kind of job with what it needs.
    #[must_use]
    pub fn job<J: Job>(mut self, tools: J::Tools) -> Self {
        self.jobs.insert(
            J::NAME,
            JobType {
                name: J::NAME,
                summary: J::SUMMARY,
                priority: J::PRIORITY,
                max_attempts: J::MAX_ATTEMPTS,
                timeout: J::TIMEOUT,
                schema: schema_for!(J),
                runner: Arc::new(With::<J>(tools)),
            },
        );
        self
    }

    /// Adds a reaction.
    #[must_use]
    pub fn reaction(mut self, reaction: impl Reaction + 'static) -> Self {
        self.reactions.push(Arc::new(reaction));
        self
    }

    /// All types of events, by name.
    pub fn events(&self) -> impl Iterator<Item = &EventType> {
        self.events.values()
    }

    /// All kinds of jobs, by name.
    pub fn jobs(&self) -> impl Iterator<Item = &JobType> {
        self.jobs.values()
    }

    /// All reactions.
    #[must_use]
    pub fn reactions(&self) -> &[Arc<dyn Reaction>] {
        &self.reactions
    }

    /// The names of all topics that anything is published in.
    #[must_use]
    pub fn topics(&self) -> Vec<String> {
        let topics: BTreeSet<Topic> = self.events.values().map(|event| event.topic).collect();
        topics
            .into_iter()
            .map(|topic| topic.name().to_owned())
            .collect()
    }

    /// Whether this build knows a type of event.
    #[must_use]
    pub fn knows(&self, kind: &str) -> bool {
        self.events.contains_key(kind)
    }

    /// A kind of job, if this build knows it.
    #[must_use]
    pub fn find_job(&self, name: &str) -> Option<&JobType> {
        self.jobs.get(name)
    }

    /// The reaction of a consumer.
    #[must_use]
    pub fn find_reaction(&self, consumer: &str) -> Option<Arc<dyn Reaction>> {
        self.reactions
            .iter()
            .find(|reaction| reaction.consumer() == consumer)
            .cloned()
    }
}

/// A kind of job without its type.
#[async_trait]
trait Runner: Send + Sync {
    async fn run(&self, payload: Value, run: &mut Run) -> Result<(), JobError>;
}

struct With<J: Job>(J::Tools);

#[async_trait]
impl<J: Job> Runner for With<J> {
    async fn run(&self, payload: Value, run: &mut Run) -> Result<(), JobError> {
        let job: J = serde_json::from_value(payload).map_err(|error| {
            JobError::Discard(format!("the payload is not one of {}: {error}", J::NAME))
        })?;
        job.run(&self.0, run).await
    }
}
