//! Any history of records, failures, replays and discards.

mod history;
mod hurry;
mod reactions;
mod records;

use std::collections::{BTreeMap, BTreeSet};

use blazing_sun::flow::consumer::{Consumer, Record};
use blazing_sun::flow::ctx::Ctx;
use blazing_sun::flow::dead_letter::{self, DeadLetter, DeadLettered};
use blazing_sun::flow::event::CloudEvent;
use sqlx::Executor;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use history::Happening;
use hurry::Hurry;
use reactions::{CURIOUS, Health, PICKY, consumers};
use records::{Kind, Records};

/// The most that happens in one history.
const LONGEST: usize = 80;
/// Where the records are.
const TOPIC: &str = "fuzz.events";

/// A migrated database that belongs to the law, and the reactions that it is held to.
pub struct World {
    ctx: Ctx,
    health: Health,
    /// What takes the records.
    consumers: [Consumer; 2],
    /// The same after an upgrade to a build that knows all types.
    upgraded: [Consumer; 2],
    _hurry: Hurry,
}

impl World {
    /// Everything in the database of `ctx` that consumers write is the law's from here on. On a runtime of one thread.
    pub async fn new(ctx: Ctx) -> Self {
        ctx.pool()
            .execute(
                "CREATE TABLE IF NOT EXISTS fuzz_effects (
                     seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                     consumer text NOT NULL, event_id uuid NOT NULL, subject uuid NOT NULL, sequence bigint NOT NULL
                 )",
            )
            .await
            .expect("a table");
        let health = Health::default();
        Self {
            consumers: consumers(&ctx, &health, false),
            upgraded: consumers(&ctx, &health, true),
            health,
            ctx,
            _hurry: Hurry::begin(),
        }
    }

    /// Whatever happens: each event has its effect at most once for each consumer, in the order of its aggregate; each record
    /// that was given to a consumer is taken, passed over, or a dead letter; and once the reactions are healed and everything
    /// is replayed, nothing waits but what no reaction can take, which can be discarded.
    pub async fn holds(&self, bytes: &[u8]) {
        self.ctx
            .pool()
            .execute("DELETE FROM inbox; DELETE FROM dead_letters; DELETE FROM outbox; DELETE FROM fuzz_effects")
            .await
            .expect("an empty world");
        self.health.heal_all();
        let mut story = Story::new(self);
        for happening in history::read(bytes).take(LONGEST) {
            story.let_happen(happening).await;
        }
        story.finish().await;
    }
}

/// One history, and what is known of it from outside.
struct Story<'a> {
    world: &'a World,
    records: Records,
    /// How many of the records were given to the consumers.
    given: usize,
    /// Records that come again with the next batch.
    again: Vec<Record>,
    /// Which events were discarded, by consumer.
    discarded: BTreeSet<(String, Uuid)>,
}

impl<'a> Story<'a> {
    fn new(world: &'a World) -> Self {
        Self {
            world,
            records: Records::default(),
            given: 0,
            again: Vec::new(),
            discarded: BTreeSet::new(),
        }
    }

    async fn let_happen(&mut self, happening: Happening) {
        match happening {
            Happening::Comes(kind, n) => {
                let event = self.records.add(kind, n);
                match (kind, event) {
                    (Kind::Poison(consumer), Some(event)) => {
                        self.world.health.poison(consumer, event)
                    }
                    (Kind::Odd, Some(event)) => self.world.health.poison(0, event),
                    _ => {}
                }
            }
            Happening::ComesAgain(n) => {
                let mut given = self.records.before(self.given);
                self.again
                    .extend(self.given.checked_sub(n + 1).and_then(|n| given.nth(n)));
            }
            Happening::AllComeAgain => self.again.extend(self.records.before(self.given)),
            Happening::Taken => self.take().await,
            Happening::Heals(consumer) => self.world.health.heal(consumer),
            Happening::Replayed(n) => {
                if let Some((consumer, letter)) = self.letter(n).await {
                    self.replay(&self.world.consumers[consumer], &letter).await;
                }
                self.check(false).await;
            }
            Happening::Discarded(n) => {
                if let Some((consumer, letter)) = self.letter(n).await {
                    self.discard(&self.world.consumers[consumer], &letter).await;
                }
                self.check(false).await;
            }
        }
    }

