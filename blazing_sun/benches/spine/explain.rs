//! The plans of the spine's statements, which are taken from its source: what is explained is what runs.

use anyhow::Context;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::report::Report;

const EVENTS: &str = include_str!("../../src/flow/relay/events.rs");
const EVENT_LOG: &str = include_str!("../../src/flow/event_log.rs");
const JOBS: &str = include_str!("../../src/flow/jobs.rs");
const WAITING: &str = include_str!("../../src/flow/relay/waiting.rs");

/// A statement, and what its parameters are in PostgreSQL's words.
struct Statement {
    name: &'static str,
    source: &'static str,
    /// What stands before it in the source.
    after: &'static str,
    arguments: &'static str,
}

/// Arguments that are looked for: a job in the state that a statement about one expects, the epoch of who leads.
const ONES: [(&str, &str); 3] = [
    ("SENT", "(SELECT id FROM jobs WHERE state = 'sent' LIMIT 1)"),
    ("EPOCH", "(SELECT epoch FROM leases WHERE name = 'relay')"),
    (
        "RUNNING",
        "(SELECT id FROM jobs WHERE state = 'running' LIMIT 1)",
    ),
];

/// A leader, as many tickets with the broker as a relay leaves there, and as many jobs that run as a worker runs by default.
const PRELUDE: [&str; 3] = [
    "INSERT INTO leases (name, holder, epoch, expires_at) VALUES ('relay', uuidv7(), 1, now()) ON CONFLICT DO NOTHING",
    "UPDATE jobs SET state = 'sent', sent_at = now() WHERE id IN (
         SELECT id FROM jobs WHERE state = 'ready' AND run_at < now() ORDER BY id DESC LIMIT 5000
     )",
    "UPDATE jobs SET state = 'running', attempt = 1, lease_until = now() + interval '90 s' WHERE id IN (
         SELECT id FROM jobs WHERE state = 'sent' ORDER BY id DESC LIMIT 10
     )",
];

const STATEMENTS: [Statement; 15] = [
    Statement {
        name: "relay fetch, swept from 0",
        source: EVENTS,
        after: "async fn fetch(",
        arguments: "0, '{}', 1000, 8388608",
    },
    Statement {
        name: "relay fetch, from the floor",
        source: EVENTS,
        after: "async fn fetch(",
        arguments: "(SELECT min(seq) - 1 FROM outbox), '{}', 1000, 8388608",
    },
    Statement {
        name: "relay settle, 1000 events",
        source: EVENT_LOG,
        after: "pub async fn settle(",
        arguments: "ARRAY(SELECT seq FROM outbox ORDER BY seq LIMIT 1000), 'relay', EPOCH",
    },
    Statement {
        name: "waiting::tell, events",
        source: WAITING,
        after: "pub async fn tell(",
        arguments: "",
    },
    Statement {
        name: "jobs::due, 500",
        source: JOBS,
        after: "pub async fn due(",
        arguments: "now(), 500",
    },
    Statement {
        name: "jobs::settle_sent, 500",
        source: JOBS,
        after: "pub async fn settle_sent(",
        arguments: "ARRAY(SELECT id FROM jobs WHERE state = 'ready' ORDER BY id LIMIT 500), array_fill(0, '{500}'), now(), 'relay', EPOCH",
    },
    Statement {
        name: "jobs::due, 1",
        source: JOBS,
        after: "pub async fn due(",
        arguments: "now(), 1",
    },
    Statement {
        name: "jobs::oldest_sent",
        source: JOBS,
        after: "pub async fn oldest_sent(",
        arguments: "",
    },
    Statement {
        name: "jobs::sent_count",
        source: JOBS,
        after: "pub async fn sent_count(",
        arguments: "(SELECT min(sent_at) FROM jobs WHERE state = 'sent')",
    },
    Statement {
        name: "jobs::overdue_count",
        source: JOBS,
        after: "pub async fn overdue_count(",
        arguments: "now() - interval '1 minute'",
    },
    Statement {
        name: "jobs::unreported",
        source: JOBS,
        after: "pub async fn unreported(",
        arguments: "500",
    },
    Statement {
        name: "jobs::take_back",
        source: JOBS,
        after: "pub async fn take_back(",
        arguments: "now(), '[{}]'",
    },
    Statement {
        name: "jobs::claim",
        source: JOBS,
        after: "pub async fn claim(",
        arguments: "SENT, 0, now() + interval '90 s'",
    },
    Statement {
        name: "jobs::renew",
        source: JOBS,
        after: "pub async fn renew(",
        arguments: "RUNNING, 1, now() + interval '90 s'",
    },
    Statement {
        name: "jobs::finish",
        source: JOBS,
        after: "pub async fn finish(",
        arguments: "RUNNING, 1, now(), '[]'",
    },
];

/// What one statement takes.
pub struct Plan {
    /// Its name.
    pub name: &'static str,
    /// Milliseconds, with a plan for these parameters and with one for any.
    pub took: [f64; 2],
    /// Pages that were touched.
    pub pages: f64,
    /// How the tables were read.
    pub how: String,
}

