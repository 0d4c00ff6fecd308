//! Requests that write a transaction down, beside the same statements from a bare loop and from pgbench, and beside the same
//! without its event.

use std::fmt::Write;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, ensure};
use blazing_sun::kernel::id;
use sqlx::PgPool;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use uuid::Uuid;

use crate::http::Client;
use crate::people::Person;
use crate::report::{Report, Series};
use crate::rounds::{Sizes, repeat};
use crate::sign_up::{CHEAP, end, memory, start};
use crate::telemetry::Telling;
use crate::world::World;

/// Connections that ask, each again as soon as it is answered.
const CLIENTS: usize = 16;
/// Whose books are written in, in turn: more than ask at once, so that they seldom wait for each other.
const PEOPLE: usize = 64;
/// What the application says to PostgreSQL.
const WRITE: &str = include_str!("../../src/ledger/transactions/write.sql");
const EMIT: &str = "INSERT INTO outbox (id, topic, key, type, body, size, emitted_at) VALUES ($1, $2, $3, $4, $5, $6, $7)";
/// About as long as the event is.
const EVENT_BYTES: usize = 900;

/// Measures each kind in turn.
pub async fn measure(
    world: &World,
    sizes: &Sizes,
    pgbench: Option<&str>,
    report: &mut Report,
) -> anyhow::Result<()> {
    eprintln!("create");
    let mut whole = Series::new("create-transaction, everything runs", "requests/s");
    let mut http = Series::new("create-transaction, only http", "requests/s");
    let mut bare = Series::new("bare create-transaction statements", "transactions/s");
    let mut alone = Series::new("bare, without the event", "transactions/s");
    let mut outside = Series::new("pgbench, the same statements", "transactions/s");
    let mut peak = Series::new("resident at most, create-transaction", "MiB");
    let pool = world.config.services.postgres.pool();
    let telling = Telling::log();
    for _ in 0..sizes.rounds {
        let (rate, memory) = ask(world, &pool, None, &telling, sizes.seconds).await?;
        whole.push(rate);
        peak.push(memory);
        http.push(
            ask(world, &pool, Some("http"), &telling, sizes.seconds)
                .await?
                .0,
        );
        let people = people(world, &pool).await?;
        bare.push(write(world, &people, true, sizes.seconds).await?);
        alone.push(write(world, &people, false, sizes.seconds).await?);
        if let Some(pgbench) = pgbench {
            outside.push(run(pgbench, world.name(), &people, sizes.seconds).await?);
        }
    }
    pool.close().await;
    if pgbench.is_some() {
        report.compare(&whole, &[&outside, &bare]);
        report.compare(&http, &[&outside, &bare]);
        report.figure(&outside);
    } else {
        report.compare(&whole, &[&bare]);
        report.compare(&http, &[&bare]);
    }
    report.compare(&bare, &[&alone]);
    report.figure(&alone);
    report.figure(&peak);
    Ok(())
}

/// Runs the application and writes transactions down as fast as it answers; also what memory it took.
pub async fn ask(
    world: &World,
    pool: &PgPool,
    only: Option<&str>,
    telling: &Telling,
    seconds: u64,
) -> anyhow::Result<(f64, f64)> {
    let directory = TempDir::new()?;
    let (mut child, address) = start(world, &CHEAP, only, telling, &directory).await?;
    let process = child.id().context("it has ended")?;
    let people = sign_up(&address, pool).await?;
    let mut clients = Vec::with_capacity(CLIENTS);
    for _ in 0..CLIENTS {
        clients.push(Client::connect(&address).await?);
    }
    let scraper = telling.scraper(&address);
    let turn = AtomicUsize::new(0);
    let rate = repeat(seconds, clients, async |client| {
        let person = &people[turn.fetch_add(1, Ordering::Relaxed) % PEOPLE];
        let body = format!(
            r#"{{"date":"2026-11-25","wallet_id":"{}","amount":-500,"category_id":"{}","payee":"Baker","note":"bread"}}"#,
            person.wallet, person.category
        );
        let (status, answer) = client
            .ask("POST", "/api/v1/transactions", &person.token, &body)
            .await?;
        ensure!(status == 201, "status {status}: {answer}");
        Ok(())
    })
    .await;
    drop(scraper);
    let peak = memory(process, "VmHWM")?;
    end(&mut child, process).await?;
    Ok((rate?, peak))
}

async fn people(world: &World, pool: &PgPool) -> anyhow::Result<Vec<Person>> {
    let directory = TempDir::new()?;
    let (mut child, address) =
        start(world, &CHEAP, Some("http"), &Telling::log(), &directory).await?;
    let process = child.id().context("it has ended")?;
    let people = sign_up(&address, pool).await;
    end(&mut child, process).await?;
    people
}

async fn sign_up(address: &str, pool: &PgPool) -> anyhow::Result<Vec<Person>> {
    let mut client = Client::connect(address).await?;
    let mut people = Vec::with_capacity(PEOPLE);
    for _ in 0..PEOPLE {
        people.push(Person::new(&mut client, pool).await?);
    }
    Ok(people)
}

