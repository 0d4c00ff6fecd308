//! `blazing_sun seed`: what the demo account is, and where there is none.

use blazing_sun::kernel::clock::{Clock, SystemClock};
use serde_json::Value;

use super::found;
use crate::harness::{Browser, Process, TestApp, World, id_of, member, run};

/// What the documents say.
const EMAIL: &str = "demo@example.com";

/// A world where the demo account may be made.
async fn open_world() -> World {
    World::solo().await.with("DEMO_DATA", true)
}

/// Runs the command, and returns what it says.
async fn seed(world: &World, command: &str) -> String {
    let finished = Process::finish(world, command).await;
    assert_eq!(finished.code, Some(0), "{finished:?}");
    finished.stdout
}

/// Somebody who signs in as the command says.
async fn signed_in(app: &TestApp, said: &str) -> Browser {
    let mut lines = said.lines();
    let line = lines.next_back().expect("a line");
    let sign_in = line.strip_prefix("sign in as ").expect("a sign-in");
    let (email, password) = sign_in.split_once(" / ").expect("a password");
    assert_eq!(email, EMAIL);
    let mut browser = Browser::new(app);
    let answer = browser.sign_in(email, password).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    browser
}

/// The command goes by the clock of the machine, which is ahead of the test's.
fn catch_up(app: &TestApp) {
    app.clock.advance(SystemClock.now() - app.clock.now());
}

/// How many there are in a list of the interface.
async fn count(browser: &mut Browser, path: &str, list: &str) -> usize {
    found(browser, path).await[list]
        .as_array()
        .expect("a list")
        .len()
}

/// The totals that the consumer of reports keeps.
async fn totals(world: &World) -> Vec<Value> {
    let kept = sqlx::query_scalar(
        "SELECT to_jsonb(x) - 'book_id' FROM report_categories x
         UNION ALL SELECT to_jsonb(x) - 'book_id' FROM report_wallets x ORDER BY 1",
    );
    kept.fetch_all(&world.pool()).await.expect("totals")
}

/// Takes a table away that the command needs once the account is there, or brings it back.
const AWAY: &str = "ALTER TABLE rates RENAME TO rates_away";
const BACK: &str = "ALTER TABLE rates_away RENAME TO rates";

const BOOKS: &str = "SELECT count(*) FROM books";
const TRANSACTIONS: &str = "SELECT count(*) FROM transactions";
/// What a command could have left.
const ROWS: &str = "SELECT (SELECT count(*) FROM transactions) + (SELECT count(*) FROM users)
                         + (SELECT count(*) FROM outbox) + (SELECT count(*) FROM jobs)";

