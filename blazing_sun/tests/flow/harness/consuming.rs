//! A consumer that is stepped by hand.

use std::sync::Arc;

use blazing_sun::flow::catalogue::Catalogue;
use blazing_sun::flow::consumer::{Consumer, Record, Records, Source};
use blazing_sun::flow::ctx::Ctx;
use blazing_sun::flow::reaction::{Reaction, Wanted};
use blazing_sun::infra::kafka;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::soon;

/// A consumer with its source.
pub struct Consuming {
    /// The consumer.
    pub consumer: Consumer,
    source: Source,
    passed_over: Vec<&'static str>,
}

impl Consuming {
    /// A member of the reaction's group in Kafka or, without settings, a follower of `event_log`.
    pub fn new(
        ctx: Ctx,
        catalogue: Catalogue,
        reaction: impl Reaction + 'static,
        kafka: Option<&kafka::Settings>,
    ) -> Self {
        let passed_over = match reaction.wanted() {
            Wanted::Everything => Vec::new(),
            Wanted::Types(types) => catalogue
                .events()
                .map(|event| event.kind)
                .filter(|kind| !types.contains(kind))
                .collect(),
        };
        let consumer = Consumer::new(ctx, Arc::new(catalogue), Arc::new(reaction));
        let source = match kafka {
            Some(settings) => Source::kafka(settings, &consumer).expect("a subscription"),
            None => Source::log(&consumer),
        };
        Self {
            consumer,
            source,
            passed_over,
        }
    }

    /// Takes the records that come next, as [`Consumer::run`] does.
    pub async fn take_next(&mut self) -> Vec<Record> {
        let next = async {
            loop {
                match self.source.next().await {
                    Ok(records) => break records,
                    Err(error) => eprintln!("{} goes on: {error:#}", self.consumer.name()),
                }
            }
        };
        let records = soon("the next record", next).await;
        self.take(records).await
    }

    async fn take(&mut self, records: Records) -> Vec<Record> {
        let stop = CancellationToken::new();
        let taking = self.consumer.take(&records.records, &stop);
        soon("taking records", taking).await.expect("taken records");
        self.source
            .store(&records)
            .await
            .expect("a place to store the offset");
        records.records
    }

    /// Takes records until `stop`, and says after each batch that it has taken some.
    pub async fn take_until(
        mut self,
        stop: CancellationToken,
        progress: mpsc::UnboundedSender<usize>,
    ) -> Self {
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => {}
                records = self.source.next() => match records {
                    Ok(records) => drop(progress.send(self.take(records).await.len())),
                    Err(error) => eprintln!("{} goes on: {error:#}", self.consumer.name()),
                },
            }
        }
        self
    }

    /// Takes records until it has had `count` of them.
    pub async fn take_records(&mut self, count: usize) -> Vec<Record> {
        let mut taken = Vec::new();
        while taken.len() < count {
            taken.extend(self.take_next().await);
        }
        assert_eq!(taken.len(), count, "records that came");
        taken
    }

    /// Takes records until every published event of its topics is accounted for: taken, or a dead letter.
    pub async fn take_all(&mut self) {
        while self.missing().await > 0 {
            self.take_next().await;
        }
    }

    /// How many published events it has not accounted for.
    pub async fn missing(&self) -> i64 {
        let topics: Vec<String> = self
            .consumer
            .topics()
            .into_iter()
            .map(str::to_owned)
            .collect();
        sqlx::query_scalar(
            "SELECT count(*) FROM event_log AS event
             WHERE topic = ANY($2) AND type <> ALL($3)
               AND NOT EXISTS (SELECT FROM inbox WHERE consumer = $1 AND event_id = event.id)
               AND NOT EXISTS (SELECT FROM dead_letters WHERE consumer = $1 AND event_id = event.id)",
        )
        .bind(self.consumer.name())
        .bind(topics)
        .bind(&self.passed_over)
        .fetch_one(self.consumer.ctx().pool())
        .await
        .expect("a number")
    }
}
