//! Rules, and what they suggest.

use serde_json::{Value, json};

use super::payees::bought;
use super::{House, found, id, made, wallet};
use crate::harness::Browser;

const RULES: &str = "/api/v1/rules";
const TRANSACTIONS: &str = "/api/v1/transactions";
const ANY: [(&str, &str); 1] = [("if-match", "*")];

async fn category(owner: &mut Browser, name: &str) -> String {
    let body = json!({ "name": name, "kind": "expense" });
    id(&made(owner, "/api/v1/categories", &body).await)
}

/// Every change that a preview shows, page by page.
async fn preview(owner: &mut Browser, rule: &str, more: &str) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("{RULES}/{rule}/preview?limit=2{after}{more}");
        let page = owner.send("POST", &path, &[], "").await;
        assert_eq!(page.status, 200, "{page:?}");
        let page = page.json();
        let changes = page["changes"].as_array().expect("a list");
        all.extend(changes.clone());
        match page["next"].as_str() {
            // Whatever is found is a change: pages are full, and applying gets on.
            Some(next) => {
                assert_eq!(changes.len(), 2, "{page}");
                after = format!("&after={next}");
            }
            None => return all,
        }
    }
}

async fn apply(owner: &mut Browser, rule: &str, more: &str) -> Value {
    let path = format!("{RULES}/{rule}/apply{more}");
    let applied = owner.send("POST", &path, &ANY, "").await;
    assert_eq!(applied.status, 200, "{applied:?}");
    applied.json()
}

async fn contains(owner: &mut Browser) -> Vec<Value> {
    let list = found(owner, RULES).await;
    let list = list["rules"].as_array().expect("a list").iter();
    list.map(|rule| rule["contains"].clone()).collect()
}

#[tokio::test]
async fn a_rule_is_made_of_a_correction_and_says_what_it_would_change() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 0).await;
    let food = category(&mut ada, "Edibles").await;
    let note = |day: u32, more: &str| json!({ "note": format!("REWE SAGT DANKE {more}"), "date": format!("2026-11-{day:02}") });
    let mut old = Vec::new();
    for day in 1..=5 {
        old.push(id(
            &bought(&mut ada, &bank, "Unknown", note(day, "1234")).await
        ));
    }
    bought(
        &mut ada,
        &bank,
        "Unknown",
        json!({ "note": "something else" }),
    )
    .await;
    let corrected =
        json!({ "note": "rewe sagt danke\nmilk", "category_id": food, "tags": ["food"] });
    let corrected = bought(&mut ada, &bank, "REWE", corrected).await;

    let rule = made(
        &mut ada,
        RULES,
        &json!({ "from_transaction": corrected["id"] }),
    )
    .await;
    assert_eq!(rule["contains"], "rewe sagt danke");
    assert_eq!(rule["payee"], corrected["payee"]);
    assert_eq!(rule["category_id"], json!(food));
    assert_eq!(rule["tags"], corrected["tags"]);

    let rule = id(&rule);
    let changes = preview(&mut ada, &rule, "").await;
    let ids: Vec<_> = changes.iter().map(|change| id(&change["before"])).collect();
    old.reverse();
    assert_eq!(ids, old);
    for change in &changes {
        assert_eq!(change["after"]["payee"]["name"], "REWE");
        assert_eq!(change["after"]["lines"][0]["category_id"], json!(food));
        assert_eq!(change["after"]["tags"][0]["name"], "food");
        assert_eq!(change["before"]["payee"]["name"], "Unknown");
        // Nothing was changed by looking.
        let path = format!("{TRANSACTIONS}/{}", id(&change["before"]));
        assert_eq!(found(&mut ada, &path).await, change["before"]);
    }

    assert_eq!(
        apply(&mut ada, &rule, "").await,
        json!({ "changed": 5, "more": false })
    );
    for change in &changes {
        let path = format!("{TRANSACTIONS}/{}", id(&change["after"]));
        let mut shown = found(&mut ada, &path).await;
        shown["updated_at"] = change["after"]["updated_at"].clone();
        assert_eq!(shown, change["after"]);
    }
    house.machine.settle().await;
    let told =
        "SELECT count(*) FROM audit_log WHERE type = 'transaction.updated.v1' AND sequence = 2";
    assert_eq!(house.world.number(&house.world.pool(), told).await, 5);

    // A second time it changes nothing.
    assert_eq!(preview(&mut ada, &rule, "").await, [Value::Null; 0]);
    assert_eq!(
        apply(&mut ada, &rule, "").await,
        json!({ "changed": 0, "more": false })
    );
    house.machine.settle().await;
    assert_eq!(house.world.number(&house.world.pool(), told).await, 5);
    house.end().await;
}

