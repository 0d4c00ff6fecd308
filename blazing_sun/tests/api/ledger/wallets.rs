//! Wallets.

use serde_json::json;

use super::{House, balance, found, id, made, wallet};

#[tokio::test]
async fn a_book_is_there_as_soon_as_somebody_looks_for_it() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;

    let book = found(&mut ada, "/api/v1/book").await;

    assert_eq!(book["base_currency"], "EUR");
    assert_eq!(book["time_zone"], "UTC");
    assert_eq!(book["month_start"], 1);
    assert_eq!(found(&mut ada, "/api/v1/book").await["id"], book["id"]);
    house.end().await;
}

#[tokio::test]
async fn what_is_in_a_wallet_from_the_beginning_is_in_its_balance() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;

    let bank = wallet(&mut ada, "Bank", "EUR", 123_456).await;
    let yen = wallet(&mut ada, "Yen", "JPY", -5).await;

    assert_eq!(balance(&mut ada, &bank).await, 123_456);
    let yen = found(&mut ada, &format!("/api/v1/wallets/{yen}")).await;
    assert_eq!(
        (yen["balance"].as_i64(), yen["exponent"].as_i64()),
        (Some(-5), Some(0))
    );
    let listed = found(&mut ada, "/api/v1/wallets").await;
    let names = listed["wallets"].as_array().expect("a list").iter();
    let names: Vec<_> = names.map(|wallet| wallet["name"].clone()).collect();
    assert_eq!(names, ["Bank", "Yen"]);
    house.end().await;
}

#[tokio::test]
async fn a_wallet_is_changed_archived_and_deleted_while_nothing_moved_in_it() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let used = wallet(&mut ada, "Used", "EUR", 1).await;
    let empty = made(
        &mut ada,
        "/api/v1/wallets",
        &json!({ "name": "Empty", "kind": "cash" }),
    )
    .await;
    let path = format!("/api/v1/wallets/{}", id(&empty));
    let one = [("if-match", "\"1\"")];

    let taken = ada
        .json("PATCH", &path, &one, &json!({ "name": "USED" }))
        .await;
    assert_eq!(
        (taken.status, taken.problem().as_str()),
        (409, "name_taken")
    );
    let changed = ada
        .json(
            "PATCH",
            &path,
            &one,
            &json!({ "name": "Purse", "archived": true }),
        )
        .await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(changed.json()["name"], "Purse");
    assert!(changed.json()["archived_at"].is_string());
    let stale = ada
        .json("PATCH", &path, &one, &json!({ "name": "X" }))
        .await;
    assert_eq!(stale.status, 412);
    let blind = ada.json("PATCH", &path, &[], &json!({ "name": "X" })).await;
    assert_eq!(blind.status, 428);

    let moved = format!("/api/v1/wallets/{used}");
    let kept = ada.send("DELETE", &moved, &one, "").await;
    assert_eq!(
        (kept.status, kept.problem().as_str()),
        (409, "wallet_in_use")
    );
    let gone = ada
        .send("DELETE", &path, &[("if-match", "\"2\"")], "")
        .await;
    assert_eq!(gone.status, 204);
    assert_eq!(ada.get(&path).await.status, 404);
    house.end().await;
}

#[tokio::test]
async fn all_that_is_wrong_with_a_wallet_is_told_at_once() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;

    let body = json!({ "name": " ", "kind": "chest", "currency": "XAU", "opening_balance": i64::MAX,
                       "opening_date": "1066-10-14" });
    let refused = ada.post("/api/v1/wallets", &body).await;

    assert_eq!(refused.status, 422, "{refused:?}");
    let errors = refused.json()["errors"].clone();
    let pointers: Vec<_> = errors
        .as_array()
        .expect("errors")
        .iter()
        .map(|error| error["pointer"].clone())
        .collect();
    assert_eq!(
        pointers,
        [
            "/name",
            "/kind",
            "/currency",
            "/opening_date",
            "/opening_balance"
        ]
    );
    assert_eq!(
        found(&mut ada, "/api/v1/wallets").await["wallets"],
        json!([])
    );
    house.end().await;
}
