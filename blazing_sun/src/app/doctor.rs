//! `blazing_sun doctor`: what is configured, what answers, and what to do about the rest.

use std::fmt::Write;
use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, Utc};
use tokio::time::timeout;

use crate::app::config::{Config, Entry, Reading};
use crate::app::instances::{self, Instance};
use crate::infra::services::{Dependency, Services};
use crate::infra::smtp::{self, Post};

/// How many starts are listed.
const STARTS: i64 = 5;
/// How long the mail server may take to answer.
const MAIL_ANSWER: Duration = Duration::from_secs(5);
const MAIL_ADVICE: &str =
    "Is it running, and do the MAIL_ settings match it? Until then mails wait and are tried again.";

/// What the doctor found.
pub struct Diagnosis {
    /// The text for the operator.
    pub text: String,
    /// Whether the application could run.
    pub healthy: bool,
}

/// Examines configuration and services.
pub async fn examine(reading: Reading) -> anyhow::Result<Diagnosis> {
    let mut text = configuration(&reading.entries);
    let healthy = match reading.config {
        Ok(config) => services(&config, &mut text).await?,
        Err(problems) => {
            text.push_str("\nProblems\n");
            for problem in problems {
                writeln!(text, "  {problem}")?;
            }
            false
        }
    };
    Ok(Diagnosis { text, healthy })
}

fn configuration(entries: &[Entry]) -> String {
    let mut text = "Configuration\n".to_owned();
    for Entry {
        name,
        shown,
        origin,
    } in entries
    {
        text.push_str(&format!("  {name:<28} {shown} ({origin})\n"));
    }
    text
}

async fn services(config: &Config, text: &mut String) -> anyhow::Result<bool> {
    let services = Services::new(&config.services)?;
    let mut healthy = true;
    text.push_str("\nServices\n");
    for dependency in services.dependencies() {
        let asked = Instant::now();
        let name = dependency.name();
        match services.check(dependency).await {
            Ok(()) => {
                let took = asked.elapsed().as_secs_f64() * 1000.0;
                let description = services
                    .describe(dependency)
                    .await
                    .unwrap_or_else(|error| format!("{error:#}"));
                writeln!(text, "  {name:<9} up in {took:.1} ms, {description}")?;
            }
            Err(error) => {
                healthy &= dependency != Dependency::Postgres;
                writeln!(
                    text,
                    "  {name:<9} away: {error:#}\n            {}",
                    advice(dependency)
                )?;
            }
        }
    }
    text.push_str(&mail(&config.mail).await?);
    if healthy {
        text.push_str("\nLast starts\n");
        for instance in instances::latest(&services.postgres, STARTS).await? {
            writeln!(text, "  {}", describe(&instance))?;
        }
    }
    services.close().await;
    Ok(healthy)
}

/// Mail can wait, so that its server decides nothing.
async fn mail(settings: &smtp::Settings) -> anyhow::Result<String> {
    let post = Post::new(settings)?;
    let answer = timeout(MAIL_ANSWER, post.check()).await;
    post.close().await;
    Ok(match answer {
        Ok(Ok(())) => "  mail      up\n".to_owned(),
        Ok(Err(error)) => format!("  mail      away: {error}\n            {MAIL_ADVICE}\n"),
        Err(_) => format!(
            "  mail      away: no answer within {} s\n            {MAIL_ADVICE}\n",
            MAIL_ANSWER.as_secs()
        ),
    })
}

fn describe(instance: &Instance) -> String {
    let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let end = instance.stopped_at.map_or_else(
        || "runs or was killed".to_owned(),
        |at| format!("ended {}", time(at)),
    );
    format!(
        "{} on {}, version {}, {end}",
        time(instance.started_at),
        instance.host,
        instance.version
    )
}

fn advice(dependency: Dependency) -> &'static str {
    match dependency {
        Dependency::Postgres => {
            "Is it running, and do the POSTGRES_ settings match it? If only migrations are missing: blazing_sun migrate"
        }
        Dependency::Redis => {
            "Is it running, and do the REDIS_ settings match it? Until then the application is slower."
        }
        Dependency::RabbitMq => {
            "Is it running, do the RABBITMQ_ settings match it, and does the queue `jobs` exist in RABBITMQ_VHOST?"
        }
        Dependency::Kafka => {
            "Is it running, and do the KAFKA_ settings match it? Missing topics have to be created."
        }
    }
}
