//! Payees and tags.

use serde_json::{Value, json};

use super::{House, found, id, made, wallet};
use crate::harness::Browser;

const PAYEES: &str = "/api/v1/payees";
const TAGS: &str = "/api/v1/tags";
const TRANSACTIONS: &str = "/api/v1/transactions";
const ANY: [(&str, &str); 1] = [("if-match", "*")];

/// Buys something, and returns the transaction.
pub async fn bought(owner: &mut Browser, wallet: &str, payee: &str, more: Value) -> Value {
    let mut body =
        json!({ "date": "2026-11-25", "wallet_id": wallet, "amount": -100, "payee": payee });
    for (name, value) in more.as_object().expect("more fields") {
        body[name] = value.clone();
    }
    made(owner, TRANSACTIONS, &body).await
}

/// The names in a list.
fn names(list: &Value) -> Vec<&str> {
    let list = list.as_array().expect("a list").iter();
    list.map(|thing| thing["name"].as_str().expect("a name"))
        .collect()
}

async fn payee(owner: &mut Browser, id: &Value) -> Value {
    found(owner, &format!("{PAYEES}/{}", id.as_str().expect("an id"))).await
}

#[tokio::test]
async fn payees_are_listed_by_name_a_page_at_a_time_and_found_by_any_spelling() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let mut eve = house.member("eve").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 0).await;
    for name in ["Zoo", "bakery", "Ärzte", "Aldi", "100% Bio", "a_b"] {
        bought(&mut ada, &bank, name, json!({})).await;
    }

    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = found(&mut ada, &format!("{PAYEES}?limit=2{after}")).await;
        all.extend(names(&page["payees"]).into_iter().map(str::to_owned));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    let whole = found(&mut ada, PAYEES).await;
    assert_eq!(all.len(), 6, "{all:?}");
    assert_eq!(names(&whole["payees"]), all);
    let place = |name: &str| all.iter().position(|found| found == name);
    assert!(
        place("Aldi") < place("bakery") && place("bakery") < place("Zoo"),
        "{all:?}"
    );

    for (text, expected) in [
        ("al", &["Aldi"][..]),
        ("BAK", &["bakery"]),
        ("%25", &["100% Bio"]),
        ("_", &["a_b"]),
        ("nobody", &[]),
    ] {
        let list = found(&mut ada, &format!("{PAYEES}?text={text}")).await;
        assert_eq!(names(&list["payees"]), expected, "{text}");
    }
    assert_eq!(found(&mut eve, PAYEES).await["payees"], json!([]));
    for wrong in ["text=", "text=%00", "after=x", "limit=0"] {
        let refused = ada.get(&format!("{PAYEES}?{wrong}")).await;
        assert_eq!(refused.status, 422, "{wrong}");
    }
    house.end().await;
}

#[tokio::test]
async fn what_was_last_said_of_a_payee_is_proposed() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 0).await;
    let cash = wallet(&mut ada, "Cash", "EUR", 0).await;
    let body = json!({ "name": "Edibles", "kind": "expense" });
    let food = id(&made(&mut ada, "/api/v1/categories", &body).await);
    let newest = bought(&mut ada, &cash, "Shop", json!({ "category_id": food })).await;
    bought(&mut ada, &bank, "Shop", json!({ "date": "2026-11-01" })).await;
    let shop = newest["payee"]["id"].clone();

    let proposal = payee(&mut ada, &shop).await["proposal"].clone();
    assert_eq!(proposal, json!({ "category_id": food, "wallet_id": cash }));

    let path = format!("/api/v1/categories/{food}");
    ada.json("PATCH", &path, &ANY, &json!({ "archived": true }))
        .await;
    let proposal = payee(&mut ada, &shop).await["proposal"].clone();
    assert_eq!(proposal, json!({ "category_id": null, "wallet_id": cash }));
    house.end().await;
}