    /// Gives everything that has come to both consumers, each in one batch.
    async fn take(&mut self) {
        // What comes again was before: a topic is read again from a place in it.
        let mut batch = std::mem::take(&mut self.again);
        batch.extend(self.records.after(self.given));
        self.given = self.records.len();
        for consumer in &self.world.consumers {
            let before: BTreeSet<i64> = self
                .letters(consumer.name())
                .await
                .iter()
                .map(|letter| letter.seq)
                .collect();
            consumer
                .take(&batch, &CancellationToken::new())
                .await
                .expect("a batch is taken, whatever is in it");
            let told = self.told(consumer.name()).await;
            for letter in self.letters(consumer.name()).await {
                if let Some(event) = letter.event_id.filter(|_| !before.contains(&letter.seq)) {
                    let failed = letter.state == "failed";
                    assert_eq!(
                        told.contains(&event),
                        failed,
                        "{} was told to be {}",
                        event,
                        letter.state
                    );
                }
            }
        }
        self.check(false).await;
    }

    async fn replay(&self, consumer: &Consumer, letter: &DeadLetter) -> usize {
        let before = waiting_with(&self.letters(consumer.name()).await, letter);
        let replayed = dead_letter::replay(consumer, letter)
            .await
            .expect("a replay ends with what is left");
        let left = waiting_with(&self.letters(consumer.name()).await, letter);
        assert_eq!(replayed.left, left, "what is left waits");
        assert_eq!(replayed.taken + left, before, "what is taken waits no more");
        left
    }

    async fn discard(&mut self, consumer: &Consumer, letter: &DeadLetter) {
        let waits = ["failed", "parked", "unreadable"].contains(&letter.state.as_str());
        let discarded = dead_letter::discard(consumer.ctx(), letter)
            .await
            .expect("a dead letter can be discarded");
        assert_eq!(discarded, waits, "discarded while {}", letter.state);
        if let Some(event) = letter.event_id.filter(|_| discarded) {
            self.discarded.insert((letter.consumer.clone(), event));
        }
    }

    /// Everything is healed and upgraded: what waits is replayed, and what cannot be taken is given up.
    async fn finish(mut self) {
        self.take().await;
        self.world.health.heal_all();
        for consumer in &self.world.upgraded {
            while let Some(letter) = self.waiting(consumer.name()).await.first() {
                if self.replay(consumer, letter).await == 0 {
                    continue;
                }
                let waiting = self.waiting(consumer.name()).await;
                let first = waiting.iter().find(|other| together(other, letter));
                let first = first.expect("what is left waits");
                assert_eq!(first.state, "failed");
                assert!(
                    self.records.is_wrong(first.event_id),
                    "given up although its reaction is healed: {}",
                    first.error
                );
                self.discard(consumer, first).await;
            }
        }
        self.check(true).await;
        for consumer in [PICKY, CURIOUS] {
            let effects = self
                .effects(consumer)
                .await
                .into_iter()
                // What has no key, and came again while it waited, had its effect before it was given up.
                .filter(|(event, subject, _)| {
                    self.records.keeps_order(*subject)
                        || !self.discarded.contains(&(consumer.to_owned(), *event))
                })
                .map(|(event, ..)| event);
            let expected = self.records.events(self.given).filter(|event| {
                (consumer == CURIOUS || event.kind.is_for_the_picky())
                    && !self.discarded.contains(&(consumer.to_owned(), event.id))
            });
            // Of two events with one id either may be given up, and the other have the effect.
            let alone = |event: &Uuid| !self.records.has_impostor(*event);
            let effects: BTreeSet<Uuid> = effects.filter(alone).collect();
            let expected = expected.map(|event| event.id).filter(alone).collect();
            assert_eq!(effects, expected, "what {consumer} did in the end");
        }
    }

