//! Many who write in one book at once.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::payees::bought;
use super::{House, balance, id, wallet};
use crate::harness::{Browser, Response, World};

const TRANSACTIONS: &str = "/api/v1/transactions";
const ANY: [(&str, &str); 1] = [("if-match", "*")];
/// How many write at once.
const WRITERS: usize = 64;
/// How often each of them does everything.
const ROUNDS: usize = 3;
/// How many transactions all of them change.
const COMMON: usize = 12;

/// What a writer was told to be done.
enum Told {
    /// A transaction has a version, in which this moves, if that was said.
    Is(String, i64, Option<Value>),
    /// It is in the trash.
    Gone(String),
}

/// Somebody in the crowd.
struct Writer {
    no: usize,
    browser: Browser,
    wallets: Vec<String>,
    common: Vec<String>,
    /// What this one wrote down last.
    own: String,
    told: Vec<Told>,
}

impl Writer {
    /// Keeps what an answer says, which has to be one of these.
    fn note(&mut self, answer: &Response, expected: &[u16]) -> Option<String> {
        assert!(expected.contains(&answer.status), "{answer:?}");
        if ![200, 201].contains(&answer.status) {
            return None;
        }
        let body = answer.json();
        let version = |of: &Value| of["version"].as_i64().expect("a version");
        if let Some(changed) = body["changed"].as_array() {
            let changed = changed.iter();
            self.told
                .extend(changed.map(|it| Told::Is(id(it), version(it), None)));
            return None;
        }
        let entries = Some(body["entries"].clone());
        self.told.push(Told::Is(id(&body), version(&body), entries));
        Some(id(&body))
    }

    /// A transfer between two neighbours among the wallets, one way or the other, that names what others name at the same time.
    fn transfer(&self, round: usize, payee: &str) -> Value {
        let place = |no: usize| &self.wallets[no % self.wallets.len()];
        let (mut from, mut to) = (place(self.no + round), place(self.no + round + 1));
        let mut tags = [format!("tag {round}"), format!("{payee} {round}")];
        if self.no.is_multiple_of(2) {
            (from, to) = (to, from);
            tags.reverse();
        }
        let amount = i64::try_from(self.no + 2).expect("an amount");
        json!({ "date": "2026-11-25", "payee": format!("{payee} {round}"), "tags": tags,
                "entries": [{ "wallet_id": from, "amount": -amount }, { "wallet_id": to, "amount": amount - 1 }],
                "lines": [{ "amount": -1 }] })
    }

    async fn change(&mut self, transaction: &str, body: &Value) {
        let path = format!("{TRANSACTIONS}/{transaction}");
        let answer = self.browser.json("PUT", &path, &ANY, body).await;
        self.note(&answer, &[200, 404]);
    }

    async fn bulk(&mut self, body: &Value) -> Response {
        let path = format!("{TRANSACTIONS}/bulk");
        let answer = self.browser.post(&path, body).await;
        self.note(&answer, &[200, 422]);
        answer
    }

    /// Some of what all have, the other way round for every second one.
    fn some(&self, round: usize) -> Vec<String> {
        let place = |no: usize| self.common[(self.no + round + no) % COMMON].clone();
        let mut some: Vec<String> = (0..4).map(place).collect();
        if self.no.is_multiple_of(2) {
            some.reverse();
        }
        some
    }

    async fn create(&mut self, body: &Value) -> String {
        let answer = self.browser.post(TRANSACTIONS, body).await;
        self.note(&answer, &[201]).expect("a transaction")
    }

    async fn write(&mut self, round: usize) {
        // Two neighbours name somebody new at the same time: the one writes something down, the other changes something.
        let pair = self.no / 2;
        let (one, other) = (
            self.transfer(round, &format!("Shop {pair}")),
            self.transfer(round, &format!("Stall {pair}")),
        );
        let own = if self.no.is_multiple_of(2) {
            let own = self.create(&one).await;
            self.change(&own, &other).await;
            own
        } else {
            let before = self.own.clone();
            self.change(&before, &one).await;
            self.create(&other).await
        };
        self.own.clone_from(&own);
        let common = self.common[(7 * self.no + round) % COMMON].clone();
        self.change(&common, &self.transfer(round, "Kiosk")).await;
        let tag = format!("bulk {round}");
        let mut ids = self.some(round);
        ids.push(own.clone());
        let body = json!({ "ids": ids, "payee": format!("Kiosk {round}"), "add_tags": [tag, format!("tag {round}")] });
        self.bulk(&body).await;
        match self.no % 4 {
            0 => {
                let path = format!("{TRANSACTIONS}/{own}");
                let answer = self.browser.send("DELETE", &path, &ANY, "").await;
                assert_eq!(answer.status, 204, "{answer:?}");
                self.told.push(Told::Gone(own));
            }
            1 => {
                let body = json!({ "ids": [own], "delete": true });
                let answer = self.bulk(&body).await;
                assert_eq!(answer.status, 200, "{answer:?}");
                self.told.push(Told::Gone(own));
            }
            _ => {}
        }
        // Two of what all have go, while others change them.
        if self.no == WRITERS / 2 {
            let gone = self.common[round].clone();
            let path = format!("{TRANSACTIONS}/{gone}");
            let answer = self.browser.send("DELETE", &path, &ANY, "").await;
            assert_eq!(answer.status, 204, "{answer:?}");
            self.told.push(Told::Gone(gone));
        }
    }
}

