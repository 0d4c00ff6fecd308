//! What is deleted while somebody writes it into a transaction.

use serde_json::{Value, json};

use super::payees::bought;
use super::{House, found, id, made, wallet};
use crate::harness::Browser;

const TRANSACTIONS: &str = "/api/v1/transactions";
const ANY: [(&str, &str); 1] = [("if-match", "*")];
/// Somebody waits for somebody else.
const WAITING: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";

/// A payee, a tag, a category and a wallet that nothing names any more: where each is deleted, and a transaction that would
/// name them all.
async fn unused(
    owner: &mut Browser,
    bank: &str,
    name: &str,
) -> (Vec<(&'static str, String)>, Value) {
    let spent = bought(owner, bank, name, json!({ "tags": [name] })).await;
    let path = format!("{TRANSACTIONS}/{}", id(&spent));
    assert_eq!(owner.send("DELETE", &path, &ANY, "").await.status, 204);
    let category = json!({ "name": name, "kind": "expense" });
    let category = id(&made(owner, "/api/v1/categories", &category).await);
    let purse = wallet(owner, name, "EUR", 0).await;
    let body = json!({ "date": "2026-11-25", "wallet_id": purse, "amount": -1, "category_id": category,
                       "payee": name, "tags": [name, format!("{name} held up")] });
    let places = vec![
        ("payee", format!("/api/v1/payees/{}", id(&spent["payee"]))),
        ("tag", format!("/api/v1/tags/{}", id(&spent["tags"][0]))),
        ("category", format!("/api/v1/categories/{category}")),
        ("wallet", format!("/api/v1/wallets/{purse}")),
    ];
    (places, body)
}

#[tokio::test]
async fn who_names_what_is_deleted_at_that_moment_is_told_and_nothing_is_written() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 0).await;
    let pool = house.world.pool();

    // Names are made anew; what has an id is gone for good.
    for (deleted, then) in [
        ("payee", 201),
        ("tag", 201),
        ("category", 422),
        ("wallet", 422),
    ] {
        let (places, body) = unused(&mut ada, &bank, deleted).await;
        // Whoever writes has looked at what there is, and waits for a tag that somebody else is about to make.
        let mut other = pool.begin().await.expect("PostgreSQL");
        sqlx::query("INSERT INTO tags (id, book_id, name, created_at) SELECT gen_random_uuid(), id, $1 || ' held up', now() FROM books")
            .bind(deleted)
            .execute(&mut *other)
            .await
            .expect("a tag");
        let (mut browser, sent) = (ada.clone(), body.clone());
        let writing = tokio::spawn(async move { browser.post(TRANSACTIONS, &sent).await });
        house.world.until(WAITING, 1).await;

        let place = places.iter().find(|(what, _)| *what == deleted);
        let place = &place.expect("a place").1;
        let gone = ada.send("DELETE", place, &ANY, "").await;
        assert_eq!(gone.status, 204, "{deleted}: {gone:?}");
        other.rollback().await.expect("PostgreSQL");

        let refused = writing.await.expect("an answer");
        assert_eq!(
            (refused.status, refused.problem().as_str()),
            (409, "gone_meanwhile"),
            "{deleted}: {refused:?}"
        );
        let list = found(&mut ada, TRANSACTIONS).await;
        assert_eq!(list["transactions"], json!([]), "{deleted}");
        let again = ada.post(TRANSACTIONS, &body).await;
        assert_eq!(again.status, then, "{deleted}: {again:?}");
        if then == 201 {
            let path = format!("{TRANSACTIONS}/{}", id(&again.json()));
            assert_eq!(ada.send("DELETE", &path, &ANY, "").await.status, 204);
        }
    }
    pool.close().await;
    house.end().await;
}