    /// What holds at any time.
    async fn check(&self, upgraded: bool) {
        for consumer in [PICKY, CURIOUS] {
            let (effects, letters) = (self.effects(consumer).await, self.letters(consumer).await);

            let mut last: BTreeMap<Uuid, i64> = BTreeMap::new();
            let mut had = BTreeSet::new();
            for (event, subject, sequence) in &effects {
                assert!(had.insert(*event), "{consumer} had {event} twice");
                assert!(
                    !self.discarded.contains(&(consumer.to_owned(), *event))
                        || self.records.has_impostor(*event)
                        // What has no key waits behind nothing, not even behind itself.
                        || !self.records.keeps_order(*subject),
                    "{consumer} had {event}, which was discarded"
                );
                // What has no key belongs to no aggregate.
                if self.records.keeps_order(*subject) {
                    let before = last.insert(*subject, *sequence).unwrap_or_default();
                    assert!(
                        before < *sequence,
                        "{consumer} had {sequence} of {subject} after {before}"
                    );
                }
            }

            let waiting: BTreeSet<Uuid> = letters
                .iter()
                .filter(|l| waits(l))
                .filter_map(|l| l.event_id)
                .collect();
            for event in self.records.events(self.given) {
                let had = had.contains(&event.id);
                let waits = waiting.contains(&event.id);
                let discarded = self.discarded.contains(&(consumer.to_owned(), event.id));
                let passed = consumer == PICKY
                    && (event.kind.is_passed_over()
                        || event.kind == Kind::Strange && upgraded && !discarded);
                let ways = [had, waits, discarded, passed];
                let accounted = ways.into_iter().filter(|way| *way).count();
                // Of two events with one id one may have the effect while the other waits; and an event of no aggregate
                // waits for nobody if it comes again, so that a replay only finds that it had its effect.
                let loose = event.alone || self.records.has_impostor(event.id);
                let more = usize::from(loose && had);
                assert!(
                    (1..=1 + more).contains(&accounted),
                    "{consumer} and {:?} {}: had, waits, discarded, passed = {ways:?}",
                    event.kind,
                    event.id
                );
            }

            for record in self.records.unreadable(self.given) {
                let kept = letters.iter().filter(|letter| {
                    letter.event_id.is_none()
                        && (letter.partition, letter.record_offset)
                            == (record.partition, record.offset)
                });
                // Only a partition numbers its records: without one it cannot be told that a record came before.
                let kept = kept.count();
                let once = kept == 1 || kept > 1 && record.partition.is_none();
                assert!(
                    once,
                    "{consumer} kept {kept} of the unreadable record {}",
                    record.offset
                );
            }
        }
    }

    /// Which events were told to be dead letters of a consumer; each once.
    async fn told(&self, consumer: &str) -> BTreeSet<Uuid> {
        let bodies: Vec<String> = sqlx::query_scalar("SELECT body FROM outbox")
            .fetch_all(self.world.ctx.pool())
            .await
            .expect("events");
        let mut told = BTreeSet::new();
        for body in bodies {
            let event = CloudEvent::parse(body.as_bytes()).expect("what is emitted can be read");
            let letter: DeadLettered = event.decode().expect("its data").expect("its type");
            assert_eq!(event.causationid, Some(letter.event_id));
            if letter.consumer == consumer {
                assert!(
                    told.insert(letter.event_id),
                    "{consumer} told twice of {}",
                    letter.event_id
                );
            }
        }
        told
    }

    async fn effects(&self, consumer: &str) -> Vec<(Uuid, Uuid, i64)> {
        sqlx::query_as(
            "SELECT event_id, subject, sequence FROM fuzz_effects WHERE consumer = $1 ORDER BY seq",
        )
        .bind(consumer)
        .fetch_all(self.world.ctx.pool())
        .await
        .expect("effects")
    }

    async fn letters(&self, consumer: &str) -> Vec<DeadLetter> {
        dead_letter::list(self.world.ctx.pool(), Some(consumer), true, 1000)
            .await
            .expect("dead letters")
    }

    async fn waiting(&self, consumer: &str) -> Vec<DeadLetter> {
        let mut letters = self.letters(consumer).await;
        letters.retain(waits);
        letters
    }

    /// One of all dead letters, with the number of its consumer.
    async fn letter(&self, n: usize) -> Option<(usize, DeadLetter)> {
        let mut letters = Vec::new();
        for (number, consumer) in self.world.consumers.iter().enumerate() {
            letters.extend(
                self.letters(consumer.name())
                    .await
                    .into_iter()
                    .map(|letter| (number, letter)),
            );
        }
        let n = n.checked_rem(letters.len())?;
        letters.into_iter().nth(n)
    }
}

fn waits(letter: &DeadLetter) -> bool {
    ["failed", "parked"].contains(&letter.state.as_str())
}

/// Whether two dead letters belong to one aggregate.
fn together(one: &DeadLetter, other: &DeadLetter) -> bool {
    (&one.topic, &one.key) == (&other.topic, &other.key)
}

fn waiting_with(letters: &[DeadLetter], letter: &DeadLetter) -> usize {
    letters
        .iter()
        .filter(|other| waits(other) && together(other, letter))
        .count()
}
