//! The configuration: every setting parsed once, at start, with all complaints together.

mod reader;
mod sources;

use std::net::IpAddr;
use std::time::Duration;

use chrono::TimeDelta;
use secrecy::ExposeSecret;
use tracing_subscriber::filter::Targets;

use crate::accounts::{
    self, FirstAdministrator, HashSettings, KeyAge, LinkKey, Password, SessionSettings,
};
use crate::flow::purge::Retention;
use crate::infra::{blobs, kafka, postgres, rabbitmq, redis, services, smtp, traces};
use crate::kernel::email::Email;
use crate::monitor;
use crate::web::client::TrustedProxies;
use crate::web::envelope::Limits;
use reader::Reader;
pub use reader::{Entry, Problem};
pub use sources::{Origin, Sources};

/// Everything that can be set.
#[derive(Debug)]
pub struct Config {
    /// The HTTP server.
    pub http: Http,
    /// How the process starts and ends.
    pub lifecycle: Lifecycle,
    /// What is logged, and how.
    pub logs: Logs,
    /// Where traces go, and how many.
    pub traces: traces::Settings,
    /// Where the services are; one that is not used is not there.
    pub services: services::Settings,
    /// How events and jobs are carried, and how long they are remembered.
    pub flow: Flow,
    /// From when on the system tells something about itself.
    pub monitor: monitor::Settings,
    /// Where mail goes.
    pub mail: smtp::Settings,
    /// What the outside knows.
    pub site: Site,
    /// Passwords, sessions and what else concerns accounts.
    pub accounts: accounts::Settings,
}

/// How events and jobs are carried, and how long they are remembered.
#[derive(Clone, Debug)]
pub struct Flow {
    /// How many jobs one worker runs at a time.
    pub concurrency: u16,
    /// After how long a ticket that nobody used, and that the queue does not hold, is sent again.
    pub resend_after: TimeDelta,
    /// How long things are remembered.
    pub retention: Retention,
}

/// What the outside knows.
#[derive(Clone, Debug)]
pub struct Site {
    /// The address that links in mails begin with.
    pub url: String,
    /// The key that links in mails are derived with.
    pub key: Option<LinkKey>,
    /// Whether it shows how its mails look.
    pub mail_previews: bool,
    /// Whether an account may be made whose password everybody knows.
    pub demo_data: bool,
}

impl Site {
    /// The site as browsers name it: without a path.
    #[must_use]
    pub fn origin(&self) -> String {
        match self.url.match_indices('/').nth(2) {
            Some((end, _)) => self.url[..end].to_lowercase(),
            None => self.url.to_lowercase(),
        }
    }
}

/// The HTTP server's settings.
#[derive(Clone, Debug)]
pub struct Http {
    /// The address to listen on.
    pub address: IpAddr,
    /// The port to listen on; 0 takes any free one.
    pub port: u16,
    /// What one request may ask for.
    pub limits: Limits,
    /// The longest time a client may take to send a request's headers.
    pub header_timeout: Duration,
    /// The longest time an idle connection stays open.
    pub keep_alive: Duration,
    /// The proxies whose word on a client's address is believed.
    pub proxies: TrustedProxies,
    /// Other sites whose pages may use the interface.
    pub origins: Vec<String>,
}

/// How the process starts and ends.
#[derive(Clone, Debug)]
pub struct Lifecycle {
    /// The longest wait for PostgreSQL at start.
    pub startup_timeout: Duration,
    /// How long the process still serves although it says that it is not ready.
    pub drain: Duration,
    /// The longest wait for requests in flight at the end.
    pub shutdown_timeout: Duration,
}

/// What is logged, and how.
#[derive(Debug)]
pub struct Logs {
    /// Levels and targets.
    pub filter: Targets,
    /// For machines or for people.
    pub format: LogFormat,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// Coloured text.
    Pretty,
}

impl std::str::FromStr for LogFormat {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "json" => Ok(Self::Json),
            "pretty" => Ok(Self::Pretty),
            _ => Err(()),
        }
    }
}

