//! A world for one test: a database, a clock and, if the test needs them, topics and a virtual host of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use blazing_sun::flow::catalogue::Catalogue;
use blazing_sun::flow::ctx::{Cause, Ctx, Tx};
use blazing_sun::flow::dead_letter::{self, DeadLetter, DeadLettered};
use blazing_sun::flow::metrics::FlowMetrics;
use blazing_sun::flow::reaction::Reaction;
use blazing_sun::flow::relay::{EventsCarrier, Jobs, JobsCarrier, Relay};
use blazing_sun::flow::worker::Worker;
use blazing_sun::infra::measures::Measures;
use blazing_sun::infra::rabbitmq::{self, RabbitMq};
use blazing_sun::infra::{kafka, services};
use chrono::TimeDelta;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::sync::OnceCell;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::counter::{self, Effect};
use super::{Consuming, Counted, Gate, Relaying, Working, soon};
use crate::support::{
    Content, Database, FixedClock, Topics, Variables, Vhost, config_of, variables_of_the_tests,
};

/// The most connections of a world: several processes' worth.
const CONNECTIONS: u32 = 20;
/// The patience with a ticket, by the world's clock.
pub const RESEND_AFTER: TimeDelta = TimeDelta::seconds(60);

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
        let metrics = FlowMetrics::new(&Measures::default()).expect("metrics");
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
        self.process_with(self.pool().clone())
    }

    fn process_with(&self, pool: PgPool) -> Ctx {
        let metrics = FlowMetrics::new(&Measures::default()).expect("metrics");
        Ctx::new(pool, self.clock.clone(), metrics)
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

    /// The numbers of one counter among a consumer's effects, in their order.
    pub async fn numbers(&self, consumer: &str, counter: Uuid) -> Vec<i64> {
        let effects = self.effects(consumer).await.into_iter();
        effects
            .filter(|effect| effect.counter == counter)
            .map(|effect| effect.n)
            .collect()
    }

    /// Checks that a consumer has had every count once, and those of each counter in their order.
    pub async fn assert_counted_once_in_order(&self, consumer: &str) {
        let mut counted: BTreeMap<Uuid, Vec<i64>> = BTreeMap::new();
        for effect in self.effects(consumer).await {
            counted.entry(effect.counter).or_default().push(effect.n);
        }
        let counters: Vec<(Uuid, i64)> = sqlx::query_as("SELECT id, n FROM counters ORDER BY id")
            .fetch_all(self.pool())
            .await
            .expect("counters");
        let expected = counters.into_iter().map(|(id, n)| (id, (1..=n).collect()));
        assert_eq!(counted, expected.collect(), "what {consumer} did");
    }

    /// The dead letters of a consumer, in the order in which they came.
    pub async fn letters(&self, consumer: &str) -> Vec<DeadLetter> {
        dead_letter::list(self.pool(), Some(consumer), true, 1000)
            .await
            .expect("dead letters")
    }

    /// How many rows a query finds: `rows("jobs WHERE state = 'done'")`.
    pub async fn rows(&self, what: &'static str) -> i64 {
        sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {what}")))
            .fetch_one(self.pool())
            .await
            .expect("a number")
    }

    /// Waits until so many sessions of this world wait for a lock of another.
    pub async fn blocked(&self, sessions: i64) {
        const BLOCKED: &str =
            "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while self.rows(BLOCKED).await < sessions {}
    }

    /// The world's topics, which exist from the first call on.
    pub async fn topics(&self) -> &Topics {
        let settings = self
            .services
            .kafka
            .as_ref()
            .expect("Kafka in the environment");
        let names = [Counted::TOPIC.name(), dead_letter::TOPIC.name()];
        let topics = || Topics::create(settings, &names);
        self.topics.get_or_init(topics).await
    }

    /// How Kafka is reached in this world.
    pub async fn kafka(&self) -> kafka::Settings {
        self.topics().await.settings().clone()
    }

    /// Kafka behind a gate: only the first connection goes through it, the others go where the broker says.
    pub async fn kafka_through(&self, gate: &Gate) -> kafka::Settings {
        kafka::Settings {
            host: "127.0.0.1".to_owned(),
            port: gate.port(),
            ..self.kafka().await
        }
    }

    /// A new connection to this world's virtual host, which exists from the first call on.
    pub async fn rabbitmq(&self) -> Arc<RabbitMq> {
        Arc::new(RabbitMq::new(self.rabbitmq_settings().await))
    }

    /// How RabbitMQ is reached in this world.
    pub async fn rabbitmq_settings(&self) -> rabbitmq::Settings {
        let settings = self
            .services
            .rabbitmq
            .as_ref()
            .expect("RabbitMQ in the environment");
        let vhost = || Vhost::create(settings, &self.variables);
        let vhost = self.vhost.get_or_init(vhost).await;
        vhost.settings().clone()
    }

    /// A relay that leads over this world's carriers.
    pub async fn relay(&self) -> Relaying {
        Relaying::lead(self.standby_relay().await).await
    }

    /// A relay over this world's carriers that does not lead yet.
    pub async fn standby_relay(&self) -> Relay {
        let events = match self.events {
            Carrier::Broker => EventsCarrier::Kafka(self.kafka().await),
            Carrier::Postgres => EventsCarrier::Postgres,
        };
        Relay::new(self.another_process(), events, self.jobs_carrier().await)
    }

    /// A relay that leads and reaches RabbitMQ by a connection of its own.
    pub async fn relay_through(&self, connection: RabbitMq) -> Relaying {
        let jobs = JobsCarrier::RabbitMq {
            connection: Arc::new(connection),
            resend_after: RESEND_AFTER,
        };
        let relay = Relay::new(self.another_process(), EventsCarrier::Postgres, jobs);
        Relaying::lead(relay).await
    }

    /// Looks after lost jobs now, as a relay does once a second.
    pub async fn sweep(&self) {
        let mut pump = Jobs::new(self.another_process(), self.jobs_carrier().await);
        soon("a sweep", pump.sweep()).await.expect("a sweep");
    }

    async fn jobs_carrier(&self) -> JobsCarrier {
        match self.jobs {
            Carrier::Broker => JobsCarrier::RabbitMq {
                connection: self.rabbitmq().await,
                resend_after: RESEND_AFTER,
            },
            Carrier::Postgres => JobsCarrier::Postgres,
        }
    }

    /// A relay that leads, carries by PostgreSQL and has a pool of its own.
    pub async fn relay_on(&self, pool: PgPool) -> Relaying {
        let (events, jobs) = (EventsCarrier::Postgres, JobsCarrier::Postgres);
        Relaying::lead(Relay::new(self.process_with(pool), events, jobs)).await
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

    /// Has a worker run in a task, over what carries this world's jobs, until `stop`.
    pub async fn run_worker(
        &self,
        catalogue: Catalogue,
        concurrency: u16,
        stop: &CancellationToken,
        running: &mut JoinSet<()>,
    ) {
        let worker = Worker::new(self.another_process(), Arc::new(catalogue), concurrency);
        match self.jobs {
            Carrier::Broker => {
                running.spawn(worker.run_rabbitmq(self.rabbitmq().await, stop.clone()))
            }
            Carrier::Postgres => running.spawn(worker.run_postgres(stop.clone())),
        };
    }
}