/// The statements of one request from as many clients, on a pool of the same size that tests no connection.
async fn write(
    world: &World,
    people: &[Person],
    with_event: bool,
    seconds: u64,
) -> anyhow::Result<f64> {
    let pool = world.bare_pool().await?;
    let turn = AtomicUsize::new(0);
    let rate = repeat(seconds, vec![(); CLIENTS], async |()| {
        let person = &people[turn.fetch_add(1, Ordering::Relaxed) % PEOPLE];
        let transaction = id::new();
        let mut tx = pool.begin().await?;
        sqlx::query(WRITE)
            .bind(person.id)
            .bind(transaction)
            .bind(chrono::NaiveDate::from_ymd_opt(2026, 11, 25))
            .bind("normal")
            .bind("bread")
            .bind(1_i64)
            .bind(chrono::DateTime::UNIX_EPOCH)
            .bind(chrono::DateTime::UNIX_EPOCH)
            .bind("Baker")
            .bind("baker")
            .bind(id::new())
            .bind(vec![person.wallet])
            .bind(vec![-500_i64])
            .bind(vec!["cleared"])
            .bind(vec![Some(person.category)])
            .bind(vec![-500_i64])
            .bind(Vec::<Uuid>::new())
            .bind(Vec::<String>::new())
            .fetch_one(&mut *tx)
            .await?;
        if with_event {
            sqlx::query(EMIT)
                .bind(id::new())
                .bind("transaction.events")
                .bind(transaction)
                .bind("transaction.created.v1")
                .bind("x".repeat(EVENT_BYTES))
                .bind(i32::try_from(EVENT_BYTES)?)
                .bind(chrono::DateTime::UNIX_EPOCH)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(())
    })
    .await;
    pool.close().await;
    rate
}

/// The same statements from pgbench, which prepares them once, too.
async fn run(
    pgbench: &str,
    database: &str,
    people: &[Person],
    seconds: u64,
) -> anyhow::Result<f64> {
    let of = |what: fn(&Person) -> Uuid| {
        let mut ids = String::new();
        for person in people {
            let _ = write!(ids, "'{}',", what(person));
        }
        format!(
            "(ARRAY[{}]::uuid[])[:k::integer]",
            ids.trim_end_matches(',')
        )
    };
    let fresh = |kind: u8| {
        format!(
            "format('00000000-0000-400{kind}-8000-%s', lpad(to_hex(:n::bigint), 12, '0'))::uuid"
        )
    };
    let values = [
        of(|person| person.id),
        fresh(1),
        "'2026-11-25'::date".to_owned(),
        "'normal'".to_owned(),
        "'bread'".to_owned(),
        "1::bigint".to_owned(),
        "now()".to_owned(),
        "now()".to_owned(),
        "'Baker'::text".to_owned(),
        "'baker'".to_owned(),
        fresh(2),
        format!("ARRAY[{}]", of(|person| person.wallet)),
        "ARRAY[-500::bigint]".to_owned(),
        "ARRAY['cleared'::text]".to_owned(),
        format!("ARRAY[{}]", of(|person| person.category)),
        "ARRAY[-500::bigint]".to_owned(),
        "'{}'::uuid[]".to_owned(),
        "'{}'::text[]".to_owned(),
    ];
    // The longer numbers first, so that $1 is not found in $12.
    let mut statement = WRITE.trim_end().to_owned();
    for (index, value) in values.iter().enumerate().rev() {
        statement = statement.replace(&format!("${}", index + 1), value);
    }
    let event = format!(
        "INSERT INTO outbox (id, topic, key, type, body, size, emitted_at)
         VALUES ({}, 'transaction.events', {}, 'transaction.created.v1', '{}', {EVENT_BYTES}, now())",
        fresh(3),
        fresh(1),
        "x".repeat(EVENT_BYTES)
    );
    let script = format!(
        "\\set k random(1, {PEOPLE})\n\\set n random(1, 200000000000000)\nBEGIN;\n{statement};\n{event};\nCOMMIT;\n"
    );
    let command = format!(
        "{pgbench} --no-vacuum --protocol=prepared --client={CLIENTS} --jobs=2 --time={seconds} --file=- {database}"
    );
    let mut child = Command::new("sh")
        .args(["-c", &command])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut input = child.stdin.take().context("no input")?;
    input.write_all(script.as_bytes()).await?;
    drop(input);
    let ended = child.wait_with_output().await?;
    let told = String::from_utf8_lossy(&ended.stdout);
    let rate = told
        .lines()
        .find_map(|line| line.strip_prefix("tps = "))
        .and_then(|rest| rest.split(' ').next())
        .with_context(|| format!("pgbench: {told}{}", String::from_utf8_lossy(&ended.stderr)))?;
    Ok(rate.parse()?)
}
