//! How many statements the ledger's requests take: few, and as many for much as for little.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::payees::bought;
use super::{House, id, made, wallet};
use crate::harness::{Browser, Machine, Response, TestApp, Wire, World};
use crate::rules::pages_in;

const TRANSACTIONS: &str = "/api/v1/transactions";
const ANY: [(&str, &str); 1] = [("if-match", "*")];
/// A full page.
const PAGE: usize = 50;

/// A house on a day in November 2026, whose application speaks to PostgreSQL over a wire; the machine does not.
async fn on_a_wire() -> (House, Wire) {
    let (world, wire) = Wire::of(World::solo().await).await;
    let app = TestApp::start(&world).await;
    let world = wire.past(world);
    let machine = Machine::new(&world, &app).await;
    let house = House {
        world,
        app,
        machine,
    };
    (house.dated("2026-11-25"), wire)
}

/// Does something, and returns the answer with the statements that it took.
async fn told(wire: &Wire, asking: impl Future<Output = Response>) -> (Response, Vec<String>) {
    let before = wire.statements();
    let answer = asking.await;
    (answer, wire.since(before))
}

/// What a statement is for, if it is not the use case's own.
fn around(statement: &str) -> Option<&'static str> {
    match statement {
        "BEGIN" | "COMMIT" => Some("the transaction"),
        _ if statement.contains("FROM sessions") => Some("the session"),
        _ if statement.contains("idempotency_") => Some("idempotency"),
        _ => None,
    }
}

#[tokio::test]
async fn a_transaction_is_written_down_in_two_statements_whatever_is_in_it() {
    let (mut house, wire) = on_a_wire().await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 0).await;
    let cash = wallet(&mut ada, "Cash", "EUR", 0).await;
    let dollar = wallet(&mut ada, "Dollar", "USD", 0).await;
    let body = json!({ "name": "Edibles", "kind": "expense" });
    let food = id(&made(&mut ada, "/api/v1/categories", &body).await);
    bought(&mut ada, &bank, "Known", json!({ "tags": ["known"] })).await;
    let entry = |wallet: &str, amount: i64| json!({ "wallet_id": wallet, "amount": amount });
    let line = |amount: i64| json!({ "category_id": food, "amount": amount });

    for (what, body) in [
        (
            "simple",
            json!({ "wallet_id": bank, "amount": -5, "category_id": food }),
        ),
        (
            "a split",
            json!({ "entries": [entry(&bank, -9)], "lines": [line(-2), line(-8), line(1)] }),
        ),
        (
            "from two wallets",
            json!({ "entries": [entry(&bank, -9), entry(&cash, -1)], "lines": [line(-10)] }),
        ),
        (
            "a transfer",
            json!({ "entries": [entry(&bank, -9), entry(&cash, 9)] }),
        ),
        (
            "a transfer with a fee",
            json!({ "entries": [entry(&bank, -9), entry(&cash, 8)], "lines": [line(-1)] }),
        ),
        (
            "an exchange",
            json!({ "entries": [entry(&bank, -9), entry(&dollar, 8)] }),
        ),
        (
            "a payee and tags that are known",
            json!({ "wallet_id": bank, "amount": -5, "payee": "known", "tags": ["Known"] }),
        ),
        (
            "a payee and tags that are new",
            json!({ "wallet_id": bank, "amount": -5, "payee": "New", "tags": ["new", "known", "newer"] }),
        ),
        (
            "a new payee of a split with new tags and a note",
            json!({ "entries": [entry(&bank, -9)], "lines": [line(-2), line(-7)], "payee": "Newer",
                    "tags": ["newest"], "note": "much" }),
        ),
    ] {
        for key in [None, Some(what.replace(' ', "-"))] {
            let mut body = body.clone();
            body["date"] = json!("2026-11-25");
            let key: Vec<(&str, &str)> = key
                .as_deref()
                .map(|key| ("idempotency-key", key))
                .into_iter()
                .collect();
            let writing = ada.json("POST", TRANSACTIONS, &key, &body);
            let (answer, statements) = told(&wire, writing).await;
            assert_eq!(answer.status, 201, "{what}: {answer:?}");
            let mut numbers = BTreeMap::new();
            for statement in &statements {
                let of = around(statement).unwrap_or("its own");
                *numbers.entry(of).or_insert(0) += 1;
            }
            let mut expected =
                BTreeMap::from([("the transaction", 2), ("the session", 1), ("its own", 2)]);
            if !key.is_empty() {
                expected.insert("idempotency", 2);
            }
            assert_eq!(numbers, expected, "{what}: {statements:#?}");
        }
    }
    house.end().await;
}