/// What was read: the configuration if nothing is wrong with it, and every setting with its origin in any case.
pub struct Reading {
    /// The configuration, or everything that is wrong with it.
    pub config: Result<Config, Vec<Problem>>,
    /// Every setting as it may be shown.
    pub entries: Vec<Entry>,
}

impl Config {
    /// Reads every setting from `sources`.
    #[must_use]
    pub fn read(sources: Sources) -> Reading {
        let mut reader = Reader::new(sources);
        let config = Self {
            http: Http::read(&mut reader),
            lifecycle: Lifecycle::read(&mut reader),
            logs: Logs::read(&mut reader),
            traces: read_traces(&mut reader),
            services: services::Settings {
                postgres: read_postgres(&mut reader),
                redis: read_used(&mut reader, "CACHE", ["redis", "none"], read_redis),
                rabbitmq: read_used(
                    &mut reader,
                    "JOBS_CARRIER",
                    ["rabbitmq", "postgres"],
                    read_rabbitmq,
                ),
                kafka: read_used(
                    &mut reader,
                    "EVENTS_CARRIER",
                    ["kafka", "postgres"],
                    read_kafka,
                ),
                blobs: blobs::Settings {
                    folder: reader.text("STORAGE_FOLDER", "the path of a folder").into(),
                },
            },
            flow: Flow::read(&mut reader),
            monitor: read_monitor(&mut reader),
            mail: read_mail(&mut reader),
            site: Site::read(&mut reader),
            accounts: read_accounts(&mut reader),
        };
        let (entries, problems) = reader.finish();
        Reading {
            config: if problems.is_empty() {
                Ok(config)
            } else {
                Err(problems)
            },
            entries,
        }
    }

    /// Reads the port alone, which is all that the health check needs.
    pub fn read_port(sources: Sources) -> Result<u16, Vec<Problem>> {
        let mut reader = Reader::new(sources);
        let port = reader.number("PORT", 0..=u16::MAX);
        let (_, problems) = reader.finish();
        if problems.is_empty() {
            Ok(port)
        } else {
            Err(problems)
        }
    }
}

impl Http {
    fn read(reader: &mut Reader) -> Self {
        Self {
            port: reader.number("PORT", 0..=u16::MAX),
            address: reader.parsed(
                "BIND_ADDRESS",
                "an IP address",
                IpAddr::from([127, 0, 0, 1]),
            ),
            limits: Limits {
                max_body_bytes: reader.number("HTTP_MAX_BODY_BYTES", 1..=1 << 30),
                request_timeout: reader.seconds("HTTP_REQUEST_TIMEOUT_SECONDS", 1..=3600),
            },
            header_timeout: reader.seconds("HTTP_HEADER_TIMEOUT_SECONDS", 1..=3600),
            keep_alive: reader.seconds("HTTP_KEEP_ALIVE_SECONDS", 1..=3600),
            proxies: TrustedProxies(reader.list(
                "TRUSTED_PROXIES",
                "addresses or networks, separated by spaces",
                |text| {
                    text.parse()
                        .ok()
                        .or_else(|| text.parse().ok().map(IpAddr::into))
                },
            )),
            origins: reader.list(
                "CORS_ORIGINS",
                "sites such as https://example.org, separated by spaces",
                |text| {
                    let rest = text
                        .strip_prefix("https://")
                        .or_else(|| text.strip_prefix("http://"))?;
                    let is_host = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
                    (!rest.is_empty() && rest.chars().all(is_host)).then(|| text.to_lowercase())
                },
            ),
        }
    }
}

impl Lifecycle {
    fn read(reader: &mut Reader) -> Self {
        Self {
            startup_timeout: reader.seconds("STARTUP_TIMEOUT_SECONDS", 1..=3600),
            drain: reader.seconds("DRAIN_SECONDS", 0..=3600),
            shutdown_timeout: reader.seconds("SHUTDOWN_TIMEOUT_SECONDS", 1..=3600),
        }
    }
}

impl Logs {
    fn read(reader: &mut Reader) -> Self {
        Self {
            filter: reader.parsed(
                "RUST_LOG",
                "a level or directives such as info,sqlx=debug",
                Targets::default(),
            ),
            format: reader.parsed("LOG_FORMAT", "json or pretty", LogFormat::default()),
        }
    }
}

