//! `blazing_sun events`: what was published, and what became of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Subcommand;
use tokio::time::sleep;

use crate::app::commands::verify;
use crate::app::wiring::Wiring;
use crate::flow::consumer::Consumer;
use crate::flow::dead_letter::{self, DeadLetter};
use crate::flow::{documents, event_log, rebuild};

/// How often `tail --follow` looks for more.
const PAUSE: Duration = Duration::from_millis(200);
/// How many lines are asked for at a time.
const LINES: i64 = 500;

/// What to do about events.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print published events, one CloudEvent a line.
    Tail {
        /// Only of this topic; may be given more than once.
        #[arg(long)]
        topic: Vec<String>,
        /// Begin behind this position of the log instead of with the last events.
        #[arg(long)]
        from: Option<i64>,
        /// How many of the last events to begin with.
        #[arg(long, default_value_t = 10)]
        last: i64,
        /// Go on as events are published.
        #[arg(long)]
        follow: bool,
    },
    /// Give the events of the log to a consumer again; it takes those that it has not had.
    Replay {
        /// The consumer, such as audit.
        consumer: String,
        /// Begin behind this position of the log.
        #[arg(long, default_value_t = 0)]
        from: i64,
    },
    /// Compare the log with Kafka and with what each consumer has had. Exits with 1 if something is missing.
    Verify(verify::Options),
    /// Clear a consumer's read model and make it again from the source tables.
    Rebuild {
        /// The consumer.
        consumer: String,
    },
    /// Look at what could not be taken, and deal with it.
    DeadLetters {
        #[command(subcommand)]
        command: DeadLetters,
    },
    /// Write the documents about events and jobs into a folder.
    Docs {
        /// The folder; files in it that are not of these documents stay.
        folder: PathBuf,
    },
}

/// What to do about dead letters.
#[derive(Debug, Subcommand)]
pub enum DeadLetters {
    /// List those that wait, the oldest first.
    List {
        /// Only of this consumer.
        #[arg(long)]
        consumer: Option<String>,
        /// Also those that were dealt with.
        #[arg(long)]
        all: bool,
        /// How many at most.
        #[arg(long, default_value_t = 100)]
        limit: i64,
    },
    /// Show one with its value.
    Show {
        /// Its number.
        number: i64,
    },
    /// Give one, and all that waits in its aggregate, to its consumer again, in order.
    Replay {
        /// Its number.
        #[arg(required_unless_present = "all")]
        number: Option<i64>,
        /// All that wait, of this consumer or of every one.
        #[arg(long, conflicts_with = "number")]
        all: bool,
        /// Only of this consumer.
        #[arg(long, requires = "all")]
        consumer: Option<String>,
    },
    /// Give one up: its event will not have its effect.
    Discard {
        /// Its number.
        number: i64,
    },
}

/// Runs one command.
pub async fn execute(wiring: &Wiring, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Tail {
            topic,
            from,
            last,
            follow,
        } => tail(wiring, topic, from, last, follow).await,
        Command::Replay { consumer, from } => {
            let consumer = find(wiring, &consumer)?;
            let given = rebuild::fill_gaps(&consumer, from).await?;
            println!("{} looked at {given} events", consumer.name());
            Ok(())
        }
        Command::Verify(options) => verify::execute(wiring, options).await,
        Command::Rebuild { consumer } => {
            let consumer = find(wiring, &consumer)?;
            rebuild::rebuild(&consumer).await?;
            println!("{} is rebuilt", consumer.name());
            Ok(())
        }
        Command::DeadLetters { command } => dead_letters(wiring, command).await,
        Command::Docs { folder } => write_documents(wiring, &folder),
    }
}