#[tokio::test]
async fn a_rule_leaves_alone_what_it_cannot_sort_and_what_is_reconciled() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 0).await;
    let cash = wallet(&mut ada, "Cash", "EUR", 0).await;
    let food = category(&mut ada, "Edibles").await;
    let many: Vec<_> = (0..20).map(|number| format!("t{number}")).collect();
    let full = bought(
        &mut ada,
        &bank,
        "Market",
        json!({ "tags": many, "category_id": food }),
    )
    .await;
    let sure = bought(&mut ada, &bank, "Market", json!({ "status": "reconciled" })).await;
    let entry = |wallet: &str, amount: i64| json!({ "wallet_id": wallet, "amount": amount });
    let split = json!({ "date": "2026-11-20", "payee": "Market", "entries": [entry(&bank, -300)],
                        "lines": [{ "amount": -100 }, { "amount": -200 }] });
    let split = made(&mut ada, TRANSACTIONS, &split).await;
    let transfer = json!({ "date": "2026-11-19", "note": "market money", "entries": [entry(&bank, -5), entry(&cash, 5)] });
    let transfer = made(&mut ada, TRANSACTIONS, &transfer).await;

    let only = json!({ "contains": "MARKET", "category_id": food });
    let only = id(&made(&mut ada, RULES, &only).await);
    assert_eq!(preview(&mut ada, &only, "").await, [Value::Null; 0]);
    let changes = preview(&mut ada, &only, "&reconciled=true").await;
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!(changes[0]["before"]["id"], sure["id"]);

    let tags = json!({ "contains": "market", "category_id": food, "tags": ["new", "T1"] });
    let tags = id(&made(&mut ada, RULES, &tags).await);
    let changes = preview(&mut ada, &tags, "").await;
    let ids: Vec<_> = changes
        .iter()
        .map(|change| change["before"]["id"].clone())
        .collect();
    assert_eq!(ids, [split["id"].clone(), transfer["id"].clone()]);
    assert_eq!(changes[0]["before"]["lines"], changes[0]["after"]["lines"]);
    assert_eq!(apply(&mut ada, &tags, "").await["changed"], 2);
    assert_eq!(
        apply(&mut ada, &tags, "?reconciled=true").await["changed"],
        1
    );
    assert_eq!(
        apply(&mut ada, &tags, "?reconciled=true").await["changed"],
        0
    );
    let path = format!("{TRANSACTIONS}/{}", id(&full));
    assert_eq!(found(&mut ada, &path).await, full);
    house.end().await;
}

