//! A feed in pages, wherever it is read from.

use serde_json::json;
use uuid::Uuid;

use crate::feed::{FEED, all, keys, lose_keys, purse, spend, texts};
use crate::harness::{World, id_of};
use crate::ledger::House;

const USUAL: [&str; 5] = [
    "Spent 12.50 EUR",
    "Began a wallet with 100.00 EUR",
    "Signed in",
    "Confirmed the e-mail address",
    "Opened the account",
];

#[tokio::test]
async fn what_happened_is_told_in_sentences_from_the_newest_on_with_redis_and_without() {
    for world in [World::solo().await, World::cached().await] {
        let mut house = House::of(world).await.dated("2026-11-25");
        let mut ada = house.member("ada").await;
        let purse = purse(&mut ada).await;
        let spent = spend(&mut ada, &purse, 1250).await;
        house.machine.settle().await;

        // Made by the first of them, and found by the second.
        for _ in 0..2 {
            let items = all(&mut ada, 100).await;
            let told: Vec<&str> = items
                .iter()
                .filter_map(|item| item["text"].as_str())
                .filter(|text| !text.contains("a category of"))
                .collect();
            assert_eq!(told, USUAL);
            assert_eq!(items[0]["type"], "transaction.created.v1");
            assert_eq!(items[0]["about"], json!(spent));
            assert_eq!(items[0]["at"], "2026-11-25T12:00:00Z");
            let ids: Vec<&str> = items
                .iter()
                .filter_map(|item| item["id"].as_str())
                .collect();
            assert!(ids.is_sorted_by(|newer, older| newer > older), "{ids:?}");
            assert_eq!(all(&mut ada, 2).await, items);
        }
        house.end().await;
    }
}

#[tokio::test]
async fn nobody_sees_what_happened_to_others() {
    for world in [World::solo().await, World::cached().await] {
        let mut house = House::of(world).await;
        let mut ada = house.member("ada").await;
        let mut bob = house.member("bob").await;
        let (hers, his) = (purse(&mut ada).await, purse(&mut bob).await);
        for _ in 0..2 {
            spend(&mut ada, &hers, 111).await;
            spend(&mut bob, &his, 222).await;
            house.machine.settle().await;
            let (adas, bobs) = (texts(&mut ada).await, texts(&mut bob).await);
            let has = |texts: &[String], text: &str| texts.iter().any(|told| told == text);
            assert!(has(&adas, "Spent 1.11 EUR") && !has(&adas, "Spent 2.22 EUR"));
            assert!(has(&bobs, "Spent 2.22 EUR") && !has(&bobs, "Spent 1.11 EUR"));
            assert_eq!(adas.len(), bobs.len());
        }
        house.end().await;
    }
}

#[tokio::test]
async fn what_is_no_page_is_refused() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;

    for (query, status) in [
        ("limit=0", 422),
        ("limit=101", 422),
        ("after=x", 400),
        ("befor=x", 400),
    ] {
        assert_eq!(
            ada.get(&format!("{FEED}?{query}")).await.status,
            status,
            "{query}"
        );
    }
    let empty = ada
        .get(&format!("{FEED}?after={}", Uuid::nil()))
        .await
        .json();
    assert_eq!(
        empty,
        json!({ "items": [], "next": null, "position": null })
    );
    house.end().await;
}

#[tokio::test]
async fn a_feed_has_the_last_thousand_things_with_redis_and_without() {
    for world in [World::solo().await, World::cached().await] {
        let mut house = House::of(world).await;
        let mut ada = house.member("ada").await;
        let account = id_of(&house.world, "ada@example.org").await;
        let pool = house.world.pool();
        sqlx::query(
            "INSERT INTO audit_log
             SELECT ('01890000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'auth.sign_out.v1', $1, n, NULL, 'x', NULL,
                    now(), now(), jsonb_build_object('user_id', $1, 'version', n, 'session_id', $1)
             FROM generate_series(1, 1200) n",
        )
        .bind(account)
        .execute(&pool)
        .await
        .expect("a long life");

        let before = all(&mut ada, 100).await;
        assert_eq!(before.len(), 1000);
        let purse = purse(&mut ada).await;
        house.machine.settle().await;
        spend(&mut ada, &purse, 5).await;
        house.machine.settle().await;
        let after = all(&mut ada, 100).await;
        assert_eq!(after.len(), 1000);
        assert_eq!(after[0]["text"], "Spent 0.05 EUR");
        assert_ne!(after[999], before[999]);
        // The same as it is made anew.
        if house.world.config().services.redis.is_some() {
            assert_eq!(keys(&house.world).await.len(), 1);
            lose_keys(&house.world).await;
            assert_eq!(all(&mut ada, 100).await, after);
        }
        house.end().await;
    }
}