async fn tail(
    wiring: &Wiring,
    topics: Vec<String>,
    from: Option<i64>,
    last: i64,
    follow: bool,
) -> anyhow::Result<()> {
    let pool = wiring.ctx.pool();
    let topics = if topics.is_empty() {
        wiring.catalogue.topics()
    } else {
        topics
    };
    let mut position = match from {
        Some(position) => position,
        None => event_log::before_last(pool, &topics, last).await?,
    };
    loop {
        let mut connection = pool.acquire().await?;
        let events = event_log::after(&mut connection, position, &topics, LINES).await?;
        drop(connection);
        for event in &events {
            println!("{}", event.body);
            position = event.position;
        }
        if events.is_empty() {
            if !follow {
                return Ok(());
            }
            sleep(PAUSE).await;
        }
    }
}

async fn dead_letters(wiring: &Wiring, command: DeadLetters) -> anyhow::Result<()> {
    let pool = wiring.ctx.pool();
    match command {
        DeadLetters::List {
            consumer,
            all,
            limit,
        } => {
            for letter in dead_letter::list(pool, consumer.as_deref(), all, limit).await? {
                println!("{}", line(&letter));
            }
            Ok(())
        }
        DeadLetters::Show { number } => {
            let letter = find_letter(wiring, number).await?;
            println!("{}", line(&letter));
            println!(
                "event {}, {} bytes, {}",
                letter.event_id.unwrap_or_default(),
                letter.size,
                letter.error
            );
            println!("{}", String::from_utf8_lossy(&letter.value));
            Ok(())
        }
        DeadLetters::Replay {
            number, consumer, ..
        } => {
            let letters = match number {
                Some(number) => vec![find_letter(wiring, number).await?],
                None => dead_letter::list(pool, consumer.as_deref(), false, i64::MAX).await?,
            };
            replay(wiring, &letters).await
        }
        DeadLetters::Discard { number } => {
            let letter = find_letter(wiring, number).await?;
            if !dead_letter::discard(&wiring.ctx, &letter).await? {
                bail!("dead letter {number} does not wait any more");
            }
            println!("discarded {number}");
            Ok(())
        }
    }
}

async fn replay(wiring: &Wiring, letters: &[DeadLetter]) -> anyhow::Result<()> {
    let (mut taken, mut left) = (0, 0);
    for letter in letters {
        if letter.event_id.is_none() {
            println!(
                "{} is not an event and cannot be replayed; discard it",
                letter.seq
            );
            left += 1;
            continue;
        }
        let consumer = find(wiring, &letter.consumer)?;
        let replayed = dead_letter::replay(&consumer, letter).await?;
        taken += replayed.taken;
        left += replayed.left;
    }
    println!("replayed {taken}, {left} still wait");
    if left > 0 {
        bail!("not everything could be replayed; `events dead-letters list` says why");
    }
    Ok(())
}

fn line(letter: &DeadLetter) -> String {
    format!(
        "{:>6}  {:<10}  {:<10}  {}  {}/{} {}  {} attempts: {}",
        letter.seq,
        letter.consumer,
        letter.state,
        letter.created_at.format("%Y-%m-%dT%H:%M:%SZ"),
        letter.topic,
        letter
            .partition
            .map_or_else(|| "log".to_owned(), |partition| partition.to_string()),
        letter.record_offset,
        letter.attempts,
        letter.error.lines().next().unwrap_or_default(),
    )
}

async fn find_letter(wiring: &Wiring, number: i64) -> anyhow::Result<DeadLetter> {
    dead_letter::show(wiring.ctx.pool(), number)
        .await?
        .with_context(|| format!("there is no dead letter {number}"))
}

fn find(wiring: &Wiring, name: &str) -> anyhow::Result<Consumer> {
    let reaction = wiring.catalogue.find_reaction(name).with_context(|| {
        let known: Vec<&str> = wiring
            .catalogue
            .reactions()
            .iter()
            .map(|reaction| reaction.consumer())
            .collect();
        format!(
            "there is no consumer {name:?}; there are: {}",
            known.join(", ")
        )
    })?;
    Ok(wiring.consumer(reaction))
}

fn write_documents(wiring: &Wiring, folder: &Path) -> anyhow::Result<()> {
    for (name, text) in documents::pages(&wiring.catalogue) {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{}", path.display());
    }
    Ok(())
}
