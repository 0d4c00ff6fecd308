//! The forecast.

use serde_json::{Value, json};

use super::{House, found, made, wallet};

#[tokio::test]
async fn a_forecast_tells_what_is_written_down_and_what_comes_again() {
    let mut house = House::on("2026-11-25").await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 10_000).await;
    wallet(&mut ada, "Cash", "EUR", 500).await;
    wallet(&mut ada, "Yen", "JPY", 7).await;
    let body =
        json!({ "date": "2026-11-27", "wallet_id": bank, "amount": -1000, "status": "pending" });
    made(&mut ada, "/api/v1/transactions", &body).await;
    let body = json!({ "date": "2027-11-27", "wallet_id": bank, "amount": 777 });
    made(&mut ada, "/api/v1/transactions", &body).await;
    let body = json!({ "transaction": { "date": "2026-11-26", "wallet_id": bank, "amount": -10 }, "rule": "FREQ=DAILY" });
    let daily = made(&mut ada, "/api/v1/recurring", &body).await;
    let skip = format!("/api/v1/recurring/{}/skips/2026-11-28", super::id(&daily));
    assert_eq!(ada.send("PUT", &skip, &[], "").await.status, 204);

    let forecast = found(&mut ada, "/api/v1/forecast?days=4").await;

    assert_eq!(
        (&forecast["from"], &forecast["to"]),
        (&json!("2026-11-25"), &json!("2026-11-29"))
    );
    let balances = |list: &str, place: usize| forecast[list][place]["balances"].clone();
    assert_eq!(
        balances("wallets", 0),
        json!([10_000, 9990, 8980, 8980, 8970])
    );
    assert_eq!(balances("wallets", 1), json!([500, 500, 500, 500, 500]));
    assert_eq!(
        balances("currencies", 0),
        json!([10_500, 10_490, 9480, 9480, 9470])
    );
    assert_eq!(balances("currencies", 1), json!([7, 7, 7, 7, 7]));

    // What was made is told once: by what is written down.
    house.later(1, &mut ada, "ada").await;
    house.machine.fire("make_recurring").await;
    let next = found(&mut ada, "/api/v1/forecast?days=3").await;
    assert_eq!(
        next["wallets"][0]["balances"],
        json!([9990, 8980, 8980, 8970])
    );
    house.end().await;
}

#[tokio::test]
async fn a_forecast_has_its_bounds_and_shows_ones_own_only() {
    let mut house = House::on("2026-11-25").await;
    let mut ada = house.member("ada").await;
    let mut eve = house.member("eve").await;
    wallet(&mut ada, "Bank", "EUR", 10_000).await;

    let usual = found(&mut ada, "/api/v1/forecast").await;
    assert_eq!(
        usual["wallets"][0]["balances"].as_array().map(Vec::len),
        Some(91)
    );
    for days in ["0", "367"] {
        let refused = ada.get(&format!("/api/v1/forecast?days={days}")).await;
        assert_eq!(refused.status, 422, "{refused:?}");
    }
    let hers: Value = found(&mut eve, "/api/v1/forecast").await;
    assert_eq!(
        (&hers["wallets"], &hers["currencies"]),
        (&json!([]), &json!([]))
    );
    house.end().await;
}