/// What there is in a book: ids by the names that stand for them in addresses.
type Shelves = BTreeMap<String, String>;

/// Fills a book with so many of everything that is listed.
async fn fill(house: &mut House, owner: &mut Browser, number: usize) -> Shelves {
    let bank = wallet(owner, "Bank", "EUR", 0).await;
    let mut last = Shelves::new();
    for no in 1..=number {
        // A day that is as far ago as there are rows.
        let day = chrono::NaiveDate::from_ymd_opt(2026, 11, 25).expect("a day")
            - chrono::Days::new(u64::try_from(no).expect("a number") - 1);
        let body = json!({ "name": format!("Category {no}"), "kind": "expense" });
        let category = id(&made(owner, "/api/v1/categories", &body).await);
        let more = json!({ "category_id": category, "tags": [format!("tag {no}")] });
        let spent = bought(owner, &bank, &format!("Payee {no}"), more).await;
        let gone = id(&bought(owner, &bank, "Gone", json!({})).await);
        let gone = owner
            .send("DELETE", &format!("{TRANSACTIONS}/{gone}"), &ANY, "")
            .await;
        assert_eq!(gone.status, 204, "{gone:?}");
        let purse = wallet(owner, &format!("Wallet {no}"), "EUR", 1).await;
        let of = |path: &str, body: Value| (format!("/api/v1/{path}"), body);
        let monthly = json!({ "date": "2026-12-24", "wallet_id": purse, "amount": -1 });
        let posts = [
            of(
                "rates",
                json!({ "date": day, "from": "USD", "to": "EUR", "rate": "0.9" }),
            ),
            of(
                &format!("wallets/{bank}/checks"),
                json!({ "date": day, "balance": 0 }),
            ),
            of(
                "rules",
                json!({ "contains": format!("payee {no}"), "category_id": category }),
            ),
            of(
                "recurring",
                json!({ "transaction": monthly, "rule": "FREQ=MONTHLY" }),
            ),
        ];
        for (path, body) in posts {
            let made = made(owner, &path, &body).await;
            let what = path.rsplit('/').next().expect("a name");
            last.insert(what.to_owned(), id(&made));
        }
        let body =
            json!({ "month": "2026-11", "category_id": category, "amount": 5, "rollover": true });
        made(owner, "/api/v1/budgets", &body).await;
        for (name, value) in [
            ("categories", &category),
            ("category_id", &category),
            ("transactions", &id(&spent)),
            ("payees", &id(&spent["payee"])),
            ("tags", &id(&spent["tags"][0])),
        ] {
            last.insert(name.to_owned(), value.clone());
        }
        if no == number {
            let daily = json!({ "date": day, "wallet_id": purse, "amount": -1 });
            let body = json!({ "transaction": daily, "rule": "FREQ=DAILY" });
            let daily = id(&made(owner, "/api/v1/recurring", &body).await);
            last.insert("recurring".to_owned(), daily);
        }
    }
    last.insert("wallets".to_owned(), bank);
    last.insert("check_id".to_owned(), last["checks"].clone());
    last.insert("month".to_owned(), "2026-11".to_owned());
    house.machine.settle().await;
    last
}

/// An address with what is there in place of its parameters: an `id` is of the kind that is named before it.
fn filled(path: &str, shelves: &Shelves) -> String {
    let mut filled: Vec<&str> = Vec::new();
    for part in path.split('/') {
        let name = part
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'));
        let name = name.map(|name| match name {
            "id" => *filled.last().expect("a kind"),
            other => other,
        });
        filled.push(match name {
            Some(name) => shelves.get(name).unwrap_or_else(|| {
                panic!("{path}: nothing is there for {name}; fill a book with it")
            }),
            None => part,
        });
    }
    filled.join("/")
}

