//! The ledger over HTTP.

mod budgets;
mod bulk;
mod categories;
mod checks;
mod crowd;
mod forecast;
mod large;
mod leaving;
mod meanwhile;
mod month_page;
mod pages;
mod payees;
mod rates;
mod recurring;
mod reports;
mod rules;
mod seed;
mod sequences;
mod statements;
mod transactions;
mod trash;
mod wallets;

use blazing_sun::kernel::clock::Clock;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::harness::{Browser, Machine, PASSWORD, TestApp, World, member};

/// A world with the application in it, and the machine behind it.
pub struct House {
    /// What it stands on.
    pub world: World,
    /// The application.
    pub app: TestApp,
    /// What carries events and does jobs, a step at a time.
    pub machine: Machine,
}

impl House {
    /// A new one.
    pub async fn new() -> Self {
        Self::of(World::solo().await).await
    }

    /// One in a world.
    pub async fn of(world: World) -> Self {
        let app = TestApp::start(&world).await;
        let machine = Machine::new(&world, &app).await;
        Self {
            world,
            app,
            machine,
        }
    }

    /// A new one, at noon of a day.
    pub async fn on(day: &str) -> Self {
        Self::new().await.dated(day)
    }

    /// The same at noon of a day, if nothing has happened yet.
    pub fn dated(self, day: &str) -> Self {
        let noon: DateTime<Utc> = format!("{day}T12:00:00Z").parse().expect("a moment");
        self.app.clock.advance(noon - DateTime::UNIX_EPOCH);
        self
    }

    /// What time it is.
    pub fn now(&self) -> DateTime<Utc> {
        self.app.clock.now()
    }

    /// Days later, when somebody signs in again.
    pub async fn later(&mut self, days: i64, browser: &mut Browser, name: &str) {
        self.app.clock.advance(TimeDelta::days(days));
        let email = format!("{name}@example.org");
        let answer = browser.sign_in(&email, PASSWORD).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// Somebody who is signed in.
    pub async fn member(&mut self, name: &str) -> Browser {
        let email = format!("{name}@example.org");
        member(&self.world, &self.app, &mut self.machine, &email).await
    }

    /// The same person, who signs in anew.
    pub async fn again(&mut self, name: &str) -> Browser {
        let mut browser = Browser::new(&self.app);
        let answer = browser
            .sign_in(&format!("{name}@example.org"), PASSWORD)
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        browser
    }

    /// Ends the application.
    pub async fn end(self) {
        self.app.end().await;
    }
}

/// Makes a wallet with something in it, and returns its id.
pub async fn wallet(owner: &mut Browser, name: &str, currency: &str, balance: i64) -> String {
    let body = json!({ "name": name, "kind": "bank", "currency": currency, "opening_balance": balance,
                       "opening_date": "2026-01-01" });
    let made = made(owner, "/api/v1/wallets", &body).await;
    assert_eq!(made["balance"], balance);
    id(&made)
}

/// Posts something that is made of it, and returns what was made.
pub async fn made(owner: &mut Browser, path: &str, body: &Value) -> Value {
    let answer = owner.post(path, body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()
}

/// What is found at a path.
pub async fn found(owner: &mut Browser, path: &str) -> Value {
    let answer = owner.get(path).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// What is in a wallet.
pub async fn balance(owner: &mut Browser, wallet: &str) -> i64 {
    let wallet = found(owner, &format!("/api/v1/wallets/{wallet}")).await;
    wallet["balance"].as_i64().expect("a balance")
}

/// The id of something.
pub fn id(value: &Value) -> String {
    value["id"].as_str().expect("an id").to_owned()
}
