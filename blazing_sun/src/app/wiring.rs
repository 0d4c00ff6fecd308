//! Puts the spine and the features together, for the running application and for the commands alike.

use std::sync::Arc;

use anyhow::Context;
use chrono::TimeDelta;
use uuid::Uuid;

use crate::accounts::{
    AccountData, Accounts, Activation, Addresses, AlreadyRegistered, DataTools, DeletionScheduled,
    EmailChangeNew, EmailChangeOld, EmailChanged, ExportReady, InvitationMail, Links, NewSignIn,
    PasswordChanged, ResetLink, SecondFactorChanged, WrongCodes,
};
use crate::app::config::Config;
use crate::app::{catalogue, schedules};
use crate::audit::AuditData;
use crate::feed::{Feed, Feeds};
use crate::flow::catalogue::Catalogue;
use crate::flow::consumer::{Consumer, Source};
use crate::flow::ctx::Ctx;
use crate::flow::metrics::FlowMetrics;
use crate::flow::personal_data::Held;
use crate::flow::reaction::Reaction;
use crate::flow::relay::{EventsCarrier, JobsCarrier, Relay};
use crate::flow::schedule::{Schedule, Scheduler};
use crate::flow::verify::Verifier;
use crate::flow::worker::Worker;
use crate::infra::measures::Measures;
use crate::infra::rabbitmq::RabbitMq;
use crate::infra::redis::Redis;
use crate::infra::services::{self, Services};
use crate::infra::smtp::Post;
use crate::kernel::clock::Clock;
use crate::ledger::{Ledger, LedgerData, MonthlyReport};
use crate::mail::{MailMeasures, Mails, Site};
use crate::monitor::{self, Errors, Watch};
use crate::web::failures::Told;
use crate::web::health::Health;

/// Everything that is held about people: whatever is not in this list is neither handed out nor erased.
fn held() -> Held {
    Arc::new([
        Arc::new(LedgerData),
        Arc::new(AccountData),
        Arc::new(AuditData),
    ])
}

/// Everything that is made once in a process.
pub struct Wiring {
    /// The surroundings of all work.
    pub ctx: Ctx,
    /// The clients of the services.
    pub services: Arc<Services>,
    /// What this build knows by name.
    pub catalogue: Arc<Catalogue>,
    /// What happens by the clock.
    pub schedules: Arc<[Schedule]>,
    /// Accounts, and who is signed in.
    pub accounts: Accounts,
    /// The ledger.
    pub ledger: Ledger,
    /// What happened to whom.
    pub feed: Feed,
    /// The mails that there are.
    pub mails: Arc<Mails>,
    /// Everything that is held about people.
    pub held: Held,
    /// Whether an account may be made whose password everybody knows.
    pub demo_data: bool,
    settings: services::Settings,
    concurrency: u16,
    resend_after: TimeDelta,
    topics_kept: TimeDelta,
    monitor: monitor::Settings,
}