/// What is there of a transaction.
#[derive(Debug, Default, PartialEq, Eq)]
struct Kept {
    version: i64,
    gone: bool,
    entries: Vec<(String, i64)>,
}

fn entries(of: &Value) -> Vec<(String, i64)> {
    let entry = |entry: &Value| {
        let wallet = entry["wallet_id"].as_str().expect("a wallet");
        (
            wallet.to_owned(),
            entry["amount"].as_i64().expect("an amount"),
        )
    };
    of.as_array().expect("entries").iter().map(entry).collect()
}

/// What has to be there after all that they were told: each is a version of its own, and the last one counts.
fn expected(told: Vec<Told>) -> BTreeMap<String, Kept> {
    let mut versions: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
    let mut newest: BTreeMap<String, (i64, Value)> = BTreeMap::new();
    let mut gone = BTreeSet::new();
    for told in told {
        match told {
            Told::Is(id, version, entries) => {
                let is_new = versions.entry(id.clone()).or_default().insert(version);
                assert!(is_new, "version {version} of {id} twice");
                let before = newest.get(&id).map_or(0, |(before, _)| *before);
                if let Some(entries) = entries.filter(|_| version > before) {
                    newest.insert(id, (version, entries));
                }
            }
            Told::Gone(id) => drop(gone.insert(id)),
        }
    }
    let kept = versions.into_iter().map(|(id, versions)| {
        let told = i64::try_from(versions.len()).expect("a number");
        let last = versions.last().copied().expect("a version");
        let gone = gone.contains(&id);
        // One by itself is deleted without being told of its version.
        assert!(
            last == told || gone && last <= told + 1,
            "{id}: {versions:?}"
        );
        let entries = entries(&newest[&id].1);
        (
            id,
            Kept {
                version: last,
                gone,
                entries,
            },
        )
    });
    kept.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_who_write_in_one_book_at_once_wait_in_no_circle_and_lose_nothing() {
    let world = World::solo().await.patient().with("POSTGRES_POOL_SIZE", 32);
    let mut house = House::of(world).await;
    let mut ada = house.member("ada").await;
    let mut wallets = Vec::new();
    for name in ["Bank", "Cash", "Card", "Jar"] {
        wallets.push(wallet(&mut ada, name, "EUR", 0).await);
    }
    let mut told = Vec::new();
    let mut common = Vec::new();
    for no in 0..COMMON {
        let spent = bought(&mut ada, &wallets[no % 4], "Somebody", json!({})).await;
        told.push(Told::Is(id(&spent), 1, Some(spent["entries"].clone())));
        common.push(id(&spent));
    }
    let writers = (0..WRITERS).map(|no| {
        let mut writer = Writer {
            no,
            browser: ada.clone(),
            wallets: wallets.clone(),
            common: common.clone(),
            own: common[no % COMMON].clone(),
            told: Vec::new(),
        };
        tokio::spawn(async move {
            for round in 0..ROUNDS {
                writer.write(round).await;
            }
            writer.told
        })
    });

    for writer in join_all(writers.collect::<Vec<_>>()).await {
        told.extend(writer.expect("no panic"));
    }

    let pool = house.world.pool();
    let rows: Vec<(String, i64, Value)> = sqlx::query_as(
        "SELECT id::text, version, (SELECT jsonb_agg(jsonb_build_object('wallet_id', wallet_id, 'amount', amount) ORDER BY no)
                                    FROM entries WHERE transaction_id = id) FROM transactions",
    )
    .fetch_all(&pool)
    .await
    .expect("transactions");
    let expected = expected(told);
    assert!(
        expected.len() == COMMON + WRITERS * ROUNDS,
        "{}",
        expected.len()
    );
    let live = rows.into_iter().map(|(id, version, moved)| {
        let entries = entries(&moved);
        (
            id,
            Kept {
                version,
                gone: false,
                entries,
            },
        )
    });
    let live: BTreeMap<String, Kept> = live.collect();
    let wanted: BTreeMap<&String, &Kept> = expected.iter().filter(|(_, kept)| !kept.gone).collect();
    assert_eq!(live.iter().collect::<BTreeMap<_, _>>(), wanted);
    for wallet in &wallets {
        let of = |kept: &Kept| {
            kept.entries
                .iter()
                .filter(|(id, _)| id == wallet)
                .map(|(_, amount)| *amount)
                .sum::<i64>()
        };
        let sum: i64 = live.values().map(of).sum();
        assert_eq!(balance(&mut ada, wallet).await, sum);
    }
    let crooked = "SELECT count(*) FROM wallets WHERE balance <> (SELECT coalesce(sum(amount), 0) FROM entries WHERE wallet_id = wallets.id)";
    assert_eq!(house.world.number(&pool, crooked).await, 0);
    pool.close().await;

    // Who leaves tells PostgreSQL what happened to them.
    let House {
        world,
        app,
        machine,
    } = house;
    drop(machine);
    app.end().await;
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'
                  AND pid <> pg_backend_pid()";
    world.until(others, 0).await;
    let pool = world.pool();
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(world.number(&pool, deadlocks).await, 0);
    pool.close().await;
}
