//! Balance checks and adjustments.

use serde_json::{Value, json};

use super::{House, balance, found, id, made, wallet};

#[tokio::test]
async fn a_check_passes_or_tells_by_how_much_it_failed() {
    let mut house = House::on("2026-11-25").await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 10_000).await;
    let checks = format!("/api/v1/wallets/{bank}/checks");
    for (date, amount) in [("2026-11-10", -1000), ("2026-11-20", -500)] {
        let body = json!({ "date": date, "wallet_id": bank, "amount": amount });
        made(&mut ada, "/api/v1/transactions", &body).await;
    }

    let body = json!({ "date": "2026-11-15", "balance": 9000 });
    let passed = made(&mut ada, &checks, &body).await;
    let body = json!({ "date": "2026-11-20", "balance": 8000, "reconcile": true });
    let failed = made(&mut ada, &checks, &body).await;
    house.machine.settle().await;

    assert_eq!(
        (&passed["passed"], &passed["difference"]),
        (&json!(true), &json!(0))
    );
    assert_eq!(
        (&failed["passed"], &failed["difference"]),
        (&json!(false), &json!(-500))
    );
    assert_eq!(failed["found"], 8500);
    let list = found(&mut ada, &format!("{checks}?limit=1")).await;
    assert_eq!(list["checks"], json!([failed]));
    let next = list["next"].as_str().expect("a next page");
    let list = found(&mut ada, &format!("{checks}?after={next}")).await;
    assert_eq!(
        (&list["checks"], &list["next"]),
        (&json!([passed]), &Value::Null)
    );
    let one = format!("{checks}/{}", id(&passed));
    assert_eq!(found(&mut ada, &one).await, passed);
    assert_eq!(ada.delete(&one).await.status, 204);
    assert_eq!(ada.get(&one).await.status, 404);
    // Neither was asked to mark anything, or had a reason to.
    let marked = found(&mut ada, "/api/v1/transactions?status=reconciled").await;
    assert_eq!(marked["transactions"], json!([]));
    house.end().await;
}

#[tokio::test]
async fn a_check_that_passed_marks_what_it_covers_when_asked() {
    let mut house = House::on("2026-11-25").await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 0).await;
    let cash = wallet(&mut ada, "Cash", "EUR", 0).await;
    for day in 1..=28 {
        for amount in [-1, -2, -3, -4, -5] {
            let body =
                json!({ "date": format!("2026-10-{day:02}"), "wallet_id": bank, "amount": amount });
            made(&mut ada, "/api/v1/transactions", &body).await;
        }
    }
    let transfer = json!({ "date": "2026-10-30", "entries": [{ "wallet_id": bank, "amount": -10 },
                                                             { "wallet_id": cash, "amount": 10 }] });
    let transfer = made(&mut ada, "/api/v1/transactions", &transfer).await;
    let pending =
        json!({ "date": "2026-10-30", "wallet_id": bank, "amount": -7, "status": "pending" });
    let pending = made(&mut ada, "/api/v1/transactions", &pending).await;
    let later = json!({ "date": "2026-11-01", "wallet_id": bank, "amount": -9 });
    let later = made(&mut ada, "/api/v1/transactions", &later).await;

    let body = json!({ "date": "2026-10-31", "balance": -28 * 15 - 17, "reconcile": true });
    let check = made(&mut ada, &format!("/api/v1/wallets/{bank}/checks"), &body).await;
    assert_eq!(check["passed"], true);
    house.machine.settle().await;

    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM entries WHERE status = 'reconciled'")
        .fetch_one(&house.world.pool())
        .await
        .expect("PostgreSQL");
    assert_eq!(count, 28 * 5 + 1);
    let moved = found(&mut ada, &format!("/api/v1/transactions/{}", id(&transfer))).await;
    let statuses: Vec<_> = moved["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .map(|entry| entry["status"].clone())
        .collect();
    assert_eq!(statuses, ["reconciled", "cleared"]);
    assert_eq!(moved["version"], 2);
    for (left, status) in [(pending, "pending"), (later, "cleared")] {
        let left = found(&mut ada, &format!("/api/v1/transactions/{}", id(&left))).await;
        assert_eq!(
            (&left["entries"][0]["status"], &left["version"]),
            (&json!(status), &json!(1))
        );
    }
    let told: i64 =
        sqlx::query_scalar("SELECT count(*) FROM event_log WHERE type = 'transaction.updated.v1'")
            .fetch_one(&house.world.pool())
            .await
            .expect("PostgreSQL");
    assert_eq!(told, 28 * 5 + 1);
    house.end().await;
}

#[tokio::test]
async fn an_adjustment_has_the_wallet_hold_what_was_said() {
    let mut house = House::on("2026-11-25").await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 10_000).await;
    let adjustments = format!("/api/v1/wallets/{bank}/adjustments");
    let body = json!({ "date": "2026-11-20", "wallet_id": bank, "amount": -500 });
    made(&mut ada, "/api/v1/transactions", &body).await;

    let said = json!({ "date": "2026-11-15", "balance": 9900, "note": "Lost" });
    let made = made(&mut ada, &adjustments, &said).await;
    assert_eq!(
        (&made["kind"], &made["note"]),
        (&json!("adjustment"), &json!("Lost"))
    );
    assert_eq!(
        (&made["entries"][0]["amount"], &made["lines"]),
        (&json!(-100), &json!([]))
    );
    assert_eq!(balance(&mut ada, &bank).await, 9400);

    let same = ada.post(&adjustments, &said).await;
    assert_eq!(
        (same.status, same.problem().as_str()),
        (409, "nothing_to_adjust")
    );
    let far = json!({ "date": "2026-11-15", "balance": 9_007_199_254_740_991_i64 });
    let far = ada.post(&adjustments, &far).await;
    assert_eq!(
        (far.status, &far.json()["errors"][0]["pointer"]),
        (422, &json!("/balance"))
    );
    assert_eq!(balance(&mut ada, &bank).await, 9400);
    house.end().await;
}

#[tokio::test]
async fn nobody_checks_or_adjusts_what_is_anothers_and_wrong_fields_are_told_at_once() {
    let mut house = House::on("2026-11-25").await;
    let mut ada = house.member("ada").await;
    let mut eve = house.member("eve").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 10_000).await;
    let path = |what: &str| format!("/api/v1/wallets/{bank}/{what}");
    let body = json!({ "date": "2026-11-15", "balance": 1 });
    let check = made(&mut ada, &path("checks"), &body).await;
    let one = format!("{}/{}", path("checks"), id(&check));

    assert_eq!(eve.get(&path("checks")).await.status, 404);
    assert_eq!(eve.get(&one).await.status, 404);
    assert_eq!(eve.delete(&one).await.status, 404);
    assert_eq!(eve.post(&path("checks"), &body).await.status, 404);
    assert_eq!(eve.post(&path("adjustments"), &body).await.status, 404);
    assert_eq!(balance(&mut ada, &bank).await, 10_000);
    let wrong = json!({ "date": "soon", "balance": i64::MAX });
    for what in ["checks", "adjustments"] {
        let refused = ada.post(&path(what), &wrong).await;
        assert_eq!(refused.status, 422, "{refused:?}");
        assert_eq!(refused.json()["errors"].as_array().map(Vec::len), Some(2));
    }
    house.end().await;
}
