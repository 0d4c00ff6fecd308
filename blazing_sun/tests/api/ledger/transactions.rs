//! Transactions.

use serde_json::{Value, json};

use super::{House, balance, found, id, made, wallet};
use crate::harness::Browser;

const TRANSACTIONS: &str = "/api/v1/transactions";

async fn list(owner: &mut Browser, filter: &str) -> Vec<Value> {
    let list = found(owner, &format!("{TRANSACTIONS}?{filter}")).await;
    list["transactions"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn a_purchase_lowers_the_balance_and_is_listed() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 10_000).await;

    let body = json!({ "date": "2026-11-25", "wallet_id": bank, "amount": -1250, "payee": "  Corner   Shop",
                       "note": "Milk", "tags": ["food", "FOOD", "daily"] });
    let bought = made(&mut ada, TRANSACTIONS, &body).await;

    assert_eq!(balance(&mut ada, &bank).await, 8750);
    assert_eq!(bought["entries"][0]["amount"], -1250);
    assert_eq!(
        bought["lines"],
        json!([{ "category_id": null, "currency": "EUR", "amount": -1250 }])
    );
    let tags: Vec<_> = bought["tags"]
        .as_array()
        .expect("tags")
        .iter()
        .map(|tag| tag["name"].clone())
        .collect();
    assert_eq!(tags, ["daily", "food"]);
    assert_eq!(
        found(&mut ada, &format!("{TRANSACTIONS}/{}", id(&bought))).await,
        bought
    );
    assert_eq!(
        list(&mut ada, "from=2026-11-01").await,
        std::slice::from_ref(&bought)
    );

    // Another spelling is the same payee.
    let body =
        json!({ "date": "2026-11-25", "wallet_id": bank, "amount": -1, "payee": "corner shop" });
    let again = made(&mut ada, TRANSACTIONS, &body).await;
    assert_eq!(again["payee"], bought["payee"]);
    house.end().await;
}

#[tokio::test]
async fn a_transaction_is_changed_deleted_and_taken_out_of_the_trash() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 10_000).await;
    let cash = wallet(&mut ada, "Cash", "EUR", 500).await;
    let body = json!({ "date": "2026-11-25", "wallet_id": bank, "amount": -1250, "payee": "Shop", "tags": ["food"] });
    let bought = made(&mut ada, TRANSACTIONS, &body).await;
    let path = format!("{TRANSACTIONS}/{}", id(&bought));

    let split = json!({ "date": "2026-11-24",
                        "entries": [{ "wallet_id": bank, "amount": -1000 }, { "wallet_id": cash, "amount": -250 }],
                        "lines": [{ "amount": -1300 }, { "amount": 50 }] });
    let changed = ada
        .json("PUT", &path, &[("if-match", "\"1\"")], &split)
        .await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(
        (
            balance(&mut ada, &bank).await,
            balance(&mut ada, &cash).await
        ),
        (9000, 250)
    );
    let changed = changed.json();
    assert_eq!(found(&mut ada, &path).await, changed);

    let gone = ada
        .send("DELETE", &path, &[("if-match", "\"2\"")], "")
        .await;
    assert_eq!(gone.status, 204, "{gone:?}");
    assert_eq!(ada.get(&path).await.status, 404);
    assert_eq!(
        (
            balance(&mut ada, &bank).await,
            balance(&mut ada, &cash).await
        ),
        (10_000, 500)
    );

    let back = ada.post(&format!("{path}/restore"), &json!({})).await;
    assert_eq!(back.status, 200, "{back:?}");
    let back = back.json();
    for same in [
        "id",
        "date",
        "entries",
        "lines",
        "tags",
        "payee",
        "created_at",
    ] {
        assert_eq!(back[same], changed[same], "{same}");
    }
    assert_eq!(back["version"], 4);
    assert_eq!(
        (
            balance(&mut ada, &bank).await,
            balance(&mut ada, &cash).await
        ),
        (9000, 250)
    );
    assert_eq!(
        ada.post(&format!("{path}/restore"), &json!({}))
            .await
            .status,
        404
    );
    house.end().await;
}