#[tokio::test]
async fn rules_are_changed_moved_and_deleted_and_stay_in_their_order() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let mut eve = house.member("eve").await;
    let mut rules = Vec::new();
    for text in ["aaa", "bbb", "ccc", "ddd"] {
        let body = json!({ "contains": text, "tags": [text] });
        rules.push(id(&made(&mut ada, RULES, &body).await));
    }
    let path = format!("{RULES}/{}", rules[3]);
    let body = json!({ "contains": "ddd", "payee": "Dee", "position": 2 });

    assert_eq!(eve.get(&path).await.status, 404);
    assert_eq!(eve.json("PUT", &path, &ANY, &body).await.status, 404);
    assert_eq!(eve.send("DELETE", &path, &ANY, "").await.status, 404);
    for what in ["preview", "apply"] {
        let answer = eve.send("POST", &format!("{path}/{what}"), &ANY, "").await;
        assert_eq!(answer.status, 404, "{what}");
    }
    assert_eq!(found(&mut eve, RULES).await["rules"], json!([]));
    let moved = ada
        .json("PUT", &path, &[("if-match", "\"1\"")], &body)
        .await;
    assert_eq!(moved.status, 200, "{moved:?}");
    assert_eq!(
        (&moved.json()["tags"], &moved.json()["version"]),
        (&json!([]), &json!(2))
    );
    let stale = format!("{path}/apply");
    assert_eq!(
        ada.send("POST", &stale, &[("if-match", "\"1\"")], "")
            .await
            .status,
        412
    );
    assert_eq!(ada.send("POST", &stale, &[], "").await.status, 428);
    assert_eq!(contains(&mut ada).await, ["aaa", "ddd", "bbb", "ccc"]);

    let first = format!("{RULES}/{}", rules[0]);
    let body = json!({ "contains": "aaa", "tags": ["aaa"], "position": 500 });
    assert_eq!(
        ada.json("PUT", &first, &ANY, &body).await.json()["position"],
        4
    );
    assert_eq!(contains(&mut ada).await, ["ddd", "bbb", "ccc", "aaa"]);
    let gone = format!("{RULES}/{}", rules[1]);
    assert_eq!(ada.send("DELETE", &gone, &ANY, "").await.status, 204);
    assert_eq!(contains(&mut ada).await, ["ddd", "ccc", "aaa"]);
    let positions = found(&mut ada, RULES).await;
    let positions: Vec<_> = positions["rules"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|rule| rule["position"].clone())
        .collect();
    assert_eq!(positions, [1, 2, 3]);
    house.end().await;
}

#[tokio::test]
async fn all_that_is_wrong_with_a_rule_is_told_at_once() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let mut eve = house.member("eve").await;
    let purse = wallet(&mut eve, "Purse", "EUR", 0).await;
    let hers = bought(&mut eve, &purse, "Hers", json!({})).await;
    let other = category(&mut eve, "Hers").await;

    for (body, pointers) in [
        (
            json!({ "contains": "ab", "payee": "-", "tags": ["fine", ""] }),
            &["/contains", "/payee", "/tags/1"][..],
        ),
        (json!({ "contains": "abc" }), &[""]),
        (json!({ "payee": "Somebody" }), &["/contains"]),
        (
            json!({ "contains": "a\u{0}bc", "payee": "Somebody" }),
            &["/contains"],
        ),
        (
            json!({ "contains": "abc", "category_id": other }),
            &["/category_id"],
        ),
        (
            json!({ "from_transaction": hers["id"] }),
            &["/from_transaction"],
        ),
    ] {
        let refused = ada.post(RULES, &body).await;
        assert_eq!(refused.status, 422, "{body}: {refused:?}");
        let errors = refused.json()["errors"].clone();
        let found: Vec<_> = errors
            .as_array()
            .expect("errors")
            .iter()
            .map(|error| error["pointer"].clone())
            .collect();
        assert_eq!(found, pointers, "{body}");
    }
    assert_eq!(found(&mut ada, RULES).await["rules"], json!([]));
    let rule = id(&made(
        &mut ada,
        RULES,
        &json!({ "contains": "abc", "tags": ["a"] }),
    )
    .await);
    let body = json!({ "contains": "abc", "tags": ["a"], "position": 0 });
    let refused = ada
        .json("PUT", &format!("{RULES}/{rule}"), &ANY, &body)
        .await;
    assert_eq!(refused.json()["errors"][0]["pointer"], "/position");
    house.end().await;
}

