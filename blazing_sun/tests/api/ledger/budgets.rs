//! Budgets.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{House, found, id, made, wallet};
use crate::harness::Browser;

const BUDGETS: &str = "/api/v1/budgets";

/// A category of the ones that a book starts with.
async fn category(owner: &mut Browser, name: &str) -> String {
    let list = found(owner, "/api/v1/categories").await;
    let all = list["categories"].as_array().expect("a list");
    id(all
        .iter()
        .find(|it| it["name"] == name)
        .expect("a category"))
}

async fn budget(owner: &mut Browser, month: &str, category: &str, amount: i64, rollover: bool) {
    let body =
        json!({ "month": month, "category_id": category, "amount": amount, "rollover": rollover });
    made(owner, BUDGETS, &body).await;
}

async fn spend(owner: &mut Browser, date: &str, wallet: &str, category: &str, amount: i64) {
    let body =
        json!({ "date": date, "wallet_id": wallet, "category_id": category, "amount": amount });
    made(owner, "/api/v1/transactions", &body).await;
}

/// What became of a month's budgets, once everything has reached the reports.
async fn report(house: &mut House, owner: &mut Browser, month: &str) -> Value {
    house.machine.settle().await;
    found(owner, &format!("/api/v1/reports/budget?month={month}")).await
}

/// Budget, what moved on, actual and what is left, of each category of a month.
async fn month(house: &mut House, owner: &mut Browser, month: &str) -> Vec<(String, [i64; 4])> {
    let report = report(house, owner, month).await;
    let line = |line: &Value| {
        let figure = |name: &str| line[name].as_i64().expect("a figure");
        let category = line["category_id"].as_str().expect("a category").to_owned();
        (category, ["budget", "rolled", "actual", "left"].map(figure))
    };
    let lines = report["budgets"].as_array().expect("a list");
    lines.iter().map(line).collect()
}

#[tokio::test]
async fn a_refund_nets_and_parts_count_in_the_whole() {
    let mut house = House::on("2026-11-25").await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 100_000).await;
    let food = category(&mut ada, "Food").await;
    let groceries = category(&mut ada, "Groceries").await;
    budget(&mut ada, "2026-11", &food, 50_000, false).await;
    budget(&mut ada, "2026-11", &groceries, 20_000, false).await;

    spend(&mut ada, "2026-11-01", &bank, &food, -1000).await;
    spend(&mut ada, "2026-11-30", &bank, &groceries, -5000).await;
    spend(&mut ada, "2026-11-10", &bank, &groceries, 700).await;
    spend(&mut ada, "2026-10-31", &bank, &groceries, -99).await;
    spend(&mut ada, "2026-12-01", &bank, &groceries, -99).await;

    let mut expected = vec![
        (food.clone(), [50_000, 0, 5300, 44_700]),
        (groceries.clone(), [20_000, 0, 4300, 15_700]),
    ];
    expected.sort();
    assert_eq!(month(&mut house, &mut ada, "2026-11").await, expected);
    assert_eq!(month(&mut house, &mut ada, "2026-10").await, []);
    let line = report(&mut house, &mut ada, "2026-11").await["budgets"][0].clone();
    assert!(["Food", "Groceries"].contains(&line["name"].as_str().expect("a name")));
    assert_eq!(line["kind"], "expense");
    house.end().await;
}

#[tokio::test]
async fn what_is_left_or_overspent_moves_on_if_that_was_chosen() {
    let mut house = House::on("2026-11-25").await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 100_000).await;
    let food = category(&mut ada, "Food").await;
    for of in ["2026-09", "2026-10", "2026-11"] {
        budget(&mut ada, of, &food, 100, true).await;
    }
    spend(&mut ada, "2026-09-05", &bank, &food, -70).await;
    spend(&mut ada, "2026-10-05", &bank, &food, -150).await;

    assert_eq!(
        month(&mut house, &mut ada, "2026-10").await[0].1,
        [100, 30, 150, -20]
    );
    assert_eq!(
        month(&mut house, &mut ada, "2026-11").await[0].1,
        [100, -20, 0, 80]
    );
    let path = format!("{BUDGETS}/2026-11/{food}");
    let changed = ada
        .json(
            "PUT",
            &path,
            &[("if-match", "\"1\"")],
            &json!({ "amount": 60 }),
        )
        .await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(
        month(&mut house, &mut ada, "2026-11").await[0].1,
        [60, 0, 0, 60]
    );
    house.end().await;
}

#[tokio::test]
async fn a_month_begins_where_the_books_months_do() {
    let mut house = House::on("2026-11-25").await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 100_000).await;
    let food = category(&mut ada, "Food").await;
    budget(&mut ada, "2026-11", &food, 100, false).await;
    for date in ["2026-11-24", "2026-11-25", "2026-12-24", "2026-12-25"] {
        spend(&mut ada, date, &bank, &food, -1).await;
    }
    assert_eq!(
        month(&mut house, &mut ada, "2026-11").await[0].1,
        [100, 0, 2, 98]
    );
    let start = json!({ "month_start": 25 });
    let changed = ada
        .json("PATCH", "/api/v1/book", &[("if-match", "*")], &start)
        .await;
    assert_eq!(changed.status, 200, "{changed:?}");
    spend(&mut ada, "2026-12-01", &bank, &food, -5).await;

    assert_eq!(
        month(&mut house, &mut ada, "2026-11").await[0].1,
        [100, 0, 7, 93]
    );
    let report = report(&mut house, &mut ada, "2026-11").await;
    assert_eq!(
        (&report["from"], &report["to"]),
        (&json!("2026-11-25"), &json!("2026-12-24"))
    );
    house.end().await;
}

