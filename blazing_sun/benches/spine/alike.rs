//! Whether the time of an answer tells that an address has an account: known and unknown ones take turns.

use anyhow::{Context, ensure};
use blazing_sun::kernel::id;
use tempfile::TempDir;
use tokio::time::Instant;

use crate::http::Client;
use crate::report::{Report, Series, percentile};
use crate::rounds::Sizes;
use crate::sign_up::{end, start};
use crate::world::World;

/// The address that has an account.
const KNOWN: &str = "known@example.com";
/// Pairs of requests for each second of a measurement.
const PAIRS_A_SECOND: u64 = 20;

/// What is asked: a name, a path, a body for an address, and the status of its answer.
type Question = (&'static str, &'static str, fn(&str) -> String, u16);

const QUESTIONS: [Question; 4] = [
    ("sign-in", "/api/v1/auth/sign-in", wrong_password, 401),
    ("sign-up", "/api/v1/auth/sign-up", a_password, 202),
    ("forgot", "/api/v1/auth/forgot", address_alone, 202),
    ("resend", "/api/v1/auth/resend", address_alone, 202),
];

fn wrong_password(email: &str) -> String {
    format!(r#"{{"email":"{email}","password":"another horse"}}"#)
}

fn a_password(email: &str) -> String {
    format!(r#"{{"email":"{email}","password":"correct horse battery"}}"#)
}

fn address_alone(email: &str) -> String {
    format!(r#"{{"email":"{email}"}}"#)
}

/// Measures each question in turn.
pub async fn measure(world: &World, sizes: &Sizes, report: &mut Report) -> anyhow::Result<()> {
    eprintln!("alike");
    let directory = TempDir::new()?;
    let cost = &world.config.accounts.passwords;
    let (mut child, address) = start(world, cost, Some("http"), &directory).await?;
    let id = child.id().context("it has ended")?;
    let mut client = Client::connect(&address).await?;
    let status = client
        .post("/api/v1/auth/sign-up", &a_password(KNOWN))
        .await?;
    ensure!(status == 202, "the sign-up was answered {status}");
    let mut connection = world.connect().await?;
    sqlx::query("UPDATE users SET status = 'active' WHERE email = $1")
        .bind(KNOWN)
        .execute(&mut connection)
        .await?;
    for question in QUESTIONS {
        let pairs = sizes.seconds * PAIRS_A_SECOND;
        ask(&mut client, question, pairs, report).await?;
    }
    end(&mut child, id).await
}

async fn ask(
    client: &mut Client,
    (name, path, body, expected): Question,
    pairs: u64,
    report: &mut Report,
) -> anyhow::Result<()> {
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for pair in 0..pairs {
        let stranger = format!("{}@example.com", id::new().simple());
        let mut turns = [(KNOWN, &mut known), (stranger.as_str(), &mut unknown)];
        // Neither always comes first.
        if pair % 2 == 0 {
            turns.reverse();
        }
        for (email, times) in turns {
            let asked = Instant::now();
            let status = client.post(path, &body(email)).await?;
            times.push(asked.elapsed().as_secs_f64() * 1000.0);
            ensure!(status == expected, "{path} answered {status}");
        }
    }
    let mut figure = |what: &str, value: f64| {
        let mut series = Series::new(format!("{name}, {what}"), "ms");
        series.push(value);
        report.figure(&series);
        value
    };
    let known = figure("known address, median", percentile(&mut known, 0.5));
    let unknown = figure("unknown address, median", percentile(&mut unknown, 0.5));
    figure("difference of the medians", (known - unknown).abs());
    Ok(())
}