#[tokio::test]
async fn a_payee_is_renamed_and_gets_and_loses_spellings() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let mut eve = house.member("eve").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 0).await;
    let raw = bought(&mut ada, &bank, "AMZN  Mktp DE", json!({})).await;
    let other = bought(&mut ada, &bank, "Other", json!({})).await;
    let amazon = id(&raw["payee"]);
    let path = format!("{PAYEES}/{amazon}");
    let one = [("if-match", "\"1\"")];

    let body = json!({ "name": "Amazon" });
    let renamed = ada.json("PATCH", &path, &one, &body).await;
    assert_eq!(renamed.status, 200, "{renamed:?}");
    assert_eq!(renamed.json()["aliases"], json!(["amzn mktp de"]));
    let again = bought(&mut ada, &bank, "amzn mktp de", json!({})).await;
    assert_eq!(again["payee"], json!({ "id": amazon, "name": "Amazon" }));
    assert_eq!(ada.json("PATCH", &path, &one, &body).await.status, 412);
    assert_eq!(ada.json("PATCH", &path, &[], &body).await.status, 428);
    assert_eq!(eve.json("PATCH", &path, &ANY, &body).await.status, 404);
    assert_eq!(eve.get(&path).await.status, 404);

    let body = json!({ "aliases": ["AMZ", "Amazon", "amz "] });
    let changed = ada.json("PATCH", &path, &ANY, &body).await;
    assert_eq!(changed.json()["aliases"], json!(["amz"]));
    let fresh = bought(&mut ada, &bank, "AMZN Mktp DE", json!({})).await;
    assert_ne!(fresh["payee"]["id"], json!(amazon));

    let taken = ada
        .json("PATCH", &path, &ANY, &json!({ "name": " OTHER" }))
        .await;
    assert_eq!(
        (taken.status, taken.problem().as_str()),
        (409, "name_taken")
    );
    let body = json!({ "aliases": ["fine", "other", "amzn mktp de"] });
    let taken = ada.json("PATCH", &path, &ANY, &body).await;
    let errors = taken.json()["errors"].clone();
    assert_eq!(taken.status, 422, "{taken:?}");
    assert_eq!(errors[0]["pointer"], "/aliases/1");
    assert_eq!(errors[1]["pointer"], "/aliases/2");
    let body = json!({ "name": "-", "aliases": ["", "a", "\u{0}"] });
    let wrong = ada.json("PATCH", &path, &ANY, &body).await;
    assert_eq!(wrong.json()["errors"].as_array().map(Vec::len), Some(3));
    let shown = found(&mut ada, &path).await;
    assert_eq!(
        (&shown["name"], &shown["aliases"]),
        (&json!("Amazon"), &json!(["amz"]))
    );

    // Only what nothing names is deleted.
    let used = ada.send("DELETE", &path, &ANY, "").await;
    assert_eq!(
        (used.status, used.problem().as_str()),
        (409, "payee_in_use")
    );
    let gone = format!("{TRANSACTIONS}/{}", id(&other));
    assert_eq!(ada.send("DELETE", &gone, &ANY, "").await.status, 204);
    let unused = format!("{PAYEES}/{}", id(&other["payee"]));
    assert_eq!(eve.send("DELETE", &unused, &ANY, "").await.status, 404);
    assert_eq!(ada.send("DELETE", &unused, &ANY, "").await.status, 204);
    assert_eq!(ada.get(&unused).await.status, 404);
    house.end().await;
}

#[tokio::test]
async fn merged_payees_are_one_however_often_and_in_whatever_order() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let mut eve = house.member("eve").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 0).await;
    let mut payees = Vec::new();
    let mut transactions = Vec::new();
    for name in ["One", "Two", "Three"] {
        let made = bought(&mut ada, &bank, name, json!({})).await;
        payees.push(id(&made["payee"]));
        transactions.push(id(&made));
    }
    let purse = wallet(&mut eve, "Purse", "EUR", 0).await;
    let hers = bought(&mut eve, &purse, "Hers", json!({})).await;
    let merge = |from: &str| format!("{PAYEES}/{from}/merge");
    let rule = json!({ "contains": "one", "payee": "One" });
    let rule = id(&made(&mut ada, "/api/v1/rules", &rule).await);

    for (into, pointer) in [(&payees[0], "/into"), (&id(&hers["payee"]), "/into")] {
        let body = json!({ "into": into });
        let refused = ada.json("POST", &merge(&payees[0]), &ANY, &body).await;
        assert_eq!(refused.status, 422, "{refused:?}");
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer);
    }
    for (from, into) in [(0, 1), (1, 2)] {
        let body = json!({ "into": payees[into] });
        let stolen = eve.json("POST", &merge(&payees[from]), &ANY, &body).await;
        assert_eq!(stolen.status, 404);
        let merged = ada.json("POST", &merge(&payees[from]), &ANY, &body).await;
        assert_eq!(merged.status, 200, "{merged:?}");
        // A second time there is nothing left to merge.
        let again = ada.json("POST", &merge(&payees[from]), &ANY, &body).await;
        assert_eq!(again.status, 404, "{again:?}");
    }

    let left = found(&mut ada, PAYEES).await;
    assert_eq!(names(&left["payees"]), ["Three"]);
    assert_eq!(left["payees"][0]["aliases"], json!(["one", "two"]));
    for transaction in &transactions {
        let shown = found(&mut ada, &format!("{TRANSACTIONS}/{transaction}")).await;
        assert_eq!(shown["payee"]["id"], json!(payees[2]));
        assert_eq!(shown["version"], 1);
    }
    let shown = found(&mut ada, &format!("/api/v1/rules/{rule}")).await;
    assert_eq!(shown["payee"]["name"], "Three");
    let next = bought(&mut ada, &bank, "ONE", json!({})).await;
    assert_eq!(next["payee"]["id"], json!(payees[2]));
    house.end().await;
}