#[tokio::test]
async fn what_was_merged_counts_where_it_was_merged_into() {
    let mut house = House::on("2026-11-25").await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 100_000).await;
    let (coffee, groceries) = (
        category(&mut ada, "Coffee").await,
        category(&mut ada, "Groceries").await,
    );
    budget(&mut ada, "2026-11", &coffee, 100, false).await;
    budget(&mut ada, "2026-11", &groceries, 1000, false).await;
    spend(&mut ada, "2026-11-05", &bank, &coffee, -70).await;
    let merge = json!({ "into": groceries });
    let merged = ada
        .json(
            "PUT",
            &format!("/api/v1/categories/{coffee}/merge"),
            &[("if-match", "\"1\"")],
            &merge,
        )
        .await;
    assert_eq!(merged.status, 200, "{merged:?}");

    assert_eq!(
        month(&mut house, &mut ada, "2026-11").await,
        [(groceries.clone(), [1100, 0, 70, 1030])]
    );
    let body = json!({ "month": "2026-12", "category_id": coffee, "amount": 1 });
    let refused = ada.post(BUDGETS, &body).await;
    assert_eq!(refused.json()["errors"][0]["pointer"], "/category_id");
    house.end().await;
}

#[tokio::test]
async fn what_was_spent_abroad_is_converted_or_apart() {
    let mut house = House::on("2026-11-25").await;
    let mut ada = house.member("ada").await;
    let dollars = wallet(&mut ada, "Dollars", "USD", 100_000).await;
    let food = category(&mut ada, "Food").await;
    budget(&mut ada, "2026-11", &food, 10_000, false).await;
    spend(&mut ada, "2026-11-05", &dollars, &food, -2000).await;

    assert_eq!(
        month(&mut house, &mut ada, "2026-11").await[0].1,
        [10_000, 0, 0, 10_000]
    );
    let report = report(&mut house, &mut ada, "2026-11").await;
    assert_eq!(
        report["apart"],
        json!([{ "category_id": food, "month": "2026-11", "currency": "USD", "exponent": 2, "amount": -2000 }])
    );
    let rate = json!({ "date": "2026-11-20", "from": "USD", "to": "EUR", "rate": "0.85" });
    made(&mut ada, "/api/v1/rates", &rate).await;
    let later = json!({ "date": "2026-11-26", "from": "USD", "to": "EUR", "rate": "0.9" });
    made(&mut ada, "/api/v1/rates", &later).await;

    assert_eq!(
        month(&mut house, &mut ada, "2026-11").await[0].1,
        [10_000, 0, 1700, 8300]
    );
    house.end().await;
}

#[tokio::test]
async fn what_became_of_budgets_says_up_to_when_it_is_complete() {
    let mut house = House::on("2026-11-25").await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 100_000).await;
    let food = category(&mut ada, "Food").await;
    budget(&mut ada, "2026-11", &food, 100, false).await;
    house.machine.settle().await;
    house.app.clock.advance(TimeDelta::minutes(10));
    spend(&mut ada, "2026-11-05", &bank, &food, -70).await;
    house.app.clock.advance(TimeDelta::minutes(10));

    let now = "/api/v1/reports/budget";
    let late = found(&mut ada, now).await;
    assert_eq!(late["as_of"], "2026-11-25T12:10:00Z");
    assert_eq!(late["budgets"][0]["actual"], 0);
    house.machine.settle().await;
    let complete = found(&mut ada, now).await;
    assert_eq!(complete["as_of"], "2026-11-25T12:20:00Z");
    assert_eq!(complete["budgets"][0]["actual"], 70);
    house.end().await;
}

#[tokio::test]
async fn a_budget_is_ones_own_and_there_is_one_a_month() {
    let mut house = House::on("2026-11-25").await;
    let mut ada = house.member("ada").await;
    let mut eve = house.member("eve").await;
    let food = category(&mut ada, "Food").await;
    budget(&mut ada, "2026-11", &food, 100, false).await;
    let path = format!("{BUDGETS}/2026-11/{food}");
    let any = [("if-match", "*")];

    let body = json!({ "month": "2026-11", "category_id": food, "amount": 1 });
    let twice = ada.post(BUDGETS, &body).await;
    assert_eq!(
        (twice.status, twice.problem().as_str()),
        (409, "budget_taken")
    );
    let hers = eve.post(BUDGETS, &body).await;
    assert_eq!(hers.status, 422, "{hers:?}");
    assert_eq!(month(&mut house, &mut eve, "2026-11").await, []);
    let wrong = json!({ "month": "2026-13", "category_id": food, "amount": -1 });
    let wrong = ada.post(BUDGETS, &wrong).await;
    assert_eq!(
        wrong.json()["errors"].as_array().map(Vec::len),
        Some(2),
        "{wrong:?}"
    );
    let change = json!({ "amount": 5 });
    assert_eq!(eve.get(&path).await.status, 404);
    assert_eq!(eve.json("PUT", &path, &any, &change).await.status, 404);
    assert_eq!(eve.send("DELETE", &path, &any, "").await.status, 404);
    assert_eq!(ada.json("PUT", &path, &[], &change).await.status, 428);
    let two = [("if-match", "\"2\"")];
    assert_eq!(ada.json("PUT", &path, &two, &change).await.status, 412);
    assert_eq!(ada.get(&format!("{BUDGETS}/soon/{food}")).await.status, 404);
    assert_eq!(ada.send("DELETE", &path, &any, "").await.status, 204);
    assert_eq!(ada.get(&path).await.status, 404);
    house.end().await;
}