fn read_traces(reader: &mut Reader) -> traces::Settings {
    traces::Settings {
        endpoint: reader.optional(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "an address such as http://jaeger:4318 without a user or a query, or nothing",
        ),
        ratio: reader.parsed(
            "TRACE_SAMPLE_RATIO",
            "a number from 0 to 1",
            traces::Ratio::default(),
        ),
    }
}

impl Flow {
    fn read(reader: &mut Reader) -> Self {
        Self {
            concurrency: reader.number("WORKER_CONCURRENCY", 1..=1000),
            resend_after: TimeDelta::seconds(reader.number("JOBS_RESEND_SECONDS", 1..=86_400)),
            retention: Retention {
                event_log: TimeDelta::days(reader.number("EVENT_LOG_DAYS", 1..=3650)),
                topics: TimeDelta::hours(reader.number("KAFKA_LOG_RETENTION_HOURS", 1..=87_600)),
                done: TimeDelta::days(reader.number("JOBS_KEPT_DAYS", 1..=3650)),
            },
        }
    }
}

impl Site {
    fn read(reader: &mut Reader) -> Self {
        Self {
            url: reader.url("APP_URL"),
            key: reader.parsed_secret(
                "APP_KEY",
                "at least 32 random characters, such as `openssl rand -hex 32` prints",
                LinkKey::new,
            ),
            mail_previews: reader.parsed("MAIL_PREVIEWS", "true or false", false),
            demo_data: reader.parsed("DEMO_DATA", "true or false", false),
        }
    }
}

