//! A world for one test: a database, a clock and, if the test needs them, topics and a virtual host of its own.

use std::sync::Arc;

use blazing_sun::flow::catalogue::Catalogue;
use blazing_sun::flow::ctx::{Cause, Ctx, Tx};
use blazing_sun::flow::dead_letter::DeadLettered;
use blazing_sun::flow::metrics::FlowMetrics;
use blazing_sun::flow::reaction::Reaction;
use blazing_sun::flow::relay::{EventsCarrier, JobsCarrier, Relay};
use blazing_sun::infra::rabbitmq::RabbitMq;
use blazing_sun::infra::{kafka, services};
use chrono::TimeDelta;
use prometheus::Registry;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::counter::{self, Effect};
use super::topics::Topics;
use super::vhost::Vhost;
use super::{Consuming, Counted, Relaying, Working};
use crate::support::{Content, Database, FixedClock, Variables, config_of, variables_of_the_tests};

/// The most connections of a world: several processes' worth.
const CONNECTIONS: u32 = 20;
/// The patience with a ticket, by the world's clock.
const RESEND_AFTER: TimeDelta = TimeDelta::seconds(60);

/// What carries events, or jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// Kafka for events, RabbitMQ for jobs.
    Broker,
    /// Nothing but the tables.
    Postgres,
}

/// One test's surroundings; they go with it, even if it panics.
pub struct World {
    /// What the world's machine does its work with.
    pub ctx: Ctx,
    /// Its clock, which began when the world did.
    pub clock: Arc<FixedClock>,
    events: Carrier,
    jobs: Carrier,
    topics: OnceCell<Topics>,
    vhost: OnceCell<Vhost>,
    services: services::Settings,
    variables: Variables,
    // Dropped last: the machine's connections end with it.
    _database: Database,
}

impl World {
    /// A world for a test about events; its jobs need no broker.
    pub async fn with_events_over(carrier: Carrier) -> Self {
        Self::new(carrier, Carrier::Postgres).await
    }

    /// A world for a test about jobs; its events need no broker.
    pub async fn with_jobs_over(carrier: Carrier) -> Self {
        Self::new(Carrier::Postgres, carrier).await
    }

    async fn new(events: Carrier, jobs: Carrier) -> Self {
        let mut variables = variables_of_the_tests();
        let database = Database::new(&variables, Content::Schema).await;
        variables.insert("POSTGRES_DB".to_owned(), database.name().to_owned());
        let services = config_of(&variables).services;
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .connect_lazy_with(services.postgres.connect_options());
        let now = sqlx::query_scalar("SELECT date_trunc('second', now())")
            .fetch_one(&pool)
            .await
            .expect("the time");
        let clock = Arc::new(FixedClock::at(now));
        let metrics = FlowMetrics::new(&Registry::new()).expect("metrics");
        let ctx = Ctx::new(pool, clock.clone(), metrics);
        counter::create_tables(ctx.pool()).await;
        Self {
            ctx,
            clock,
            events,
            jobs,
            topics: OnceCell::new(),
            vhost: OnceCell::new(),
            services,
            variables,
            _database: database,
        }
    }

    /// The pool, for questions.
    pub fn pool(&self) -> &PgPool {
        self.ctx.pool()
    }

    /// The surroundings of another process in this world: the same database and clock, signals of its own.
    pub fn another_process(&self) -> Ctx {
        let metrics = FlowMetrics::new(&Registry::new()).expect("metrics");
        Ctx::new(self.pool().clone(), self.clock.clone(), metrics)
    }

    /// Begins a transaction.
    pub async fn begin(&self) -> Tx {
        self.ctx
            .begin(Cause::new("test"))
            .await
            .expect("a transaction")
    }

    /// Adds one to a counter as a request would: the row and its event commit together.
    pub async fn count(&self, counter: Uuid) {
        let mut tx = self.begin().await;
        counter::count(&mut tx, counter).await;
        tx.commit().await.expect("a commit");
    }

    /// The effects that a consumer has had, in their order.
    pub async fn effects(&self, consumer: &str) -> Vec<Effect> {
        counter::effects(self.pool(), consumer).await
    }

    /// How many rows a query finds: `rows("jobs WHERE state = 'done'")`.
    pub async fn rows(&self, what: &'static str) -> i64 {
        sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {what}")))
            .fetch_one(self.pool())
            .await
            .expect("a number")
    }

    /// The world's topics, which exist from the first call on.
    pub async fn topics(&self) -> &Topics {
        let settings = self
            .services
            .kafka
            .as_ref()
            .expect("Kafka in the environment");
        let topics = || Topics::create(settings);
        self.topics.get_or_init(topics).await
    }

    /// How Kafka is reached in this world.
    pub async fn kafka(&self) -> kafka::Settings {
        self.topics().await.settings().clone()
    }

    /// A new connection to this world's virtual host, which exists from the first call on.
    pub async fn rabbitmq(&self) -> Arc<RabbitMq> {
        let settings = self
            .services
            .rabbitmq
            .as_ref()
            .expect("RabbitMQ in the environment");
        let vhost = || Vhost::create(settings, &self.variables);
        let vhost = self.vhost.get_or_init(vhost).await;
        Arc::new(RabbitMq::new(vhost.settings().clone()))
    }

    /// A relay that leads over this world's carriers.
    pub async fn relay(&self) -> Relaying {
        let events = match self.events {
            Carrier::Broker => EventsCarrier::Kafka(self.kafka().await),
            Carrier::Postgres => EventsCarrier::Postgres,
        };
        let jobs = match self.jobs {
            Carrier::Broker => JobsCarrier::RabbitMq {
                connection: self.rabbitmq().await,
                resend_after: RESEND_AFTER,
            },
            Carrier::Postgres => JobsCarrier::Postgres,
        };
        Relaying::lead(Relay::new(self.another_process(), events, jobs)).await
    }

    /// A relay that leads and reaches Kafka by other settings than the world's.
    pub async fn relay_to(&self, kafka: kafka::Settings) -> Relaying {
        let (events, jobs) = (EventsCarrier::Kafka(kafka), JobsCarrier::Postgres);
        Relaying::lead(Relay::new(self.another_process(), events, jobs)).await
    }

    /// Lets every lease lapse, as if its holder had been away for long.
    pub async fn lapse_leases(&self) {
        sqlx::query("UPDATE leases SET expires_at = '-infinity'")
            .execute(self.pool())
            .await
            .expect("lapsed leases");
    }

    /// A consumer of this world's events, in a process of its own.
    pub async fn consumer(&self, reaction: impl Reaction + 'static) -> Consuming {
        let catalogue = Catalogue::default()
            .event::<Counted>()
            .event::<DeadLettered>();
        let kafka = match self.events {
            Carrier::Broker => Some(self.kafka().await),
            Carrier::Postgres => None,
        };
        Consuming::new(self.another_process(), catalogue, reaction, kafka.as_ref())
    }

    /// A worker that knows the jobs of a catalogue and takes up to `concurrency` tickets at a time.
    pub async fn worker(&self, catalogue: Catalogue, concurrency: u16) -> Working {
        let rabbitmq = match self.jobs {
            Carrier::Broker => Some(self.rabbitmq().await),
            Carrier::Postgres => None,
        };
        Working::new(self.another_process(), catalogue, concurrency, rabbitmq).await
    }
}
