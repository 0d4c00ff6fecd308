//! Exchange rates, and what everything is worth.

use serde_json::{Value, json};

use super::{House, found, id, made, wallet};
use crate::harness::Browser;

const RATES: &str = "/api/v1/rates";
const NET_WORTH: &str = "/api/v1/net-worth";

async fn rate(owner: &mut Browser, date: &str, from: &str, to: &str, rate: &str) -> Value {
    let body = json!({ "date": date, "from": from, "to": to, "rate": rate });
    made(owner, RATES, &body).await
}

/// The total in the base currency, and the currencies that are apart.
async fn total(owner: &mut Browser, date: &str) -> (i64, Vec<String>) {
    let worth = found(owner, &format!("{NET_WORTH}?date={date}")).await;
    let apart = worth["apart"].as_array().expect("a list").iter();
    let apart = apart.map(|held| held["currency"].as_str().expect("a currency").to_owned());
    (worth["total"].as_i64().expect("a total"), apart.collect())
}

#[tokio::test]
async fn everything_is_told_in_the_base_currency_at_the_newest_rate() {
    let mut house = House::on("2026-11-25").await;
    let mut ada = house.member("ada").await;
    wallet(&mut ada, "Bank", "EUR", 10_000).await;
    wallet(&mut ada, "Dollars", "USD", 11_634).await;
    wallet(&mut ada, "Yen", "JPY", 321).await;

    let none = Vec::<String>::new();
    let both = vec!["JPY".to_owned(), "USD".to_owned()];
    assert_eq!(total(&mut ada, "2026-11-25").await, (10_000, both));
    rate(&mut ada, "2026-11-01", "USD", "EUR", "0.5").await;
    rate(&mut ada, "2026-11-20", "EUR", "USD", "1.1634").await;
    rate(&mut ada, "2026-11-26", "USD", "EUR", "0.9").await;
    rate(&mut ada, "2026-10-01", "EUR", "JPY", "160.5").await;

    assert_eq!(
        total(&mut ada, "2026-11-25").await,
        (10_000 + 10_000 + 200, none.clone())
    );
    assert_eq!(
        total(&mut ada, "2026-11-19").await,
        (10_000 + 5817 + 200, none.clone())
    );
    assert_eq!(
        total(&mut ada, "2026-11-26").await,
        (10_000 + 10_471 + 200, none)
    );
    let before = total(&mut ada, "2025-12-31").await;
    assert_eq!(before.0, 0);
    let worth = found(&mut ada, NET_WORTH).await;
    assert_eq!(worth["date"], "2026-11-25");
    assert_eq!(worth["base_currency"], "EUR");
    assert_eq!(
        worth["converted"][2],
        json!({ "currency": "USD", "exponent": 2, "amount": 11_634, "worth": 10_000, "rate_date": "2026-11-20" })
    );
    house.end().await;
}

