//! Many transactions at once.

use serde_json::{Value, json};

use super::payees::bought;
use super::{House, balance, found, id, made, wallet};
use crate::harness::{Browser, Response};

const TRANSACTIONS: &str = "/api/v1/transactions";
const BULK: &str = "/api/v1/transactions/bulk";

async fn shown(owner: &mut Browser, transaction: &str) -> Value {
    found(owner, &format!("{TRANSACTIONS}/{transaction}")).await
}

/// Where what was wrong stood.
fn pointers(refused: &Response) -> Vec<Value> {
    assert_eq!(refused.status, 422, "{refused:?}");
    let errors = refused.json()["errors"].clone();
    let errors = errors.as_array().expect("errors").iter();
    errors.map(|error| error["pointer"].clone()).collect()
}

#[tokio::test]
async fn what_is_said_of_many_is_changed_at_once_and_each_change_is_told() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 1000).await;
    let body = json!({ "name": "Edibles", "kind": "expense" });
    let food = id(&made(&mut ada, "/api/v1/categories", &body).await);
    let mut ids = Vec::new();
    for tags in [json!(["a", "b"]), json!(["b"]), json!([])] {
        ids.push(id(&bought(
            &mut ada,
            &bank,
            "Shop",
            json!({ "tags": tags }),
        )
        .await));
    }

    let body = json!({ "ids": ids, "category_id": food, "payee": "Market", "add_tags": ["B", "c"], "remove_tags": ["A"],
                       "status": "pending" });
    let changed = ada.post(BULK, &body).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let changed = changed.json()["changed"].clone();
    assert_eq!(changed.as_array().map(Vec::len), Some(3));
    for (place, transaction) in ids.iter().enumerate() {
        assert_eq!(changed[place], json!({ "id": transaction, "version": 2 }));
        let it = shown(&mut ada, transaction).await;
        assert_eq!(
            (&it["version"], &it["payee"]["name"]),
            (&json!(2), &json!("Market"))
        );
        assert_eq!(it["lines"][0]["category_id"], json!(food));
        assert_eq!(it["entries"][0]["status"], "pending");
        let tags = it["tags"].as_array().expect("tags").iter();
        let tags: Vec<_> = tags.map(|tag| tag["name"].clone()).collect();
        assert_eq!(tags, ["b", "c"]);
    }
    assert_eq!(balance(&mut ada, &bank).await, 700);

    // The same again changes nothing, and tells nothing.
    let again = ada.post(BULK, &body).await;
    assert_eq!(again.json(), json!({ "changed": [] }));
    let body = json!({ "ids": [ids[0]], "category_id": null, "payee": null });
    let taken = ada.post(BULK, &body).await;
    assert_eq!(
        taken.json(),
        json!({ "changed": [{ "id": ids[0], "version": 3 }] })
    );
    let it = shown(&mut ada, &ids[0]).await;
    assert_eq!(
        (&it["payee"], &it["lines"][0]["category_id"]),
        (&Value::Null, &Value::Null)
    );

    house.machine.settle().await;
    let told = "SELECT count(*) FROM audit_log WHERE type = 'transaction.updated.v1'";
    assert_eq!(house.world.number(&house.world.pool(), told).await, 4);
    house.end().await;
}

#[tokio::test]
async fn many_are_deleted_at_once_and_come_back_one_by_one() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 1000).await;
    let cash = wallet(&mut ada, "Cash", "EUR", 0).await;
    let body = json!({ "date": "2026-11-25", "entries": [{ "wallet_id": bank, "amount": -300 }, { "wallet_id": cash, "amount": 300 }] });
    let moved = made(&mut ada, TRANSACTIONS, &body).await;
    let spent = bought(&mut ada, &cash, "Shop", json!({ "tags": ["a"] })).await;

    let body = json!({ "ids": [id(&spent), id(&moved)], "delete": true });
    let gone = ada.post(BULK, &body).await;
    assert_eq!(gone.status, 200, "{gone:?}");
    assert_eq!(
        gone.json()["changed"][0],
        json!({ "id": id(&spent), "version": 2 })
    );
    assert_eq!(
        (
            balance(&mut ada, &bank).await,
            balance(&mut ada, &cash).await
        ),
        (1000, 0)
    );

    for (transaction, cash_holds) in [(&moved, 300), (&spent, 200)] {
        let path = format!("{TRANSACTIONS}/{}/restore", id(transaction));
        let back = ada.post(&path, &json!({})).await;
        assert_eq!(back.status, 200, "{back:?}");
        for same in ["entries", "lines", "tags", "payee", "date"] {
            assert_eq!(back.json()[same], transaction[same], "{same}");
        }
        assert_eq!(balance(&mut ada, &cash).await, cash_holds);
    }
    house.machine.settle().await;
    let told =
        "SELECT count(*) FROM audit_log WHERE type = 'transaction.deleted.v1' AND sequence = 2";
    assert_eq!(house.world.number(&house.world.pool(), told).await, 2);
    house.end().await;
}

