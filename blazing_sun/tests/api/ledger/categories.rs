//! Categories.

use serde_json::{Value, json};

use super::{House, found, id, made, wallet};
use crate::harness::Browser;

const CATEGORIES: &str = "/api/v1/categories";
const ANY: [(&str, &str); 1] = [("if-match", "*")];

async fn category(owner: &mut Browser, name: &str, parent: Option<&str>) -> String {
    let body = json!({ "name": name, "kind": "expense", "parent_id": parent });
    id(&made(owner, CATEGORIES, &body).await)
}

/// What a transaction is for, as it is shown.
async fn counted(owner: &mut Browser, transaction: &str) -> Value {
    let shown = found(owner, &format!("/api/v1/transactions/{transaction}")).await;
    shown["lines"][0]["category_id"].clone()
}

#[tokio::test]
async fn a_new_book_has_categories_to_start_with_each_before_its_parts() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;

    let list = found(&mut ada, CATEGORIES).await;

    let list = list["categories"].as_array().expect("a list");
    assert!((20..=60).contains(&list.len()), "{}", list.len());
    let mut seen = vec![Value::Null];
    for category in list {
        assert!(seen.contains(&category["parent_id"]), "{category}");
        seen.push(category["id"].clone());
    }
    house.end().await;
}

#[tokio::test]
async fn categories_have_two_levels() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let garden = category(&mut ada, "Garden", None).await;
    let seeds = category(&mut ada, "Seeds", Some(&garden)).await;

    for (body, pointer) in [
        (
            json!({ "name": "Deep", "kind": "expense", "parent_id": seeds }),
            "/parent_id",
        ),
        (
            json!({ "name": "Odd", "kind": "income", "parent_id": garden }),
            "/parent_id",
        ),
        (
            json!({ "name": "Lost", "kind": "expense", "parent_id": "00000000-0000-0000-0000-000000000000" }),
            "/parent_id",
        ),
        (json!({ "name": "", "kind": "expense" }), "/name"),
        (
            json!({ "name": "Red", "kind": "expense", "color": "red" }),
            "/color",
        ),
    ] {
        let refused = ada.post(CATEGORIES, &body).await;
        assert_eq!(refused.status, 422, "{refused:?}");
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer);
    }
    let moved = ada
        .json(
            "PATCH",
            &format!("{CATEGORIES}/{garden}"),
            &ANY,
            &json!({ "parent_id": garden }),
        )
        .await;
    assert_eq!(moved.status, 422, "{moved:?}");
    let taken = ada
        .post(
            CATEGORIES,
            &json!({ "name": "SEEDS", "kind": "expense", "parent_id": garden }),
        )
        .await;
    assert_eq!(
        (taken.status, taken.problem().as_str()),
        (409, "name_taken")
    );
    let freed = ada
        .json(
            "PATCH",
            &format!("{CATEGORIES}/{seeds}"),
            &ANY,
            &json!({ "parent_id": null, "archived": true }),
        )
        .await;
    assert_eq!(freed.status, 200, "{freed:?}");
    assert_eq!(freed.json()["parent_id"], Value::Null);
    house.end().await;
}

#[tokio::test]
async fn a_merged_category_counts_as_the_other_until_they_are_separated() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 10_000).await;
    let one = category(&mut ada, "One", None).await;
    let two = category(&mut ada, "Two", None).await;
    let three = category(&mut ada, "Three", None).await;
    let body =
        json!({ "date": "2026-11-25", "wallet_id": bank, "amount": -1250, "category_id": one });
    let bought = id(&made(&mut ada, "/api/v1/transactions", &body).await);
    let merge = |id: &str| format!("{CATEGORIES}/{id}/merge");

    for (from, into) in [(&one, &two), (&two, &three)] {
        let merged = ada
            .json("PUT", &merge(from), &ANY, &json!({ "into": into }))
            .await;
        assert_eq!(merged.status, 200, "{merged:?}");
    }
    assert_eq!(counted(&mut ada, &bought).await, json!(three));
    let listed = found(
        &mut ada,
        &format!("/api/v1/transactions?category_id={three}"),
    )
    .await;
    assert_eq!(listed["transactions"][0]["id"], json!(bought));

    let circle = ada
        .json("PUT", &merge(&three), &ANY, &json!({ "into": one }))
        .await;
    assert_eq!(circle.status, 422, "{circle:?}");
    let kept = ada
        .send("DELETE", &format!("{CATEGORIES}/{one}"), &ANY, "")
        .await;
    assert_eq!(
        (kept.status, kept.problem().as_str()),
        (409, "category_in_use")
    );

    let separated = ada.send("DELETE", &merge(&two), &ANY, "").await;
    assert_eq!(separated.status, 200, "{separated:?}");
    assert_eq!(counted(&mut ada, &bought).await, json!(two));
    assert_eq!(ada.send("DELETE", &merge(&one), &ANY, "").await.status, 200);
    assert_eq!(counted(&mut ada, &bought).await, json!(one));
    let gone = ada
        .send("DELETE", &format!("{CATEGORIES}/{three}"), &ANY, "")
        .await;
    assert_eq!(gone.status, 204, "{gone:?}");
    house.end().await;
}

#[tokio::test]
async fn nobody_uses_anothers_category() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let mut eve = house.member("eve").await;
    let hers = category(&mut ada, "Garden", None).await;
    let bank = wallet(&mut eve, "Bank", "EUR", 10_000).await;
    let own = category(&mut eve, "Garden", None).await;
    let path = format!("{CATEGORIES}/{hers}");

    assert_eq!(eve.get(&path).await.status, 404);
    assert_eq!(
        eve.json("PATCH", &path, &ANY, &json!({ "name": "Mine" }))
            .await
            .status,
        404
    );
    assert_eq!(eve.send("DELETE", &path, &ANY, "").await.status, 404);
    let merged = eve
        .json(
            "PUT",
            &format!("{CATEGORIES}/{own}/merge"),
            &ANY,
            &json!({ "into": hers }),
        )
        .await;
    assert_eq!(merged.status, 422);
    let body =
        json!({ "date": "2026-11-25", "wallet_id": bank, "amount": -1, "category_id": hers });
    let refused = eve.post("/api/v1/transactions", &body).await;
    assert_eq!(refused.json()["errors"][0]["pointer"], "/category_id");
    let part = eve
        .post(
            CATEGORIES,
            &json!({ "name": "Part", "kind": "expense", "parent_id": hers }),
        )
        .await;
    assert_eq!(part.status, 422);
    house.end().await;
}
