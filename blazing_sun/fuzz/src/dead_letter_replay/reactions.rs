//! Two reactions that write down what they are given: one wants a type, the other everything.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use blazing_sun::flow::catalogue::Catalogue;
use blazing_sun::flow::consumer::Consumer;
use blazing_sun::flow::ctx::{Ctx, Tx};
use blazing_sun::flow::event::{CloudEvent, Event, Topic};
use blazing_sun::flow::reaction::{Reaction, Wanted};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Wants one type and knows one more.
pub const PICKY: &str = "picky";
/// Wants everything.
pub const CURIOUS: &str = "curious";

/// What makes the reactions fail.
#[derive(Clone, Default)]
pub struct Health([Arc<Mutex<HashSet<Uuid>>>; 2]);

impl Health {
    /// From now on a reaction fails at this event.
    pub fn poison(&self, consumer: usize, event: Uuid) {
        self.0[consumer].lock().expect("the list").insert(event);
    }

    /// From now on a reaction takes everything.
    pub fn heal(&self, consumer: usize) {
        self.0[consumer].lock().expect("the list").clear();
    }

    /// From now on both do.
    pub fn heal_all(&self) {
        (0..2).for_each(|consumer| self.heal(consumer));
    }
}

/// The consumers of both reactions; the upgraded ones know the strange type.
pub fn consumers(ctx: &Ctx, health: &Health, upgraded: bool) -> [Consumer; 2] {
    let catalogue = Catalogue::default().event::<Happened>().event::<Other>();
    let catalogue = Arc::new(match upgraded {
        true => catalogue.event::<Strange>(),
        false => catalogue,
    });
    [(PICKY, 0), (CURIOUS, 1)].map(|(name, number)| {
        let ill = Arc::clone(&health.0[number]);
        let reaction = Arc::new(Writing { name, ill });
        Consumer::new(ctx.clone(), Arc::clone(&catalogue), reaction)
    })
}

struct Writing {
    name: &'static str,
    ill: Arc<Mutex<HashSet<Uuid>>>,
}

#[async_trait]
impl Reaction for Writing {
    fn consumer(&self) -> &'static str {
        self.name
    }

    fn summary(&self) -> &'static str {
        "Writes down every event."
    }

    fn topics(&self) -> &'static [Topic] {
        &[Happened::TOPIC]
    }

    fn wanted(&self) -> Wanted {
        match self.name {
            PICKY => Wanted::Types(&[Happened::TYPE]),
            _ => Wanted::Everything,
        }
    }

    async fn react(&self, tx: &mut Tx, event: &CloudEvent) -> anyhow::Result<()> {
        // Written before it fails: that must be undone.
        sqlx::query("INSERT INTO fuzz_effects (consumer, event_id, subject, sequence) VALUES ($1, $2, $3, $4)")
            .bind(self.name)
            .bind(event.id)
            .bind(event.subject)
            .bind(event.sequence)
            .execute(tx.conn())
            .await?;
        if self.name == PICKY {
            let happened = event.decode::<Happened>()?;
            anyhow::ensure!(happened.is_some(), "not asked for: {}", event.kind);
        }
        let ill = self.ill.lock().expect("the list").contains(&event.id);
        anyhow::ensure!(!ill, "poison, with a NUL: \0");
        Ok(())
    }
}

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident $kind:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Serialize, Deserialize, JsonSchema)]
        pub struct $name {
            /// To which aggregate.
            pub subject: Uuid,
            /// Its number.
            pub n: i64,
        }

        impl Event for $name {
            const TYPE: &'static str = $kind;
            const TOPIC: Topic = Topic::new(super::TOPIC);
            const SUMMARY: &'static str = "It happened.";

            fn subject(&self) -> Uuid {
                self.subject
            }

            fn sequence(&self) -> i64 {
                self.n
            }
        }
    )+};
}

events! {
    /// What both want.
    Happened "fuzz.happened.v1";
    /// What is known, and passed over by one that does not want it.
    Other "fuzz.other.v1";
    /// What is known after an upgrade only.
    Strange "fuzz.strange.v1";
}