#[tokio::test]
async fn if_one_of_many_cannot_be_changed_none_is_and_each_is_named() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let mut eve = house.member("eve").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 1000).await;
    let purse = wallet(&mut eve, "Purse", "EUR", 0).await;
    let hers = id(&bought(&mut eve, &purse, "Hers", json!({})).await);
    let plain = id(&bought(&mut ada, &bank, "Shop", json!({})).await);
    let sure = id(&bought(&mut ada, &bank, "Shop", json!({ "status": "reconciled" })).await);
    let split = json!({ "date": "2026-11-25", "entries": [{ "wallet_id": bank, "amount": -300 }],
                        "lines": [{ "amount": -100 }, { "amount": -200 }] });
    let split = id(&made(&mut ada, TRANSACTIONS, &split).await);
    let list = found(
        &mut ada,
        &format!("{TRANSACTIONS}?from=2026-01-01&to=2026-01-01"),
    )
    .await;
    let opening = id(&list["transactions"][0]);
    let body = json!({ "name": "Edibles", "kind": "expense" });
    let food = id(&made(&mut ada, "/api/v1/categories", &body).await);
    let all = [&plain, &sure, &split, &opening, &hers];

    let body = json!({ "ids": all, "category_id": food, "remove_tags": ["never"] });
    let refused = ada.post(BULK, &body).await;
    assert_eq!(
        pointers(&refused),
        ["/remove_tags/0", "/ids/1", "/ids/2", "/ids/3", "/ids/4"]
    );
    let body = json!({ "ids": all, "delete": true });
    assert_eq!(pointers(&ada.post(BULK, &body).await), ["/ids/1", "/ids/4"]);
    let body = json!({ "ids": [plain], "category_id": hers });
    assert_eq!(pointers(&ada.post(BULK, &body).await), ["/category_id"]);
    for transaction in [&plain, &sure, &split, &opening] {
        assert_eq!(shown(&mut ada, transaction).await["version"], 1);
    }
    assert_eq!(shown(&mut eve, &hers).await["version"], 1);

    // What was compared with the bank is touched when that is said; a status also suits an opening.
    let body = json!({ "ids": [sure], "category_id": food, "reconciled": true });
    assert_eq!(ada.post(BULK, &body).await.status, 200);
    let body = json!({ "ids": [plain, opening], "status": "reconciled" });
    assert_eq!(ada.post(BULK, &body).await.status, 200);
    assert_eq!(
        shown(&mut ada, &opening).await["entries"][0]["status"],
        "reconciled"
    );
    let body = json!({ "ids": [plain], "status": "cleared" });
    assert_eq!(pointers(&ada.post(BULK, &body).await), ["/ids/0"]);
    house.end().await;
}

#[tokio::test]
async fn all_that_is_wrong_with_what_is_asked_of_many_is_told_at_once() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let one = "01890000-0000-7000-8000-000000000000";
    let many: Vec<_> = (0..201)
        .map(|number| format!("01890000-0000-7000-8000-{number:012}"))
        .collect();

    for (body, expected) in [
        (json!({ "ids": [] }), &["/ids", ""][..]),
        (json!({ "ids": many, "delete": true }), &["/ids"]),
        (
            json!({ "ids": [one, one], "delete": true, "status": "sure" }),
            &["/ids/1", "/delete", "/status"],
        ),
        (
            json!({ "ids": [one], "payee": "-", "add_tags": ["a", ""], "remove_tags": ["A"] }),
            &["/payee", "/add_tags/1", "/remove_tags/0"],
        ),
        (json!({ "ids": [one], "status": "cleared" }), &["/ids/0"]),
    ] {
        let refused = ada.post(BULK, &body).await;
        assert_eq!(pointers(&refused), expected, "{body}");
    }
    house.end().await;
}

#[tokio::test]
async fn what_waited_for_another_change_deletes_what_that_made_of_it() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 1000).await;
    let spent = id(&bought(&mut ada, &bank, "Shop", json!({})).await);
    let pool = house.world.pool();
    let mut other = pool.begin().await.expect("PostgreSQL");
    sqlx::query("UPDATE transactions SET note = 'meanwhile'")
        .execute(&mut *other)
        .await
        .expect("a change");
    sqlx::query("UPDATE entries SET amount = -400 WHERE amount = -100")
        .execute(&mut *other)
        .await
        .expect("a change");
    sqlx::query("UPDATE lines SET amount = -400")
        .execute(&mut *other)
        .await
        .expect("a change");

    let mut browser = ada.clone();
    let path = format!("{TRANSACTIONS}/{spent}");
    let gone_path = path.clone();
    let gone = tokio::spawn(async move {
        browser
            .send("DELETE", &gone_path, &[("if-match", "*")], "")
            .await
    });
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    house.world.until(waits, 1).await;
    other.commit().await.expect("PostgreSQL");
    assert_eq!(gone.await.expect("an answer").status, 204);

    let back = ada.post(&format!("{path}/restore"), &json!({})).await;
    assert_eq!(back.status, 200, "{back:?}");
    let back = back.json();
    assert_eq!(
        (&back["note"], &back["entries"][0]["amount"]),
        (&json!("meanwhile"), &json!(-400))
    );
    assert_eq!(balance(&mut ada, &bank).await, 600);
    house.end().await;
}