/// The settings of a service that can be done without, if it is used.
fn read_used<T>(
    reader: &mut Reader,
    name: &'static str,
    [used, unused]: [&'static str; 2],
    read: impl FnOnce(&mut Reader) -> T,
) -> Option<T> {
    match reader.one_of(name, [used, unused]) {
        Some(choice) if choice == unused => None,
        _ => Some(read(reader)),
    }
}

fn read_monitor(reader: &mut Reader) -> monitor::Settings {
    let seconds =
        |reader: &mut Reader, name| TimeDelta::seconds(reader.number(name, 0..=1_000_000_000));
    monitor::Settings {
        errors_per_minute: reader.number("MONITOR_ERRORS_PER_MINUTE", 0..=1000),
        lag: seconds(reader, "MONITOR_LAG_SECONDS"),
        outbox: seconds(reader, "MONITOR_OUTBOX_SECONDS"),
        jobs: seconds(reader, "MONITOR_JOBS_SECONDS"),
        disk_percent: reader.number("MONITOR_DISK_PERCENT", 0..=100),
        database_mebibytes: reader.number("MONITOR_DATABASE_MIB", 0..=1_000_000_000),
    }
}

fn read_accounts(reader: &mut Reader) -> accounts::Settings {
    accounts::Settings {
        passwords: HashSettings {
            memory_kib: reader.number("ARGON2_MEMORY_KIB", 8..=1 << 20),
            iterations: reader.number("ARGON2_ITERATIONS", 1..=100),
            concurrency: reader.number("ARGON2_CONCURRENCY", 1..=1000),
            queue: reader.number("ARGON2_QUEUE", 0..=10_000),
        },
        sessions: SessionSettings {
            idle: TimeDelta::days(reader.number("SESSION_IDLE_DAYS", 1..=365)),
            longest: TimeDelta::days(reader.number("SESSION_DAYS", 1..=365)),
        },
        key_age: KeyAge(TimeDelta::days(reader.number("SIGNING_KEY_DAYS", 1..=365))),
        throttle_factor: reader.number("THROTTLE_FACTOR", 1..=1_000_000),
        deletion_grace: TimeDelta::days(reader.number("ACCOUNT_DELETION_DAYS", 1..=365)),
        first_administrator: read_first_administrator(reader),
    }
}

fn read_first_administrator(reader: &mut Reader) -> Option<FirstAdministrator> {
    let email: Option<Email> = reader.optional("ADMIN_EMAIL", "an e-mail address, or nothing");
    let known = email.as_ref().map_or("", Email::as_str);
    let password = reader.parsed_secret(
        "ADMIN_PASSWORD",
        "nothing, or 8 to 128 characters that are not easy to guess",
        |text| match text.expose_secret() {
            "" => Some(None),
            _ => Password::choose(text.clone(), &[known]).ok().map(Some),
        },
    );
    Some(FirstAdministrator {
        email: email?,
        password: password.flatten(),
    })
}

fn read_mail(reader: &mut Reader) -> smtp::Settings {
    smtp::Settings {
        mailer: reader.parsed("MAIL_MAILER", "smtp or log", smtp::Mailer::default()),
        host: reader.host("MAIL_HOST"),
        port: reader.port("MAIL_PORT"),
        username: reader.text_or_empty("MAIL_USERNAME", "the name of a user"),
        password: reader.secret("MAIL_PASSWORD", "the password of MAIL_USERNAME"),
        encryption: reader.parsed(
            "MAIL_ENCRYPTION",
            "opportunistic, none, starttls or tls",
            smtp::Encryption::default(),
        ),
        ca_file: Some(reader.text_or_empty("MAIL_CA_FILE", "the path of a PEM file"))
            .filter(|path| !path.is_empty())
            .map(Into::into),
        timeout: reader.seconds("MAIL_TIMEOUT_SECONDS", 1..=50),
        from_address: reader.parsed(
            "MAIL_FROM_ADDRESS",
            "an e-mail address in ASCII",
            smtp::SenderAddress::default(),
        ),
        from_name: reader.text_or_empty("MAIL_FROM_NAME", "a name"),
        folder: reader.text("MAIL_FOLDER", "the path of a folder").into(),
    }
}

fn read_postgres(reader: &mut Reader) -> postgres::Settings {
    postgres::Settings {
        host: reader.host("POSTGRES_HOST"),
        port: reader.port("POSTGRES_PORT"),
        user: reader.text("POSTGRES_USER", "the name of a role"),
        password: reader.secret("POSTGRES_PASSWORD", "the password of POSTGRES_USER"),
        database: reader.text("POSTGRES_DB", "the name of a database"),
        sslmode: reader.parsed(
            "POSTGRES_SSLMODE",
            "disable, allow, prefer, require, verify-ca or verify-full",
            Default::default(),
        ),
        pool_size: reader.number("POSTGRES_POOL_SIZE", 1..=1000),
        patience: postgres::PATIENCE,
    }
}

fn read_redis(reader: &mut Reader) -> redis::Settings {
    redis::Settings {
        host: reader.host("REDIS_HOST"),
        port: reader.port("REDIS_PORT"),
        user: reader.text("REDIS_USER", "the name of a user"),
        password: reader.secret("REDIS_PASSWORD", "the password of REDIS_USER"),
        database: reader.number("REDIS_DB", 0..=u16::MAX),
        prefix: reader.text_or_empty("REDIS_PREFIX", "the start of a name"),
    }
}

fn read_rabbitmq(reader: &mut Reader) -> rabbitmq::Settings {
    rabbitmq::Settings {
        host: reader.host("RABBITMQ_HOST"),
        port: reader.port("RABBITMQ_PORT"),
        user: reader.text("RABBITMQ_USER", "the name of a user"),
        password: reader.secret("RABBITMQ_PASSWORD", "the password of RABBITMQ_USER"),
        vhost: reader.text("RABBITMQ_VHOST", "the name of a virtual host, such as /"),
    }
}

fn read_kafka(reader: &mut Reader) -> kafka::Settings {
    let topics = reader.text("KAFKA_TOPICS", "the names of topics, separated by spaces");
    kafka::Settings {
        host: reader.host("KAFKA_HOST"),
        port: reader.port("KAFKA_PORT"),
        topics: topics.split_whitespace().map(str::to_owned).collect(),
        prefix: reader.text_or_empty("KAFKA_PREFIX", "the start of a name"),
    }
}

#[cfg(test)]
mod tests;