#[tokio::test]
async fn the_demo_account_signs_in_and_its_two_years_agree_with_themselves() {
    let (world, app, mut machine) = open_world().await.start().await;
    let pool = world.pool();

    // Stopped half-way, it begins again.
    run(&world, AWAY).await;
    let stopped = Process::finish(&world, "seed").await;
    let left = world.number(&pool, BOOKS).await;
    run(&world, BACK).await;
    let said = seed(&world, "seed").await;
    let look = seed(&world, "seed --look").await;
    catch_up(&app);
    machine.settle().await;
    let mut demo = signed_in(&app, &said).await;

    assert_eq!((stopped.code, left), (Some(1), 0), "{stopped:?}");
    assert!(
        said.ends_with(&format!("sign in as {look}")),
        "{said}{look}"
    );
    let transactions = world.number(&pool, TRANSACTIONS).await;
    assert!((1500..=2500).contains(&transactions), "{transactions}");
    assert!(
        said.contains(&format!("made {transactions} transactions")),
        "{said}"
    );
    for (wrong, query) in [
        (
            "a balance is not the sum of its entries",
            "SELECT count(*) FROM wallets WHERE balance <> (SELECT coalesce(sum(amount), 0) FROM entries WHERE wallet_id = wallets.id)",
        ),
        (
            "an event says that nobody did it, or is missing",
            "SELECT (SELECT count(*) + 2 * (SELECT count(*) FROM trash) FROM transactions)
                  - (SELECT count(*) FROM audit_log WHERE type LIKE 'transaction.%' AND actor_id = (SELECT owner_id FROM books))",
        ),
        (
            "something was done that is still to come",
            "SELECT count(*) FROM recurring WHERE next_due <= (SELECT max(date) FROM transactions)",
        ),
        (
            "mail was sent, or work was left",
            "SELECT count(*) FROM jobs",
        ),
        (
            "more or less than the coins were wrong",
            "SELECT count(*) - 1 FROM balance_checks WHERE said <> found",
        ),
    ] {
        assert_eq!(world.number(&pool, query).await, 0, "{wrong}");
    }
    assert_eq!(world.mails(), [""; 0]);
    for status in ["pending", "cleared", "reconciled"] {
        let path = format!("/api/v1/transactions?status={status}");
        assert!(
            count(&mut demo, &path, "transactions").await > 0,
            "{status}"
        );
    }
    assert_eq!(count(&mut demo, "/api/v1/trash", "trash").await, 2);
    assert_eq!(count(&mut demo, "/api/v1/wallets", "wallets").await, 5);
    let worth = found(&mut demo, "/api/v1/net-worth").await;
    assert_eq!(worth["apart"], serde_json::json!([]), "{worth}");

    let kept = totals(&world).await;
    seed(&world, "events rebuild reports").await;
    assert!(kept.len() > 2000, "{}", kept.len());
    assert_eq!(totals(&world).await, kept, "made again");

    let there = world.number(&pool, ROWS).await;
    let said = seed(&world, "seed").await;
    assert!(
        said.starts_with("the demo account is there already; `seed --again`"),
        "{said}"
    );
    assert_eq!(world.number(&pool, ROWS).await, there);
    app.end().await;
}

#[tokio::test]
async fn an_account_that_is_there_is_erased_only_if_it_is_to_be_made_anew() {
    let (world, app, mut machine) = open_world().await.start().await;
    let mut before = member(&world, &app, &mut machine, EMAIL).await;
    found(&mut before, "/api/v1/book").await;
    machine.settle().await;
    let (pool, first) = (world.pool(), id_of(&world, EMAIL).await);
    let there = world.number(&pool, ROWS).await;

    let said = seed(&world, "seed").await;
    assert!(
        said.starts_with("the demo account is there already; `seed --again`"),
        "{said}"
    );
    assert_eq!(world.number(&pool, ROWS).await, there);
    assert_eq!(id_of(&world, EMAIL).await, first);

    // What is made then, another test looks at.
    run(&world, AWAY).await;
    let again = Process::finish(&world, "seed --again").await;
    assert_eq!(
        again.stdout, "erased the demo account that was there\n",
        "{again:?}"
    );
    assert_eq!(before.get("/api/v1/auth/validate").await.status, 401);
    assert_ne!(id_of(&world, EMAIL).await, first);
    assert_eq!(world.number(&pool, BOOKS).await, 0);
    app.end().await;
}

#[tokio::test]
async fn where_nobody_said_that_it_may_be_there_is_no_demo_account() {
    let world = World::solo().await;

    for command in ["seed", "seed --again", "seed --look"] {
        let finished = Process::finish(&world, command).await;
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(1), ""));
        assert_eq!(finished.stderr.lines().count(), 1, "{finished:?}");
        assert!(
            finished
                .stderr
                .contains("in development only: where DEMO_DATA is true"),
            "{finished:?}"
        );
    }
    let accounts = "SELECT count(*) FROM users";
    assert_eq!(world.number(&world.pool(), accounts).await, 0);

    let world = world.with("DEMO_DATA", true);
    let look = Process::finish(&world, "seed --look").await;
    assert_eq!((look.code, look.stdout.as_str()), (Some(1), ""));
    assert_eq!(world.number(&world.pool(), accounts).await, 0);
}