/// Explains every statement, in a transaction that is rolled back. The whole plans become notes, if they are wanted.
pub async fn all(
    connection: &mut PgConnection,
    mut notes: Option<&mut Report>,
) -> anyhow::Result<Vec<Plan>> {
    run(connection, "BEGIN").await?;
    for statement in PRELUDE {
        run(connection, statement).await?;
    }
    let mut plans = Vec::with_capacity(STATEMENTS.len());
    for statement in &STATEMENTS {
        let mut took = [f64::NAN; 2];
        let mut first = Vec::new();
        for (mode, took) in ["force_custom_plan", "force_generic_plan"]
            .iter()
            .zip(&mut took)
        {
            let lines = explain(connection, statement, mode)
                .await
                .with_context(|| statement.name)?;
            *took = number_after(&lines, "Execution Time: ").context("no time")?;
            if let Some(report) = &mut notes {
                report.note(format!(
                    "{} ({mode}):\n    {}",
                    statement.name,
                    lines.join("\n    ")
                ));
            }
            if first.is_empty() {
                first = lines;
            }
        }
        let buffers: Vec<String> = first
            .iter()
            .find(|line| line.contains("Buffers:"))
            .cloned()
            .into_iter()
            .collect();
        let pages = |kind| number_after(&buffers, kind).unwrap_or_default();
        plans.push(Plan {
            name: statement.name,
            took,
            pages: pages("hit=") + pages("read="),
            how: scans(&first),
        });
    }
    run(connection, "ROLLBACK").await?;
    Ok(plans)
}

async fn explain(
    connection: &mut PgConnection,
    statement: &Statement,
    mode: &str,
) -> anyhow::Result<Vec<String>> {
    let sql = find(statement.source, statement.after)?;
    run(connection, &format!("SET LOCAL plan_cache_mode = {mode}")).await?;
    run(connection, &format!("PREPARE explained AS {sql}")).await?;
    let arguments = arguments(connection, statement.arguments).await?;
    let execute = if arguments.is_empty() {
        "EXECUTE explained".to_owned()
    } else {
        format!("EXECUTE explained({arguments})")
    };
    let explaining = format!("EXPLAIN (ANALYZE, BUFFERS) {execute}");
    // The second time, when everything that can be is in memory, and dead entries are marked if they can be.
    let mut lines = Vec::new();
    for _ in 0..2 {
        run(connection, "SAVEPOINT before").await?;
        let rows = sqlx::raw_sql(AssertSqlSafe(explaining.clone()))
            .fetch_all(&mut *connection)
            .await?;
        lines = rows
            .iter()
            .map(|row| row.try_get(0))
            .collect::<Result<Vec<String>, _>>()?;
        run(connection, "ROLLBACK TO before").await?;
    }
    run(connection, "DEALLOCATE explained").await?;
    Ok(lines)
}

async fn run(connection: &mut PgConnection, statement: &str) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
        .execute(connection)
        .await?;
    Ok(())
}

/// The arguments as literals, as the application would bind them.
async fn arguments(connection: &mut PgConnection, arguments: &str) -> anyhow::Result<String> {
    let mut literals = Vec::new();
    for argument in split(arguments) {
        let one = ONES.iter().find(|(name, _)| *name == argument);
        let asking = format!(
            "SELECT ({})::text",
            one.map_or(argument, |(_, query)| query)
        );
        let value: Option<String> = sqlx::raw_sql(AssertSqlSafe(asking))
            .fetch_one(&mut *connection)
            .await?
            .try_get(0)?;
        literals.push(value.map_or_else(|| "NULL".to_owned(), |value| format!("'{value}'")));
    }
    Ok(literals.join(", "))
}

/// Splits at the commas that are in no bracket.
fn split(arguments: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (place, letter) in arguments.char_indices() {
        match letter {
            '(' | '{' | '[' => depth += 1,
            ')' | '}' | ']' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(arguments[start..place].trim());
                start = place + 1;
            }
            _ => {}
        }
    }
    parts.extend(Some(arguments[start..].trim()).filter(|last| !last.is_empty()));
    parts
}

/// The first statement after a place in a source file.
fn find(source: &'static str, after: &str) -> anyhow::Result<&'static str> {
    let found = || {
        let source = &source[source.find(after)?..];
        let source = &source[source.find("sqlx::query")?..];
        let (before, literal) = source.split_once('"')?;
        // `r#"..."#`, or a plain literal, in which nothing is escaped.
        let end = if before.ends_with("r#") { "\"#" } else { "\"" };
        Some(literal.split_once(end)?.0)
    };
    found().with_context(|| format!("the source has no statement after {after}"))
}

/// The number that follows a text in one of the lines.
fn number_after(lines: &[String], text: &str) -> Option<f64> {
    let rest = lines
        .iter()
        .find_map(|line| Some(line.split_once(text)?.1))?;
    let end = rest
        .find(|letter: char| !(letter.is_ascii_digit() || letter == '.'))
        .unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// The scans of a plan.
fn scans(lines: &[String]) -> String {
    let scans = lines.iter().filter_map(|line| {
        let line = line.trim().trim_start_matches("->").trim();
        let is_scan = line.contains(" Scan ") && line.contains(" on ") || line.starts_with("Sort ");
        is_scan.then(|| line.split("  (").next().unwrap_or(line).to_owned())
    });
    let mut scans: Vec<String> = scans.collect();
    scans.dedup();
    scans.join("; ")
}
