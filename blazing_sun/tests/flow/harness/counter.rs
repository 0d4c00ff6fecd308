//! An aggregate for tests: a counter. Its row, its event, and a reaction that writes down what it was given.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use blazing_sun::flow::ctx::Tx;
use blazing_sun::flow::event::{CloudEvent, Event, Topic};
use blazing_sun::flow::outbox;
use blazing_sun::flow::reaction::{Reaction, Wanted};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::{Executor, FromRow, PgPool};
use uuid::Uuid;

/// A counter was counted up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Counted {
    /// Which counter.
    pub counter: Uuid,
    /// Its number after that, which is also its version.
    pub n: i64,
    /// Something that takes room.
    #[serde(default)]
    pub padding: String,
}

impl Counted {
    /// Where it is published.
    pub const TOPIC: Topic = Topic::new("counter.events");
}

impl Event for Counted {
    const TYPE: &'static str = "counter.counted.v1";
    const TOPIC: Topic = Self::TOPIC;
    const SUMMARY: &'static str = "A counter was counted up.";

    fn subject(&self) -> Uuid {
        self.counter
    }

    fn sequence(&self) -> i64 {
        self.n
    }
}

/// What a reaction did.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Effect {
    /// For which counter.
    pub counter: Uuid,
    /// At which number.
    pub n: i64,
}

/// Makes the counters and the list of effects. The list takes each effect as often as it happens.
pub(super) async fn create_tables(pool: &PgPool) {
    pool.execute(
        "CREATE TABLE counters (id uuid PRIMARY KEY, n bigint NOT NULL);
         CREATE TABLE effects (
             seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
             consumer text NOT NULL, counter uuid NOT NULL, n bigint NOT NULL
         )",
    )
    .await
    .expect("tables");
}

/// Counts up in a transaction: locks the row, and emits. Returns the number.
pub async fn count(tx: &mut Tx, counter: Uuid) -> i64 {
    count_padded(tx, counter, 0).await
}

/// The same, with an event that has some bytes more.
pub async fn count_padded(tx: &mut Tx, counter: Uuid, padding: usize) -> i64 {
    let n = sqlx::query_scalar(
        "INSERT INTO counters (id, n) VALUES ($1, 1)
         ON CONFLICT (id) DO UPDATE SET n = counters.n + 1 RETURNING n",
    )
    .bind(counter)
    .fetch_one(tx.conn())
    .await
    .expect("a counter");
    let padding = "x".repeat(padding);
    let event = Counted {
        counter,
        n,
        padding,
    };
    outbox::emit(tx, &event).await.expect("an event");
    n
}

/// The effects of a consumer, in their order.
pub(super) async fn effects(pool: &PgPool, consumer: &str) -> Vec<Effect> {
    sqlx::query_as("SELECT counter, n FROM effects WHERE consumer = $1 ORDER BY seq")
        .bind(consumer)
        .fetch_all(pool)
        .await
        .expect("effects")
}

/// Writes down what it is given, but for what is poison to it.
#[derive(Clone)]
pub struct Counting {
    name: &'static str,
    poison: Arc<Mutex<HashSet<(Uuid, i64)>>>,
}

impl Counting {
    /// A healthy one.
    pub fn named(name: &'static str) -> Self {
        Self {
            name,
            poison: Arc::default(),
        }
    }

    /// From now on it fails at a number of a counter.
    pub fn poison(&self, counter: Uuid, n: i64) {
        self.poison.lock().expect("the list").insert((counter, n));
    }

    /// From now on it takes everything.
    pub fn heal(&self) {
        self.poison.lock().expect("the list").clear();
    }
}

#[async_trait]
impl Reaction for Counting {
    fn consumer(&self) -> &'static str {
        self.name
    }

    fn summary(&self) -> &'static str {
        "Writes down every count."
    }

    fn topics(&self) -> &'static [Topic] {
        &[Counted::TOPIC]
    }

    fn wanted(&self) -> Wanted {
        Wanted::Types(&[Counted::TYPE])
    }

    async fn react(&self, tx: &mut Tx, event: &CloudEvent) -> anyhow::Result<()> {
        let Some(counted) = event.decode::<Counted>()? else {
            anyhow::bail!("not asked for: {}", event.kind);
        };
        // Written before it fails, so that a test sees whether that was undone.
        sqlx::query("INSERT INTO effects (consumer, counter, n) VALUES ($1, $2, $3)")
            .bind(self.name)
            .bind(counted.counter)
            .bind(counted.n)
            .execute(tx.conn())
            .await?;
        let poison = (counted.counter, counted.n);
        anyhow::ensure!(
            !self.poison.lock().expect("the list").contains(&poison),
            "{} is poison",
            counted.n
        );
        Ok(())
    }
}