#[tokio::test]
async fn rules_suggest_what_a_new_transaction_is_and_fill_nothing_in_by_themselves() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let mut eve = house.member("eve").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 0).await;
    let food = category(&mut ada, "Edibles").await;
    let fun = category(&mut ada, "Fun fair").await;
    let one = json!({ "contains": "Kiosk", "payee": "The Kiosk", "tags": ["small"] });
    let one = id(&made(&mut ada, RULES, &one).await);
    let two = json!({ "contains": "kiosk 24", "payee": "Never", "category_id": food, "tags": ["late", "small"] });
    let two = id(&made(&mut ada, RULES, &two).await);
    let suggested = |text: &str| format!("/api/v1/suggestions?text={text}");

    let made = found(&mut ada, &suggested("POS%20KIOSK%2024%20BERLIN")).await;
    assert_eq!(made["rules"], json!([one, two]));
    assert_eq!(made["payee"]["name"], "The Kiosk");
    assert_eq!(made["category_id"], json!(food));
    assert_eq!(made["wallet_id"], Value::Null);
    let tags: Vec<_> = made["tags"]
        .as_array()
        .expect("tags")
        .iter()
        .map(|tag| tag["name"].clone())
        .collect();
    assert_eq!(tags, ["small", "late"]);

    // What no rule knows, the last time tells.
    bought(&mut ada, &bank, "Cinema", json!({ "category_id": fun })).await;
    let made = found(&mut ada, &suggested("%20CINEMA")).await;
    assert_eq!(
        (&made["category_id"], &made["wallet_id"]),
        (&json!(fun), &json!(bank))
    );
    let made = found(&mut eve, &suggested("kiosk")).await;
    assert_eq!(
        made,
        json!({ "payee": null, "category_id": null, "wallet_id": null, "tags": [], "rules": [] })
    );
    for wrong in ["", "%20", "%00", "a%00b"] {
        assert_eq!(ada.get(&suggested(wrong)).await.status, 422, "{wrong}");
    }

    let plain = bought(&mut ada, &bank, "Kiosk 24", json!({})).await;
    assert_eq!(
        (&plain["payee"]["name"], &plain["tags"]),
        (&json!("Kiosk 24"), &json!([]))
    );
    assert_eq!(plain["lines"][0]["category_id"], Value::Null);
    house.end().await;
}

#[tokio::test]
async fn what_a_preview_shows_is_what_applying_changes_and_nothing_else() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 0).await;
    let food = category(&mut ada, "Edibles").await;
    let snacks = category(&mut ada, "Nibbles").await;
    let merge = format!("/api/v1/categories/{snacks}/merge");
    let merged = ada
        .json("PUT", &merge, &ANY, &json!({ "into": food }))
        .await;
    assert_eq!(merged.status, 200, "{merged:?}");
    let many = |count: u32| {
        (0..count)
            .map(|number| format!("t{number}"))
            .collect::<Vec<_>>()
    };
    for (payee, note) in [
        ("Shop", ""),
        ("Corner", "from the SHOP"),
        ("Corner", "else"),
    ] {
        for category in [json!(null), json!(food), json!(snacks)] {
            for tags in [many(0), vec!["x".to_owned()], many(19)] {
                let more = json!({ "note": note, "category_id": category, "tags": tags });
                bought(&mut ada, &bank, payee, more).await;
            }
        }
        let entry = json!({ "wallet_id": bank, "amount": -3 });
        let split = json!({ "date": "2026-11-25", "payee": payee, "note": note, "entries": [entry],
                            "lines": [{ "amount": -1, "category_id": food }, { "amount": -2 }] });
        made(&mut ada, TRANSACTIONS, &split).await;
    }
    let everything = format!("{TRANSACTIONS}?limit=100");

    let mut changed = 0;
    for says in [
        json!({ "tags": ["x"] }),
        json!({ "category_id": snacks }),
        json!({ "payee": "Corner" }),
        json!({ "tags": ["x", "t1"], "category_id": food }),
        json!({ "payee": "Shop", "tags": ["y"] }),
    ] {
        let mut rule = says.clone();
        rule["contains"] = json!("shop");
        let rule = id(&made(&mut ada, RULES, &rule).await);
        let before = found(&mut ada, &everything).await;
        let shown: Vec<_> = preview(&mut ada, &rule, "")
            .await
            .iter()
            .map(|change| id(&change["before"]))
            .collect();
        assert_eq!(
            apply(&mut ada, &rule, "").await["changed"],
            shown.len(),
            "{says}"
        );
        let after = found(&mut ada, &everything).await;
        let lists = [&before, &after].map(|list| list["transactions"].as_array().expect("a list"));
        let mut different: Vec<_> = lists[0]
            .iter()
            .zip(lists[1])
            .filter(|(before, after)| before != after)
            .map(|(before, _)| id(before))
            .collect();
        different.sort();
        let mut expected = shown.clone();
        expected.sort();
        assert_eq!(different, expected, "{says}");
        assert_eq!(apply(&mut ada, &rule, "").await["changed"], 0, "{says}");
        changed += shown.len();
    }
    assert!(changed > 30, "{changed}");
    house.end().await;
}
