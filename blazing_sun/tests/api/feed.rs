//! The feed: what happened to somebody, in pages and as it happens.

mod kept;
mod pages;
mod stream;

use serde_json::{Value, json};

use crate::harness::{Browser, World};
use crate::ledger::{id, made, wallet};

const FEED: &str = "/api/v1/feed";

/// The names of the feeds in Redis.
async fn keys(world: &World) -> Vec<String> {
    let redis = world.redis();
    let (mut cursor, mut found) = (0_u64, Vec::new());
    loop {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor)
            .arg("MATCH")
            .arg(redis.key("feed*"))
            .arg("COUNT")
            .arg(1000);
        let (next, keys): (u64, Vec<String>) = redis.ask(&scan).await.expect("keys");
        found.extend(keys);
        if next == 0 {
            found.sort();
            return found;
        }
        cursor = next;
    }
}

/// Takes the feeds away, as an eviction or an emptied Redis does.
async fn lose_keys(world: &World) {
    for key in keys(world).await {
        let deleting = redis::cmd("DEL").arg(key).take();
        world.redis().ask::<()>(&deleting).await.expect("Redis");
    }
}

/// Everything in somebody's feed, page by page.
async fn all(owner: &mut Browser, limit: usize) -> Vec<Value> {
    let mut found: Vec<Value> = Vec::new();
    let mut after = String::new();
    loop {
        let page = owner.get(&format!("{FEED}?limit={limit}{after}")).await;
        assert_eq!(page.status, 200, "{page:?}");
        let page = page.json();
        let items = page["items"].as_array().expect("items");
        assert!(items.len() <= limit);
        found.extend(items.iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return found,
        }
    }
}

/// The sentences of a feed, the newest first.
async fn texts(owner: &mut Browser) -> Vec<String> {
    let items = all(owner, 100).await;
    let text = |item: &Value| item["text"].as_str().expect("a text").to_owned();
    items.iter().map(text).collect()
}

/// Spends something from a wallet.
async fn spend(owner: &mut Browser, wallet: &str, minor: i64) -> String {
    let body = json!({ "date": "2026-01-02", "wallet_id": wallet, "amount": -minor });
    id(&made(owner, "/api/v1/transactions", &body).await)
}

/// Somebody's wallet with 100 euros.
async fn purse(owner: &mut Browser) -> String {
    wallet(owner, "Purse", "EUR", 10_000).await
}
