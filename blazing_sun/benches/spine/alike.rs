//! Whether the time of an answer tells that an address has an account: those that have none, that wait to be activated
//! and that are in use take turns.
//!
//! An account whose deletion is scheduled is one in use to all of these questions, until it is erased.

use anyhow::{Context, ensure};
use blazing_sun::kernel::id;
use sqlx::PgConnection;
use tempfile::TempDir;
use tokio::time::Instant;

use crate::http::Client;
use crate::report::{Report, Series, percentile};
use crate::rounds::Sizes;
use crate::sign_up::{end, start};
use crate::telemetry::Telling;
use crate::world::World;

/// Rounds for each second of a measurement; in each round every kind of address is asked about once.
const ROUNDS_A_SECOND: u64 = 40;

/// The orders in which the kinds are asked about, so that none of them always follows the same other one.
const ORDERS: [[usize; 3]; 6] = [
    [0, 1, 2],
    [2, 1, 0],
    [1, 2, 0],
    [0, 2, 1],
    [2, 0, 1],
    [1, 0, 2],
];

/// What is asked: a name, a path, a body for an address, and the status of its answer.
type Question = (&'static str, &'static str, fn(&str) -> String, u16);

const QUESTIONS: [Question; 5] = [
    ("sign-in", "/api/v1/auth/sign-in", wrong_password, 401),
    // Right for the account that waits, as it is for whoever signed up with somebody else's address.
    (
        "sign-in after a sign-up",
        "/api/v1/auth/sign-in",
        a_password,
        401,
    ),
    ("sign-up", "/api/v1/auth/sign-up", a_password, 202),
    ("forgot", "/api/v1/auth/forgot", address_alone, 202),
    ("resend", "/api/v1/auth/resend", address_alone, 202),
];

fn wrong_password(email: &str) -> String {
    with_password(email, "another horse battery")
}

fn a_password(email: &str) -> String {
    with_password(email, "correct horse battery")
}

fn with_password(email: &str, password: &str) -> String {
    format!(r#"{{"email":"{email}","password":"{password}"}}"#)
}

fn address_alone(email: &str) -> String {
    format!(r#"{{"email":"{email}"}}"#)
}

/// Measures each question in turn.
pub async fn measure(world: &World, sizes: &Sizes, report: &mut Report) -> anyhow::Result<()> {
    eprintln!("alike");
    let directory = TempDir::new()?;
    let cost = &world.config.accounts.passwords;
    let (mut child, address) =
        start(world, cost, Some("http"), &Telling::log(), &directory).await?;
    let id = child.id().context("it has ended")?;
    let mut client = Client::connect(&address).await?;
    let known = open_accounts(&mut client, &mut world.connect().await?).await?;
    for question in QUESTIONS {
        let rounds = sizes.seconds * ROUNDS_A_SECOND;
        ask(&mut client, question, (&known, rounds), report).await?;
    }
    end(&mut child, id).await
}

/// An address that nobody has used. All are of one length, since it takes longer to look at longer ones.
fn new_address() -> String {
    format!("{}@example.com", id::new().simple())
}

/// Opens an account that waits to be activated and one in use, and returns their addresses.
async fn open_accounts(
    client: &mut Client,
    connection: &mut PgConnection,
) -> anyhow::Result<[String; 2]> {
    let [pending, active] = [new_address(), new_address()];
    for body in [
        a_password(&pending),
        with_password(&active, "a password of its own"),
    ] {
        let status = client.post("/api/v1/auth/sign-up", &body).await?;
        ensure!(status == 202, "the sign-up was answered {status}");
    }
    sqlx::query("UPDATE users SET status = 'active' WHERE email = $1")
        .bind(&active)
        .execute(connection)
        .await?;
    Ok([pending, active])
}

async fn ask(
    client: &mut Client,
    (name, path, body, expected): Question,
    ([pending, active], rounds): (&[String; 2], u64),
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut kinds = [
        ("unknown address", Vec::new()),
        ("pending account", Vec::new()),
        ("active account", Vec::new()),
    ];
    for round in 0..rounds {
        let stranger = new_address();
        let emails = [&stranger, pending, active];
        for kind in ORDERS[round as usize % ORDERS.len()] {
            let email = emails[kind];
            let asked = Instant::now();
            let status = client.post(path, &body(email)).await?;
            kinds[kind].1.push(asked.elapsed().as_secs_f64() * 1000.0);
            ensure!(status == expected, "{path} answered {status}");
        }
    }
    let mut figure = |what: &str, value: f64| {
        let mut series = Series::new(format!("{name}, {what}"), "ms");
        series.push(value);
        report.figure(&series);
    };
    let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
    for (kind, mut times) in kinds {
        let median = percentile(&mut times, 0.5);
        figure(&format!("{kind}, median"), median);
        (least, most) = (least.min(median), most.max(median));
    }
    figure("largest difference of the medians", most - least);
    Ok(())
}
