//! `blazing_sun events verify`: whether everything that was published is where it belongs.

use std::fmt::Write;
use std::str::FromStr;

use anyhow::bail;
use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;

use crate::app::wiring::Wiring;
use crate::flow::verify::{Filled, Findings, Range};

/// What is verified, and whether it is mended.
#[derive(Debug, Args)]
pub struct Options {
    /// Give consumers what they miss, and publish again what Kafka has lost.
    #[arg(long)]
    fill: bool,
    /// Only events behind this position of the log.
    #[arg(long, default_value_t = 0)]
    from: i64,
    /// Only events published since then: 90m, 6h, 2d, or a time such as 2026-11-25T03:00:00Z.
    #[arg(long)]
    since: Option<Since>,
}

/// A moment, or how long ago it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Since {
    At(DateTime<Utc>),
    Ago(TimeDelta),
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(at) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::At(at.to_utc()));
        }
        let ago = |unit: char, minutes: u32| {
            let count: u32 = text.strip_suffix(unit)?.parse().ok()?;
            Some(Self::Ago(TimeDelta::minutes(
                i64::from(count) * i64::from(minutes),
            )))
        };
        ago('m', 1)
            .or_else(|| ago('h', 60))
            .or_else(|| ago('d', 24 * 60))
            .ok_or_else(|| "is not a time, and not like 90m, 6h or 2d".to_owned())
    }
}

/// Looks, prints what was found and, if asked to, fills it and looks again.
pub async fn execute(wiring: &Wiring, options: Options) -> anyhow::Result<()> {
    let range = Range {
        from: options.from,
        since: options.since.map(|since| match since {
            Since::At(at) => at,
            Since::Ago(ago) => wiring.ctx.now() - ago,
        }),
    };
    let verifier = wiring.verifier();
    let mut verification = verifier.verify(range).await?;
    print!("{}", report(&verification.findings));
    let gaps = verification.findings.gaps();
    if gaps == 0 {
        verification.close().await?;
        println!("\nNothing is missing.");
        return Ok(());
    }
    if !options.fill {
        verification.close().await?;
        bail!("{gaps} missing; `blazing_sun events verify --fill` gives them again");
    }
    let filled = verification.fill().await?;
    verification.close().await?;
    println!("\n{}", told(&filled));
    let again = verifier.verify(range).await?.close().await?;
    print!("{}", report(&again));
    let left = again.gaps();
    if left > 0 {
        bail!("{left} still missing");
    }
    println!("\nNothing is missing any more.");
    Ok(())
}

fn report(findings: &Findings) -> String {
    let mut text = format!("The log up to its position {}", findings.until);
    if findings.unpublished > 0 {
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "; {} events in the outbox are not published yet and not compared",
            findings.unpublished
        );
    }
    text.push_str(".\n\n");
    if let Some(topics) = &findings.topics {
        let rows = topics.iter().map(|topic| {
            [
                topic.topic.clone(),
                topic.logged.to_string(),
                topic.kept.to_string(),
                topic.lost.to_string(),
                topic.expired.to_string(),
                topic.extra.to_string(),
            ]
        });
        let head = [
            "TOPIC",
            "IN THE LOG",
            "IN KAFKA",
            "LOST",
            "EXPIRED",
            "EXTRA",
        ];
        text.push_str(&table(head, rows));
        text.push('\n');
    }
    let rows = findings.consumers.iter().map(|found| {
        let count = |count: Option<i64>| count.map_or_else(|| "-".to_owned(), |n| n.to_string());
        let counts = found.counts;
        [
            found.consumer.clone(),
            found.topic.clone(),
            found.logged.to_string(),
            count(counts.map(|counts| counts.taken)),
            count(counts.map(|counts| counts.coming)),
            count(counts.map(|counts| counts.dead)),
            count(counts.map(|counts| counts.missing)),
        ]
    });
    let head = [
        "CONSUMER",
        "TOPIC",
        "IN THE LOG",
        "TAKEN",
        "TO COME",
        "DEAD LETTERS",
        "MISSING",
    ];
    text.push_str(&table(head, rows));
    for found in &findings.consumers {
        if found.counts.is_none() && !text.contains(&format!("\n{} keeps", found.consumer)) {
            let _ = writeln!(
                text,
                "\n{} keeps no inbox: nobody notes what it has had, and coming again changes nothing.",
                found.consumer
            );
        }
    }
    text
}

fn told(filled: &Filled) -> String {
    let mut text = String::new();
    for (consumer, count) in &filled.given {
        let _ = writeln!(text, "{consumer} was given {count} events.");
    }
    for (topic, count) in &filled.published {
        let _ = writeln!(text, "{count} events were published in {topic} again.");
    }
    text
}

/// Words to the left, numbers to the right.
fn table<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut lines = vec![head.map(str::to_owned)];
    lines.extend(rows);
    let widths: [usize; N] =
        std::array::from_fn(|n| lines.iter().map(|line| line[n].len()).max().unwrap_or(0));
    let is_word = |n: usize| {
        lines
            .iter()
            .skip(1)
            .any(|line| line[n].contains(char::is_alphabetic))
    };
    let words: [bool; N] = std::array::from_fn(is_word);
    let mut text = String::new();
    for line in &lines {
        let cells = line.iter().enumerate().map(|(n, cell)| {
            let width = widths[n];
            if words[n] {
                format!("{cell:<width$}")
            } else {
                format!("{cell:>width$}")
            }
        });
        let _ = writeln!(text, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_as_a_time_or_as_how_long_ago() {
        let parse = |text: &str| text.parse::<Since>();
        assert_eq!(parse("90m"), Ok(Since::Ago(TimeDelta::minutes(90))));
        assert_eq!(parse("6h"), Ok(Since::Ago(TimeDelta::hours(6))));
        assert_eq!(parse("2d"), Ok(Since::Ago(TimeDelta::days(2))));
        let at = DateTime::UNIX_EPOCH;
        assert_eq!(parse("1970-01-01T01:00:00+01:00"), Ok(Since::At(at)));
        for text in ["", "d", "-1d", "2w", "yesterday", "99999999999d"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