/// The addresses that the ledger's part of the interface can be asked at.
pub fn addresses() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for document in blazing_sun::ledger::document() {
        let document = serde_json::to_value(document).expect("JSON");
        let paths = document["paths"].as_object().expect("paths").clone();
        let asked = paths
            .into_iter()
            .filter(|(_, methods)| methods.get("get").is_some());
        found.extend(asked.map(|(path, _)| path));
    }
    assert!(found.len() > 25, "{found:?}");
    found
}

/// How long the longest list in an answer is.
fn longest(value: &Value) -> usize {
    match value {
        Value::Array(list) => list.iter().map(longest).max().unwrap_or(0).max(list.len()),
        Value::Object(fields) => fields.values().map(longest).max().unwrap_or(0),
        _ => 0,
    }
}

/// What has no rows to list, however much there is in a book.
const SINGLE: [&str; 15] = [
    "/api/v1/book",
    "/api/v1/budgets/{month}/{category_id}",
    "/api/v1/categories/{id}",
    "/api/v1/net-worth",
    "/api/v1/payees/{id}",
    "/api/v1/rates/{id}",
    "/api/v1/recurring/{id}",
    "/api/v1/reports/cash-flow",
    "/api/v1/reports/net-worth",
    "/api/v1/rules/{id}",
    "/api/v1/suggestions",
    "/api/v1/tags/{id}",
    "/api/v1/transactions/{id}",
    "/api/v1/wallets/{id}",
    "/api/v1/wallets/{id}/checks/{check_id}",
];

#[tokio::test]
async fn a_list_takes_as_many_statements_for_a_full_page_as_for_one_row() {
    let (mut house, wire) = on_a_wire().await;
    let mut ada = house.member("ada").await;
    let mut eve = house.member("eve").await;
    let much = fill(&mut house, &mut ada, PAGE).await;
    let little = fill(&mut house, &mut eve, 1).await;
    let questions = [
        ("/api/v1/suggestions", vec!["text=payee+1"]),
        (
            TRANSACTIONS,
            vec![
                "from=2026-01-01&to=2026-12-31&status=cleared&least=-1000&most=1000",
                "text=Payee",
                "limit=100",
            ],
        ),
    ];

    let mut single = BTreeSet::new();
    let mut different = Vec::new();
    for path in addresses() {
        let asked = questions.iter().find(|(asked, _)| *asked == path);
        let mut asked = asked.map_or_else(Vec::new, |(_, asked)| asked.clone());
        if !path.ends_with("/suggestions") {
            asked.push("");
        }
        for question in asked {
            let ask = |shelves| format!("{}?{question}", filled(&path, shelves));
            let (few, few_took) = told(&wire, eve.get(&ask(&little))).await;
            let (many, many_took) = told(&wire, ada.get(&ask(&much))).await;
            assert_eq!(
                (few.status, many.status),
                (200, 200),
                "{path}: {few:?} {many:?}"
            );
            if longest(&many.json()) < PAGE {
                single.insert(path.clone());
            }
            let mut numbers = vec![few_took.len(), many_took.len()];
            if let Some(next) = many.json()["next"].as_str() {
                let after = format!("{}&after={next}", ask(&much));
                let (behind, behind_took) = told(&wire, ada.get(&after)).await;
                assert_eq!(behind.status, 200, "{path}: {behind:?}");
                numbers.push(behind_took.len());
            }
            if numbers.iter().any(|number| *number != numbers[0]) {
                different.push(format!("{path}?{question}: {numbers:?} {many_took:#?}"));
            }
        }
    }
    for path in pages_in("src/ledger") {
        let (few, few_took) = told(&wire, eve.get(&filled(&path, &little))).await;
        let (many, many_took) = told(&wire, ada.get(&filled(&path, &much))).await;
        assert_eq!(
            (few.status, many.status),
            (200, 200),
            "{path}: {few:?} {many:?}"
        );
        let tags = |page: &Response| page.body.matches('<').count();
        // The settings of a book are the same, whatever is in it.
        let is_single = path == "/profile/book";
        assert!(
            is_single || tags(&many) >= tags(&few) + PAGE - 1,
            "{path} shows no more of more"
        );
        if few_took.len() != many_took.len() {
            different.push(format!("{path}: {} {many_took:#?}", few_took.len()));
        }
    }

    assert!(different.is_empty(), "{}", different.join("\n"));
    let known: BTreeSet<String> = SINGLE.iter().map(|path| (*path).to_owned()).collect();
    assert_eq!(single, known);
    house.end().await;
}