#[tokio::test]
async fn a_payee_that_got_too_many_names_is_not_merged() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 0).await;
    let one = id(&bought(&mut ada, &bank, "One", json!({})).await["payee"]);
    let two = id(&bought(&mut ada, &bank, "Two", json!({})).await["payee"]);
    let many: Vec<_> = (0..100).map(|number| format!("n{number}")).collect();
    let path = format!("{PAYEES}/{one}");

    let full = ada
        .json("PATCH", &path, &ANY, &json!({ "aliases": many }))
        .await;
    assert_eq!(full.status, 200, "{full:?}");
    for (method, path, body) in [
        ("PATCH", path.clone(), json!({ "name": "Uno" })),
        ("POST", format!("{path}/merge"), json!({ "into": two })),
    ] {
        let refused = ada.json(method, &path, &ANY, &body).await;
        assert_eq!(refused.problem(), "too_many_names", "{refused:?}");
    }
    house.end().await;
}

#[tokio::test]
async fn a_tag_is_renamed_and_taken_off_wherever_it_is() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let mut eve = house.member("eve").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 0).await;
    let tags = json!({ "tags": ["food", "Daily", "zoo"] });
    let made = bought(&mut ada, &bank, "Shop", tags).await;
    let path = format!("{TRANSACTIONS}/{}", id(&made));

    let first = found(&mut ada, &format!("{TAGS}?limit=2")).await;
    assert_eq!(names(&first["tags"]), ["Daily", "food"]);
    let next = first["next"].as_str().expect("a next page");
    let second = found(&mut ada, &format!("{TAGS}?limit=2&after={next}")).await;
    assert_eq!(names(&second["tags"]), ["zoo"]);
    assert_eq!(second["next"], Value::Null);
    assert_eq!(found(&mut eve, TAGS).await["tags"], json!([]));

    let food = format!("{TAGS}/{}", id(&first["tags"][1]));
    let one = [("if-match", "\"1\"")];
    let body = json!({ "name": "eating" });
    assert_eq!(eve.get(&food).await.status, 404);
    assert_eq!(eve.json("PATCH", &food, &ANY, &body).await.status, 404);
    assert_eq!(eve.send("DELETE", &food, &ANY, "").await.status, 404);
    assert_eq!(ada.json("PATCH", &food, &[], &body).await.status, 428);
    let renamed = ada.json("PATCH", &food, &one, &body).await;
    assert_eq!(
        (renamed.status, renamed.json()["version"].clone()),
        (200, json!(2))
    );
    assert_eq!(ada.send("DELETE", &food, &one, "").await.status, 412);
    let taken = ada
        .json("PATCH", &food, &ANY, &json!({ "name": "DAILY" }))
        .await;
    assert_eq!(
        (taken.status, taken.problem().as_str()),
        (409, "name_taken")
    );
    let wrong = ada.json("PATCH", &food, &ANY, &json!({ "name": "" })).await;
    assert_eq!(wrong.json()["errors"][0]["pointer"], "/name");
    let shown = found(&mut ada, &path).await;
    assert_eq!(names(&shown["tags"]), ["Daily", "eating", "zoo"]);

    assert_eq!(ada.send("DELETE", &food, &ANY, "").await.status, 204);
    assert_eq!(ada.get(&food).await.status, 404);
    let shown = found(&mut ada, &path).await;
    assert_eq!(names(&shown["tags"]), ["Daily", "zoo"]);
    house.end().await;
}

#[tokio::test]
async fn it_makes_no_difference_in_which_order_payees_are_merged() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 0).await;
    for (round, merges) in [[(0, 1), (1, 2)], [(1, 2), (0, 2)], [(0, 2), (1, 2)]]
        .iter()
        .enumerate()
    {
        let names = ["one", "two", "three"].map(|name| format!("{name} {round}"));
        let mut payees = Vec::new();
        for name in &names {
            payees.push(id(&bought(&mut ada, &bank, name, json!({})).await["payee"]));
        }
        for (from, into) in merges {
            let path = format!("{PAYEES}/{}/merge", payees[*from]);
            let merged = ada
                .json("POST", &path, &ANY, &json!({ "into": payees[*into] }))
                .await;
            assert_eq!(merged.status, 200, "{merged:?}");
        }
        let left = found(&mut ada, &format!("{PAYEES}/{}", payees[2])).await;
        assert_eq!(left["aliases"], json!([names[0], names[1]]));
        let with = found(&mut ada, &format!("{TRANSACTIONS}?payee_id={}", payees[2])).await;
        assert_eq!(with["transactions"].as_array().map(Vec::len), Some(3));
    }
    house.end().await;
}