#[tokio::test]
async fn what_does_not_add_up_is_refused_and_nothing_is_written() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let mut eve = house.member("eve").await;
    let euro = wallet(&mut ada, "Euro", "EUR", 0).await;
    let dollar = wallet(&mut ada, "Dollar", "USD", 0).await;
    let other = wallet(&mut ada, "Other", "EUR", 0).await;
    let hers = wallet(&mut eve, "Hers", "EUR", 0).await;
    let entry = |wallet: &str, amount: i64| json!({ "wallet_id": wallet, "amount": amount });
    let day = "2026-11-25";

    for (body, pointer, what) in [
        (
            json!({ "date": day, "wallet_id": euro, "amount": 0 }),
            "/amount",
            "nothing",
        ),
        (
            json!({ "date": day, "wallet_id": euro, "amount": 1_000_000_000_000_000_i64 }),
            "/amount",
            "too much",
        ),
        (
            json!({ "date": "1812-01-01", "wallet_id": euro, "amount": 1 }),
            "/date",
            "long ago",
        ),
        (
            json!({ "date": day, "wallet_id": hers, "amount": 1 }),
            "/wallet_id",
            "another's wallet",
        ),
        (
            json!({ "date": day, "wallet_id": euro, "amount": 1, "category_id": hers }),
            "/category_id",
            "no category",
        ),
        (
            json!({ "date": day, "wallet_id": euro, "amount": 1, "status": "sure" }),
            "/status",
            "no status",
        ),
        (
            json!({ "date": day, "entries": [entry(&euro, -5), entry(&euro, 5)] }),
            "/entries",
            "the same wallet",
        ),
        (
            json!({ "date": day, "entries": [entry(&euro, -5), entry(&other, 4)] }),
            "/entries",
            "a hole",
        ),
        (
            json!({ "date": day, "entries": [entry(&euro, -5)], "lines": [{ "amount": -4 }] }),
            "/entries",
            "sums",
        ),
        (
            json!({ "date": day, "entries": [entry(&euro, -5), entry(&dollar, -5)], "lines": [{ "amount": -10 }] }),
            "/entries",
            "two currencies",
        ),
        (
            json!({ "date": day, "entries": [entry(&euro, 5), entry(&hers, -5)] }),
            "/entries/1/wallet_id",
            "hers",
        ),
        (json!({ "date": day }), "/wallet_id", "nothing at all"),
    ] {
        let refused = ada.post(TRANSACTIONS, &body).await;
        assert_eq!(refused.status, 422, "{what}: {refused:?}");
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer, "{what}");
    }

    assert_eq!(list(&mut ada, "").await, [Value::Null; 0]);
    for wallet in [&euro, &dollar, &other] {
        assert_eq!(balance(&mut ada, wallet).await, 0);
    }
    house.end().await;
}

#[tokio::test]
async fn an_exchange_has_two_currencies_and_no_lines() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let euro = wallet(&mut ada, "Euro", "EUR", 10_000).await;
    let dollar = wallet(&mut ada, "Dollar", "USD", 0).await;

    let body = json!({ "date": "2026-11-25",
                       "entries": [{ "wallet_id": euro, "amount": -10_000 }, { "wallet_id": dollar, "amount": 11_600 }] });
    let exchanged = made(&mut ada, TRANSACTIONS, &body).await;

    assert_eq!(exchanged["lines"], json!([]));
    assert_eq!(
        (
            balance(&mut ada, &euro).await,
            balance(&mut ada, &dollar).await
        ),
        (0, 11_600)
    );
    house.end().await;
}

#[tokio::test]
async fn nobody_sees_or_touches_what_is_anothers() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let mut eve = house.member("eve").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 10_000).await;
    let hers = wallet(&mut eve, "Hers", "EUR", 0).await;
    let body = json!({ "date": "2026-11-25", "wallet_id": bank, "amount": -1250 });
    let bought = made(&mut ada, TRANSACTIONS, &body).await;
    let path = format!("{TRANSACTIONS}/{}", id(&bought));
    let any = [("if-match", "*")];

    assert_eq!(eve.get(&path).await.status, 404);
    let mine = json!({ "date": "2026-11-25", "wallet_id": hers, "amount": -1 });
    assert_eq!(eve.json("PUT", &path, &any, &mine).await.status, 404);
    assert_eq!(eve.send("DELETE", &path, &any, "").await.status, 404);
    assert_eq!(
        eve.get(&format!("/api/v1/wallets/{bank}")).await.status,
        404
    );
    assert_eq!(list(&mut eve, "").await.len(), 0);
    assert_eq!(list(&mut eve, &format!("wallet_id={bank}")).await.len(), 0);
    assert_eq!(ada.send("DELETE", &path, &any, "").await.status, 204);
    assert_eq!(
        eve.post(&format!("{path}/restore"), &json!({}))
            .await
            .status,
        404
    );
    house.end().await;
}

