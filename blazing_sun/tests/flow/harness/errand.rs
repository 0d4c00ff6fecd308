//! A job for tests: an errand. It writes down that it ran, and then does what its script says.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;

use async_trait::async_trait;
use blazing_sun::flow::catalogue::Catalogue;
use blazing_sun::flow::job::{Job, JobError, Run};
use blazing_sun::flow::jobs::{self, Listed};
use blazing_sun::flow::outbox;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, mpsc, oneshot};
use uuid::Uuid;

use super::{Effect, World, soon};

/// The name under which errands write down their effects: the job's id, and its attempt.
const EFFECTS: &str = "errand";

/// How often an errand is tried.
pub const ATTEMPTS: i32 = 5;
/// The channel of PostgreSQL on which a committed errand makes itself heard.
pub const CHANNEL: &str = "errands";

/// What an attempt does after it has written its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// It ends well.
    Succeed,
    /// It asks for another attempt.
    Retry,
    /// It says that no attempt will do better.
    Discard,
    /// It panics.
    Panic,
    /// It stops in the middle, until the test says how it goes on.
    Pause,
}

/// Something to do, of low, middle or high priority.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
pub struct Errand<const PRIORITY: i16 = 5> {
    /// Whatever the test wants to tell it by.
    pub label: i64,
}

/// What the attempts do, in the order in which they begin; at the end of the list they succeed.
#[derive(Clone)]
pub struct Script(Arc<Stage>);

struct Stage {
    deeds: Mutex<VecDeque<Deed>>,
    pauses: mpsc::UnboundedSender<Paused>,
    paused: Mutex<mpsc::UnboundedReceiver<Paused>>,
}

/// An attempt that waits in the middle of its work.
pub struct Paused(oneshot::Sender<Deed>);

impl Paused {
    /// Lets it go on.
    pub fn go_on(self, deed: Deed) {
        self.0.send(deed).expect("an attempt that waits");
    }
}

impl Script {
    /// A script of these deeds.
    pub fn of(deeds: impl IntoIterator<Item = Deed>) -> Self {
        let (pauses, paused) = mpsc::unbounded_channel();
        Self(Arc::new(Stage {
            deeds: Mutex::new(deeds.into_iter().collect()),
            pauses,
            paused: Mutex::new(paused),
        }))
    }

    /// All errands, which follow this script.
    pub fn catalogue(&self) -> Catalogue {
        Catalogue::default()
            .job::<Errand<0>>(self.clone())
            .job::<Errand>(self.clone())
            .job::<Errand<10>>(self.clone())
    }

    /// Has one more attempt do this.
    pub async fn add(&self, deed: Deed) {
        self.0.deeds.lock().await.push_back(deed);
    }

    /// Has the next attempt do this, whatever was left of the script.
    pub async fn set(&self, deed: Deed) {
        *self.0.deeds.lock().await = VecDeque::from([deed]);
    }

    /// The attempt that pauses next.
    pub async fn paused(&self) -> Paused {
        let mut paused = self.0.paused.lock().await;
        soon("a pause", paused.recv()).await.expect("a pause")
    }

    async fn next(&self) -> Deed {
        let next = self.0.deeds.lock().await.pop_front();
        match next.unwrap_or(Deed::Succeed) {
            Deed::Pause => {
                let (go_on, goes_on) = oneshot::channel();
                drop(self.0.pauses.send(Paused(go_on)));
                match goes_on.await {
                    Ok(deed) => deed,
                    // The test lets it hang.
                    Err(_) => pending().await,
                }
            }
            deed => deed,
        }
    }
}

#[async_trait]
impl<const PRIORITY: i16> Job for Errand<PRIORITY> {
    const NAME: &'static str = match PRIORITY {
        0 => "idle_errand",
        10 => "urgent_errand",
        _ => "errand",
    };
    const SUMMARY: &'static str = "Writes down that it ran.";
    const PRIORITY: i16 = PRIORITY;
    const MAX_ATTEMPTS: i32 = ATTEMPTS;
    type Tools = Script;

    async fn run(&self, script: &Script, run: &mut Run) -> Result<(), JobError> {
        let (id, attempt) = (run.id(), i64::from(run.attempt()));
        // Written before it fails, so that a test sees whether that was undone.
        sqlx::query(
            "WITH effect AS (INSERT INTO effects (consumer, counter, n) VALUES ($1, $2, $3))
             SELECT pg_notify($4, '')",
        )
        .bind(EFFECTS)
        .bind(id)
        .bind(attempt)
        .bind(CHANNEL)
        .execute(run.tx().await?.conn())
        .await?;
        match script.next().await {
            Deed::Succeed => Ok(()),
            Deed::Retry => Err(JobError::Retry("not now".to_owned())),
            Deed::Discard => Err(JobError::Discard("never".to_owned())),
            Deed::Panic => panic!("as the script says"),
            Deed::Pause => unreachable!("a pause goes on with another deed"),
        }
    }
}

impl World {
    /// Has a job done, as a request would. Returns its id.
    pub async fn enqueue(&self, job: &impl Job) -> Uuid {
        let mut tx = self.begin().await;
        let id = outbox::enqueue(&mut tx, job).await.expect("a job");
        tx.commit().await.expect("a commit");
        id
    }

    /// A job as it is now.
    pub async fn job(&self, id: Uuid) -> Listed {
        jobs::show(self.pool(), id)
            .await
            .expect("PostgreSQL")
            .expect("the job")
    }

    /// The attempts of errands that had their effect, in the order in which they wrote it.
    pub async fn errands(&self) -> Vec<Effect> {
        self.effects(EFFECTS).await
    }
}

/// What became of each attempt, by a job's history: `1 failed, 2 done`.
pub fn told(job: &Listed) -> String {
    let entries = job.history.as_array().expect("a list");
    let told: Vec<String> = entries
        .iter()
        .map(|entry| {
            let outcome = entry["outcome"].as_str().expect("an outcome");
            assert!(entry["at"].is_string(), "when: {entry}");
            match entry["attempt"].as_i64() {
                Some(attempt) => format!("{attempt} {outcome}"),
                None => outcome.to_owned(),
            }
        })
        .collect();
    told.join(", ")
}