impl Wiring {
    /// Makes everything; no service needs to be there yet.
    pub fn new(
        config: &Config,
        clock: Arc<dyn Clock>,
        measures: &Measures,
    ) -> anyhow::Result<Self> {
        let services = Arc::new(Services::new(&config.services)?);
        let ctx = Ctx::new(
            services.postgres.clone(),
            clock,
            FlowMetrics::new(measures)?,
        );
        let key = config.site.key.clone().context("APP_KEY is not set")?;
        let links = Links::new(key, config.site.url.clone());
        let accounts = Accounts::new(
            &ctx,
            links.clone(),
            services.redis.clone(),
            &config.accounts,
            measures,
        )?;
        let site = Site {
            name: "Blazing Sun".to_owned(),
            url: config.site.url.clone(),
        };
        let mails = Mails::new(Post::new(&config.mail)?, site, MailMeasures::new(measures)?)?
            .with::<Activation>(links.clone())
            .with::<AlreadyRegistered>(())
            .with::<InvitationMail>(links.clone())
            .with::<EmailChangeOld>(links.clone())
            .with::<EmailChangeNew>(links.clone())
            .with::<EmailChanged>(())
            .with::<ResetLink>(links.clone())
            .with::<PasswordChanged>(())
            .with::<NewSignIn>(())
            .with::<SecondFactorChanged>(())
            .with::<WrongCodes>(())
            .with::<ExportReady>(())
            .with::<DeletionScheduled>(())
            .with::<MonthlyReport>(Arc::new(Addresses::new(ctx.clone())));
        let held = held();
        let data = DataTools {
            held: Arc::clone(&held),
            blobs: services.blobs.clone(),
            sessions: accounts.sessions.clone(),
        };
        let mails = Arc::new(mails);
        let ledger = Ledger::new(&ctx, accounts.door());
        let feed = Feed::new(ctx.clone(), services.redis.clone());
        let own_redis = config.services.redis.as_ref().map(Redis::new).transpose()?;
        let feeds = Feeds::new(own_redis.map(Redis::patient).map(Arc::new));
        Ok(Self {
            ctx,
            services,
            catalogue: Arc::new(catalogue::catalogue(
                Arc::clone(&mails),
                config.flow.retention.clone(),
                config.accounts.key_age,
                data,
                feeds,
            )),
            mails,
            held,
            demo_data: config.site.demo_data,
            schedules: schedules::schedules()?,
            ledger,
            feed,
            accounts,
            settings: config.services.clone(),
            concurrency: config.flow.concurrency,
            resend_after: config.flow.resend_after,
            topics_kept: config.flow.retention.topics,
            monitor: config.monitor.clone(),
        })
    }

    /// A relay over the configured carriers.
    #[must_use]
    pub fn relay(&self) -> Relay {
        let events = match &self.settings.kafka {
            Some(settings) => EventsCarrier::Kafka(settings.clone()),
            None => EventsCarrier::Postgres,
        };
        let jobs = match &self.settings.rabbitmq {
            Some(settings) => JobsCarrier::RabbitMq {
                connection: Arc::new(RabbitMq::new(settings.clone())),
                resend_after: self.resend_after,
            },
            None => JobsCarrier::Postgres,
        };
        Relay::new(self.ctx.clone(), events, jobs)
    }

    /// A worker, and the connection that brings it tickets; none if it looks into the table.
    #[must_use]
    pub fn worker(&self) -> (Worker, Option<Arc<RabbitMq>>) {
        let worker = Worker::new(
            self.ctx.clone(),
            Arc::clone(&self.catalogue),
            self.concurrency,
        );
        // Not the relay's: a broker that holds back who publishes must not hold back who consumes.
        let connection = self.settings.rabbitmq.clone().map(RabbitMq::new);
        (worker, connection.map(Arc::new))
    }

    /// The consumer of a reaction.
    #[must_use]
    pub fn consumer(&self, reaction: Arc<dyn Reaction>) -> Consumer {
        Consumer::new(self.ctx.clone(), Arc::clone(&self.catalogue), reaction)
    }

    /// Where a consumer's records come from.
    pub fn source(&self, consumer: &Consumer) -> anyhow::Result<Source> {
        match &self.settings.kafka {
            Some(settings) => Source::kafka(settings, consumer),
            None => Ok(Source::log(consumer)),
        }
    }

    /// A scheduler.
    #[must_use]
    pub fn scheduler(&self) -> Scheduler {
        Scheduler::new(self.ctx.clone(), Arc::clone(&self.schedules))
    }

    /// What looks how everything does.
    #[must_use]
    pub fn watch(&self, health: Arc<Health>) -> Watch {
        let reactions = self.catalogue.reactions().iter();
        let consumers = reactions.map(|reaction| self.consumer(Arc::clone(reaction)));
        Watch::new(
            self.ctx.clone(),
            health,
            consumers.collect(),
            self.services.blobs.clone(),
            self.monitor.clone(),
        )
    }

    /// What tells the failed requests of a process, by the id of its start.
    #[must_use]
    pub fn errors(&self, process: Uuid, failures: Told) -> Errors {
        let per_minute = self.monitor.errors_per_minute;
        Errors::new(self.ctx.clone(), process, per_minute, failures)
    }

    /// What compares the log with Kafka and with what consumers have had.
    #[must_use]
    pub fn verifier(&self) -> Verifier {
        Verifier::new(
            self.ctx.clone(),
            Arc::clone(&self.catalogue),
            self.settings.kafka.clone(),
            self.topics_kept,
        )
    }
}