#[tokio::test]
async fn a_change_says_what_it_was_made_of() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 0).await;
    let body = json!({ "date": "2026-11-25", "wallet_id": bank, "amount": -1 });
    let path = format!(
        "{TRANSACTIONS}/{}",
        id(&made(&mut ada, TRANSACTIONS, &body).await)
    );
    let stale = [("if-match", "\"2\"")];

    assert_eq!(ada.json("PUT", &path, &[], &body).await.status, 428);
    assert_eq!(ada.json("PUT", &path, &stale, &body).await.status, 412);
    assert_eq!(ada.send("DELETE", &path, &[], "").await.status, 428);
    assert_eq!(ada.send("DELETE", &path, &stale, "").await.status, 412);
    assert_eq!(found(&mut ada, &path).await["version"], 1);
    house.end().await;
}

#[tokio::test]
async fn what_was_compared_with_the_bank_is_touched_only_by_who_says_so() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 0).await;
    let body =
        json!({ "date": "2026-11-25", "wallet_id": bank, "amount": -5, "status": "reconciled" });
    let path = format!(
        "{TRANSACTIONS}/{}",
        id(&made(&mut ada, TRANSACTIONS, &body).await)
    );
    let any = [("if-match", "*")];
    let other =
        json!({ "date": "2026-11-25", "wallet_id": bank, "amount": -6, "status": "reconciled" });

    for refused in [
        ada.json("PUT", &path, &any, &other).await,
        ada.send("DELETE", &path, &any, "").await,
    ] {
        assert_eq!(
            (refused.status, refused.problem().as_str()),
            (409, "reconciled")
        );
    }
    assert_eq!(balance(&mut ada, &bank).await, -5);
    let said = format!("{path}?reconciled=true");
    assert_eq!(ada.json("PUT", &said, &any, &other).await.status, 200);
    assert_eq!(balance(&mut ada, &bank).await, -6);
    assert_eq!(ada.send("DELETE", &said, &any, "").await.status, 204);
    assert_eq!(balance(&mut ada, &bank).await, 0);
    house.end().await;
}

#[tokio::test]
async fn nothing_moves_in_a_wallet_that_was_put_away_and_an_opening_is_not_rewritten() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 100).await;
    let any = [("if-match", "*")];
    let opening = id(&list(&mut ada, "").await[0]);
    let body = json!({ "date": "2026-11-25", "wallet_id": bank, "amount": -1 });

    let path = format!("{TRANSACTIONS}/{opening}");
    let refused = ada.json("PUT", &path, &any, &body).await;
    assert_eq!(
        (refused.status, refused.problem().as_str()),
        (409, "not_normal")
    );
    let path = format!("/api/v1/wallets/{bank}");
    let put_away = ada
        .json("PATCH", &path, &any, &json!({ "archived": true }))
        .await;
    assert_eq!(put_away.status, 200);
    let refused = ada.post(TRANSACTIONS, &body).await;
    assert_eq!(refused.status, 422, "{refused:?}");
    assert_eq!(refused.json()["errors"][0]["pointer"], "/wallet_id");
    assert_eq!(balance(&mut ada, &bank).await, 100);
    house.end().await;
}

#[tokio::test]
async fn more_than_can_be_counted_is_refused_whatever_leads_there() {
    const MOST: i64 = 999_999_999_999_999;
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", MOST).await;
    let entry = |amount: i64| json!({ "date": "2026-11-25", "wallet_id": bank, "amount": amount });
    let spent = id(&made(&mut ada, TRANSACTIONS, &entry(-MOST)).await);
    for _ in 0..9 {
        made(&mut ada, TRANSACTIONS, &entry(MOST)).await;
    }
    let path = format!("{TRANSACTIONS}/{spent}");
    let any = [("if-match", "*")];

    let many = json!({ "ids": [spent], "delete": true });
    for refused in [
        ada.post(TRANSACTIONS, &entry(MOST)).await,
        ada.json("PUT", &path, &any, &entry(1)).await,
        ada.send("DELETE", &path, &any, "").await,
        ada.post(&format!("{TRANSACTIONS}/bulk"), &many).await,
    ] {
        assert_eq!(
            (refused.status, refused.problem().as_str()),
            (422, "balance_out_of_bounds"),
            "{refused:?}"
        );
    }
    assert_eq!(balance(&mut ada, &bank).await, 9 * MOST);
    house.end().await;
}
