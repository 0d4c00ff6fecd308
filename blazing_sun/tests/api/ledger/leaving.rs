//! Whoever leaves takes their book along.

use chrono::TimeDelta;
use serde_json::json;

use super::payees::bought;
use super::{House, id, made, wallet};

/// Every table of the ledger that hangs on a book.
const TABLES: &str = "SELECT (SELECT count(*) FROM books) + (SELECT count(*) FROM wallets) + (SELECT count(*) FROM categories)
    + (SELECT count(*) FROM payees) + (SELECT count(*) FROM payee_names) + (SELECT count(*) FROM tags)
    + (SELECT count(*) FROM rules) + (SELECT count(*) FROM rule_tags) + (SELECT count(*) FROM transactions)
    + (SELECT count(*) FROM entries) + (SELECT count(*) FROM lines) + (SELECT count(*) FROM transaction_tags)
    + (SELECT count(*) FROM trash)";

#[tokio::test]
async fn a_book_with_all_that_can_be_in_it_goes_with_its_owner() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 1000).await;
    let body = json!({ "name": "Edibles", "kind": "expense" });
    let category = id(&made(&mut ada, "/api/v1/categories", &body).await);
    let more = json!({ "tags": ["a"], "category_id": category });
    bought(&mut ada, &bank, "Shop", more.clone()).await;
    let thrown = bought(&mut ada, &bank, "Shop", more).await;
    let body = json!({ "ids": [id(&thrown)], "delete": true });
    assert_eq!(
        ada.post("/api/v1/transactions/bulk", &body).await.status,
        200
    );
    let body =
        json!({ "contains": "shop", "payee": "Shop", "category_id": category, "tags": ["a"] });
    made(&mut ada, "/api/v1/rules", &body).await;
    let pool = house.world.pool();
    assert!(house.world.number(&pool, TABLES).await > 30);

    let left = ada.post("/api/v1/profile/deletion", &json!({})).await;
    assert_eq!(left.status, 202, "{left:?}");
    house.app.clock.advance(TimeDelta::days(14));
    house.machine.fire("erase_accounts").await;

    let undone = "SELECT count(*) FROM jobs WHERE state <> 'done'";
    assert_eq!(house.world.number(&pool, undone).await, 0);
    assert_eq!(house.world.number(&pool, TABLES).await, 0);
    house.end().await;
}
