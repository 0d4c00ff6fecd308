//! What a reaction is: a consumer of events with an effect in PostgreSQL, or with one outside that may be repeated.

use async_trait::async_trait;

use crate::flow::ctx::{Ctx, Tx};
use crate::flow::event::{CloudEvent, Topic};

/// Which types of events a reaction wants.
#[derive(Clone, Copy, Debug)]
pub enum Wanted {
    /// Whatever is published in its topics, even what this build does not know.
    Everything,
    /// These types. Another type that this build knows is passed over; one that it does not know is kept as a dead letter,
    /// until a build that does replays it.
    Types(&'static [&'static str]),
}

/// Something that follows from events. Each event is given to it once, and the events of one aggregate in their order.
#[async_trait]
pub trait Reaction: Send + Sync {
    /// The frozen name of its consumer: its group in Kafka, its part of the inbox.
    fn consumer(&self) -> &'static str;

    /// What it does, in one sentence, for the documents.
    fn summary(&self) -> &'static str;

    /// Where its events are.
    fn topics(&self) -> &'static [Topic];

    /// Which of them it wants.
    fn wanted(&self) -> Wanted;

    /// What comes before the effects of some events that are given one by one in the same transaction: here a reaction locks
    /// what it locks for each of them, in one order, so that two members of its group do not wait for each other. It may be
    /// left out: `react` also comes without it.
    async fn prepare(&self, _tx: &mut Tx, _events: &[&CloudEvent]) -> anyhow::Result<()> {
        Ok(())
    }

    /// Its effects, if they are outside PostgreSQL.
    fn outside(&self) -> Option<&dyn Outside> {
        None
    }

    /// The effect of one event, in the transaction that also notes the event as taken. Nothing outside PostgreSQL may be
    /// touched here: enqueue a job for that, or see [`Outside`]. An error undoes it; after some attempts the event is a dead
    /// letter.
    async fn react(&self, tx: &mut Tx, event: &CloudEvent) -> anyhow::Result<()>;

    /// Clears the read model and makes it again from the source tables, in a transaction that sees one moment. Whatever
    /// happens later is given to [`Reaction::react`].
    async fn rebuild(&self, _tx: &mut Tx) -> anyhow::Result<()> {
        anyhow::bail!(
            "{} cannot be rebuilt: it is made of events, not of tables",
            self.consumer()
        )
    }
}

/// Effects outside PostgreSQL, which cannot commit with anything.
///
/// So nothing is noted of them: there is no inbox, an event may come any number of times and in any order, none waits behind
/// a dead letter of its aggregate, and after any number of repetitions the effect must be the same. Something that cannot be
/// repeated is a job's.
#[async_trait]
pub trait Outside: Send + Sync {
    /// The effects of some events. They last when this returns, and only then the consumer moves on. No transaction is open.
    /// An error gives them again, in the end one by one; after some attempts an event is a dead letter.
    async fn carry_out(&self, ctx: &Ctx, events: &[&CloudEvent]) -> anyhow::Result<()>;
}
