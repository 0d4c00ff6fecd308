//! The spine of a world without brokers, stepped by hand.

use std::sync::Arc;

use blazing_sun::app::wiring::Wiring;
use blazing_sun::flow::consumer::{Consumer, Record, Source};
use blazing_sun::flow::event_log;
use blazing_sun::flow::lease::Term;
use blazing_sun::flow::rebuild;
use blazing_sun::flow::relay::Relay;
use blazing_sun::flow::schedule;
use blazing_sun::flow::worker::Worker;
use blazing_sun::infra::measures::Measures;
use blazing_sun::mail::Mails;
use tokio_util::sync::CancellationToken;

use super::{TestApp, World};
use crate::support::soon;

/// Relay, worker and consumers of one process.
pub struct Machine {
    wiring: Wiring,
    measures: Measures,
    relay: Relay,
    term: Term,
    worker: Worker,
    consumers: Vec<(Consumer, Source)>,
}

impl Machine {
    /// The machine of a world, by the clock of its application.
    pub async fn new(world: &World, app: &TestApp) -> Self {
        let measures = Measures::default();
        let wiring = Wiring::new(&world.config(), app.clock.clone(), &measures).expect("a machine");
        let relay = wiring.relay();
        let term = relay
            .take_lease()
            .await
            .expect("PostgreSQL")
            .expect("a free lease");
        let (worker, _) = wiring.worker();
        let consumers = wiring.catalogue.reactions().iter().map(|reaction| {
            let consumer = wiring.consumer(Arc::clone(reaction));
            let source = wiring.source(&consumer).expect("a source");
            (consumer, source)
        });
        let consumers = consumers.collect();
        Self {
            wiring,
            measures,
            relay,
            term,
            worker,
            consumers,
        }
    }

    /// Sets the job of a schedule off, and everything that follows.
    pub async fn fire(&mut self, name: &str) {
        let mut schedules = self.wiring.schedules.iter();
        let schedule = schedules
            .find(|schedule| schedule.name() == name)
            .expect("a schedule");
        schedule::fire_now(&self.wiring.ctx, schedule)
            .await
            .expect("PostgreSQL");
        self.settle().await;
    }

    /// Carries, runs and reacts until nothing is left to do.
    pub async fn settle(&mut self) {
        while self.work().await + self.carry().await > 0 {}
    }

    /// Gives every published event to every consumer once more, as a broker may.
    pub async fn deliver_again(&mut self) {
        let mut connection = self.wiring.ctx.pool().acquire().await.expect("PostgreSQL");
        for (consumer, _) in &self.consumers {
            let topics: Vec<String> = consumer.topics().into_iter().map(str::to_owned).collect();
            let events = event_log::after(&mut connection, 0, &topics, 1000)
                .await
                .expect("PostgreSQL");
            let records: Vec<Record> = events.into_iter().map(Record::from).collect();
            consumer
                .take(&records, &CancellationToken::new())
                .await
                .expect("PostgreSQL");
        }
    }

    /// Makes a consumer's read model anew of what the tables hold.
    pub async fn rebuild(&self, name: &str) {
        let mut consumers = self.consumers.iter();
        let (consumer, _) = consumers
            .find(|(consumer, _)| consumer.name() == name)
            .expect("a consumer");
        soon("a rebuild", rebuild::rebuild(consumer))
            .await
            .expect("PostgreSQL");
    }

    /// The mails that there are.
    pub fn mails(&self) -> &Mails {
        &self.wiring.mails
    }

    /// What its process would show at `/metrics`.
    pub fn metrics(&self) -> String {
        prometheus::TextEncoder::new()
            .encode_to_string(&self.measures.gather())
            .expect("text")
    }

    async fn work(&mut self) -> usize {
        let mut done = 0;
        while let Some(_outcome) = soon("a job", self.worker.work_next())
            .await
            .expect("PostgreSQL")
        {
            done += 1;
        }
        done
    }

    async fn carry(&mut self) -> usize {
        soon("a step", self.relay.once(self.term))
            .await
            .expect("PostgreSQL");
        let mut taken = 0;
        for (consumer, source) in &mut self.consumers {
            while missing(&self.wiring, consumer).await > 0 {
                let records = soon("records", source.next()).await.expect("PostgreSQL");
                consumer
                    .take(&records.records, &CancellationToken::new())
                    .await
                    .expect("PostgreSQL");
                source.store(&records).await.expect("PostgreSQL");
                taken += records.records.len();
            }
        }
        taken
    }
}

impl World {
    /// The application in this world, and its machine: how most tests begin.
    pub async fn start(self) -> (Self, TestApp, Machine) {
        let app = TestApp::start(&self).await;
        let machine = Machine::new(&self, &app).await;
        (self, app, machine)
    }
}

/// How many published events lie behind a consumer's place.
async fn missing(wiring: &Wiring, consumer: &Consumer) -> i64 {
    let topics: Vec<String> = consumer.topics().into_iter().map(str::to_owned).collect();
    sqlx::query_scalar(
        "SELECT count(*) FROM event_log WHERE topic = ANY($2)
         AND position > coalesce((SELECT position FROM followers WHERE consumer = $1), 0)",
    )
    .bind(consumer.name())
    .bind(topics)
    .fetch_one(wiring.ctx.pool())
    .await
    .expect("a number")
}
