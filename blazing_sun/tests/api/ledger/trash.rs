//! The trash.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::payees::bought;
use super::{House, found, id, wallet};
use crate::harness::Browser;

const TRASH: &str = "/api/v1/trash";
const TRANSACTIONS: &str = "/api/v1/transactions";
const ANY: [(&str, &str); 1] = [("if-match", "*")];

async fn thrown(owner: &mut Browser, wallet: &str, payee: &str) -> String {
    let made = id(&bought(owner, wallet, payee, json!({})).await);
    let path = format!("{TRANSACTIONS}/{made}");
    assert_eq!(owner.send("DELETE", &path, &ANY, "").await.status, 204);
    made
}

#[tokio::test]
async fn what_was_deleted_last_is_listed_first_a_page_at_a_time() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let mut eve = house.member("eve").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 0).await;
    let mut expected = Vec::new();
    for number in 0..5 {
        // Some of them at the same moment.
        if number % 2 == 0 {
            house.app.clock.advance(TimeDelta::seconds(1));
        }
        expected.push(thrown(&mut ada, &bank, &format!("Shop {number}")).await);
    }

    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = found(&mut ada, &format!("{TRASH}?limit=2{after}")).await;
        all.extend(page["trash"].as_array().expect("a list").clone());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    let moments: Vec<_> = all
        .iter()
        .map(|thrown| thrown["deleted_at"].as_str())
        .collect();
    assert!(
        moments.is_sorted_by(|later, earlier| later >= earlier),
        "{moments:?}"
    );
    let mut ids: Vec<_> = all
        .iter()
        .map(|thrown| id(&thrown["transaction"]))
        .collect();
    assert_eq!(ids[0], expected[4]);
    ids.sort();
    expected.sort();
    assert_eq!(ids, expected);
    assert_eq!(all[0]["transaction"]["payee"]["name"], "Shop 4");
    assert_eq!(found(&mut eve, TRASH).await["trash"], json!([]));
    for wrong in ["after=x", "after=9999999999999999999.x", "limit=101"] {
        assert_eq!(
            ada.get(&format!("{TRASH}?{wrong}")).await.status,
            422,
            "{wrong}"
        );
    }
    house.end().await;
}

#[tokio::test]
async fn what_is_forgotten_never_comes_back() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let mut eve = house.member("eve").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 0).await;
    let gone = thrown(&mut ada, &bank, "Shop").await;
    let path = format!("{TRASH}/{gone}");

    assert_eq!(eve.send("DELETE", &path, &ANY, "").await.status, 404);
    assert_eq!(ada.send("DELETE", &path, &[], "").await.status, 428);
    assert_eq!(
        ada.send("DELETE", &path, &[("if-match", "\"1\"")], "")
            .await
            .status,
        412
    );
    assert_eq!(
        ada.send("DELETE", &path, &[("if-match", "\"2\"")], "")
            .await
            .status,
        204
    );
    assert_eq!(ada.send("DELETE", &path, &ANY, "").await.status, 404);
    let back = format!("{TRANSACTIONS}/{gone}/restore");
    assert_eq!(ada.post(&back, &json!({})).await.status, 404);
    house.end().await;
}

#[tokio::test]
async fn what_was_deleted_is_kept_for_30_days_and_no_longer() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 0).await;
    let old = thrown(&mut ada, &bank, "Old").await;
    house.app.clock.advance(TimeDelta::seconds(1));
    let young = thrown(&mut ada, &bank, "Young").await;
    let kept = "SELECT count(*) FROM trash";
    let pool = house.world.pool();

    house
        .app
        .clock
        .advance(TimeDelta::days(30) - TimeDelta::seconds(2));
    house.machine.fire("purge_trash").await;
    assert_eq!(house.world.number(&pool, kept).await, 2);
    house.app.clock.advance(TimeDelta::seconds(1));
    house.machine.fire("purge_trash").await;
    assert_eq!(house.world.number(&pool, kept).await, 1);

    // A month later the session is over.
    let mut ada = house.again("ada").await;
    for (transaction, status) in [(old, 404), (young, 200)] {
        let path = format!("{TRANSACTIONS}/{transaction}/restore");
        assert_eq!(ada.post(&path, &json!({})).await.status, status);
    }
    assert_eq!(
        found(&mut ada, TRASH).await["trash"],
        Value::Array(Vec::new())
    );
    house.end().await;
}