#[tokio::test]
async fn a_transfer_between_two_currencies_is_a_rate_as_long_as_it_is_there() {
    let mut house = House::on("2026-11-25").await;
    let mut ada = house.member("ada").await;
    let euro = wallet(&mut ada, "Euro", "EUR", 10_000).await;
    let yen = wallet(&mut ada, "Yen", "JPY", 0).await;
    let body = |date: &str, yen_for_it: i64| json!({ "date": date, "entries": [{ "wallet_id": euro, "amount": -1000 }, { "wallet_id": yen, "amount": yen_for_it }] });

    let moved = made(&mut ada, "/api/v1/transactions", &body("2026-11-20", 1605)).await;
    assert_eq!(total(&mut ada, "2026-11-25").await.0, 10_000);
    let listed = found(&mut ada, RATES).await;
    assert_eq!(
        listed["rates"],
        json!([{ "id": null, "transaction_id": id(&moved), "date": "2026-11-20", "from": "EUR", "to": "JPY", "rate": null,
                 "from_amount": 1000, "to_amount": 1605 }])
    );
    // What was written down for the same day counts more, what is newer counts most.
    rate(&mut ada, "2026-11-20", "EUR", "JPY", "80.25").await;
    assert_eq!(total(&mut ada, "2026-11-25").await.0, 9000 + 2000);
    let path = format!("/api/v1/transactions/{}", id(&moved));
    let one = [("if-match", "\"1\"")];
    let changed = ada
        .json("PUT", &path, &one, &body("2026-11-21", 3210))
        .await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(total(&mut ada, "2026-11-25").await.0, 10_000);
    assert_eq!(total(&mut ada, "2026-11-20").await.0, 10_000);
    let two = [("if-match", "\"2\"")];
    assert_eq!(ada.send("DELETE", &path, &two, "").await.status, 204);
    assert_eq!(
        found(&mut ada, RATES).await["rates"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    house.end().await;
}

#[tokio::test]
async fn a_rate_is_changed_and_deleted_and_there_is_one_a_day() {
    let mut house = House::on("2026-11-25").await;
    let mut ada = house.member("ada").await;
    let mut eve = house.member("eve").await;
    let first = rate(&mut ada, "2026-11-20", "EUR", "USD", "1.16").await;
    rate(&mut ada, "2026-11-21", "EUR", "USD", "1.17").await;
    let path = format!("{RATES}/{}", id(&first));
    let one = [("if-match", "\"1\"")];
    let body = |date: &str| json!({ "date": date, "from": "EUR", "to": "USD", "rate": "1.1800" });

    let twice = ada.post(RATES, &body("2026-11-21")).await;
    assert_eq!(
        (twice.status, twice.problem().as_str()),
        (409, "rate_taken")
    );
    let onto = ada.json("PUT", &path, &one, &body("2026-11-21")).await;
    assert_eq!(onto.status, 409);
    assert_eq!(
        ada.json("PUT", &path, &[], &body("2026-11-22"))
            .await
            .status,
        428
    );
    let changed = ada.json("PUT", &path, &one, &body("2026-11-22")).await;
    assert_eq!(
        (changed.status, &changed.json()["rate"]),
        (200, &json!("1.18"))
    );
    assert_eq!(
        ada.json("PUT", &path, &one, &body("2026-11-22"))
            .await
            .status,
        412
    );
    assert_eq!(found(&mut ada, &path).await, changed.json());

    let page = found(&mut ada, &format!("{RATES}?limit=1")).await;
    assert_eq!(page["rates"][0]["date"], "2026-11-22");
    let next = page["next"].as_str().expect("a next page");
    let page = found(&mut ada, &format!("{RATES}?limit=1&after={next}")).await;
    assert_eq!(
        (&page["rates"][0]["date"], &page["next"]),
        (&json!("2026-11-21"), &Value::Null)
    );

    let any = [("if-match", "*")];
    assert_eq!(eve.get(&path).await.status, 404);
    assert_eq!(
        eve.json("PUT", &path, &any, &body("2026-11-23"))
            .await
            .status,
        404
    );
    assert_eq!(eve.send("DELETE", &path, &any, "").await.status, 404);
    assert_eq!(found(&mut eve, RATES).await["rates"], json!([]));
    assert_eq!(ada.send("DELETE", &path, &any, "").await.status, 204);
    assert_eq!(ada.get(&path).await.status, 404);
    house.end().await;
}

#[tokio::test]
async fn all_that_is_wrong_with_a_rate_is_told_at_once() {
    let mut house = House::on("2026-11-25").await;
    let mut ada = house.member("ada").await;

    let body = json!({ "date": "soon", "from": "XAU", "to": "euro", "rate": "1e3" });
    let refused = ada.post(RATES, &body).await;
    assert_eq!(refused.status, 422, "{refused:?}");
    let errors = refused.json()["errors"].as_array().expect("errors").clone();
    let pointers: Vec<_> = errors
        .iter()
        .map(|error| error["pointer"].clone())
        .collect();
    assert_eq!(pointers, ["/date", "/from", "/to", "/rate"]);
    let same = json!({ "date": "2026-11-25", "from": "EUR", "to": "EUR", "rate": "1" });
    let refused = ada.post(RATES, &same).await;
    assert_eq!(refused.json()["errors"][0]["pointer"], "/to");
    assert_eq!(ada.get(&format!("{NET_WORTH}?date=soon")).await.status, 422);
    house.end().await;
}
