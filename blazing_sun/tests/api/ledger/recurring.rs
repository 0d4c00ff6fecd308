//! Recurring transactions.

use blazing_sun::app::wiring::Wiring;
use blazing_sun::flow::schedule;
use blazing_sun::infra::measures::Measures;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{House, balance, found, id, made, wallet};
use crate::harness::Browser;

const RECURRING: &str = "/api/v1/recurring";
const ONE: [(&str, &str); 1] = [("if-match", "\"1\"")];

/// A recurring expense of 100.
async fn set_up(owner: &mut Browser, wallet: &str, rule: &str, start: &str) -> String {
    let body = json!({ "transaction": { "date": start, "wallet_id": wallet, "amount": -100, "payee": "Landlord",
                                        "note": "Rent", "tags": ["home"] },
                       "rule": rule });
    format!("{RECURRING}/{}", id(&made(owner, RECURRING, &body).await))
}

/// The days of all that was made, the first one first.
async fn days(owner: &mut Browser) -> Vec<String> {
    let list = found(owner, "/api/v1/transactions?most=-1&limit=100").await;
    let list = list["transactions"].as_array().expect("a list");
    let day = |it: &Value| it["date"].as_str().expect("a date").to_owned();
    list.iter().rev().map(day).collect()
}

#[tokio::test]
async fn each_day_is_made_once_also_after_a_week_down() {
    let mut house = House::on("2026-11-25").await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 10_000).await;

    let path = set_up(&mut ada, &bank, "FREQ=DAILY", "2026-11-25").await;
    house.machine.settle().await;
    assert_eq!(days(&mut ada).await, ["2026-11-25"]);
    assert_eq!(found(&mut ada, &path).await["next_due"], "2026-11-26");

    house.later(7, &mut ada, "ada").await;
    house.machine.fire("make_recurring").await;
    house.machine.fire("make_recurring").await;

    let all = days(&mut ada).await;
    assert_eq!(all.len(), 8, "{all:?}");
    assert_eq!(all[7], "2026-12-02");
    assert_eq!(balance(&mut ada, &bank).await, 10_000 - 800);
    let occurrences = found(&mut ada, &format!("{path}/occurrences?limit=2")).await;
    assert_eq!(occurrences["occurrences"][0]["due_date"], "2026-12-02");
    assert_eq!(occurrences["next"], "2026-12-01");
    let newest = occurrences["occurrences"][0]["transaction_id"].as_str();
    let newest = format!("/api/v1/transactions/{}", newest.expect("a transaction"));
    let newest = found(&mut ada, &newest).await;
    assert_eq!(
        (
            &newest["payee"]["name"],
            &newest["note"],
            &newest["tags"][0]["name"]
        ),
        (&json!("Landlord"), &json!("Rent"), &json!("home"))
    );
    // What is made does not change what was set up.
    assert_eq!(found(&mut ada, &path).await["version"], 1);
    house.end().await;
}

#[tokio::test]
async fn a_long_time_is_made_up_for_in_steps() {
    let mut house = House::on("2026-11-25").await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 100_000).await;

    set_up(&mut ada, &bank, "FREQ=DAILY", "2026-07-28").await;
    house.machine.settle().await;

    assert_eq!(balance(&mut ada, &bank).await, 100_000 - 121 * 100);
    house.end().await;
}

#[tokio::test]
async fn two_schedulers_at_once_make_each_day_once() {
    let mut house = House::on("2026-11-25").await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 10_000).await;
    for _ in 0..5 {
        set_up(&mut ada, &bank, "FREQ=DAILY", "2026-11-26").await;
    }
    house.later(10, &mut ada, "ada").await;
    let process = || {
        let clock = house.app.clock.clone();
        Wiring::new(&house.world.config(), clock, &Measures::default()).expect("a process")
    };
    let (one, other) = (process(), process());
    for process in [&one, &other, &one, &other] {
        let mut schedules = process.schedules.iter();
        let schedule = schedules.find(|schedule| schedule.name() == "make_recurring");
        schedule::fire_now(&process.ctx, schedule.expect("a schedule"))
            .await
            .expect("PostgreSQL");
    }
    let (first, _) = one.worker();
    let (second, _) = other.worker();

    let mut jobs = 0;
    loop {
        let (a, b) = tokio::join!(first.work_next(), second.work_next());
        let done = [a.expect("PostgreSQL"), b.expect("PostgreSQL")];
        match done.iter().flatten().count() {
            0 => break,
            done => jobs += done,
        }
    }

    // Four that look, and each of them has five made.
    assert!(jobs >= 24, "{jobs}");
    assert_eq!(balance(&mut ada, &bank).await, 10_000 - 5 * 10 * 100);
    house.end().await;
}

#[tokio::test]
async fn the_end_of_the_month_is_where_the_month_ends() {
    let mut house = House::on("2026-11-25").await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 10_000).await;
    let path = set_up(&mut ada, &bank, "FREQ=MONTHLY;COUNT=4", "2026-12-31").await;

    house.later(365, &mut ada, "ada").await;
    house.machine.fire("make_recurring").await;

    assert_eq!(
        days(&mut ada).await,
        ["2026-12-31", "2027-01-31", "2027-02-28", "2027-03-31"]
    );
    assert_eq!(found(&mut ada, &path).await["next_due"], Value::Null);
    house.end().await;
}

#[tokio::test]
async fn what_was_deleted_is_not_made_again_nor_when_the_trash_is_empty() {
    let mut house = House::on("2026-11-25").await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 10_000).await;
    let path = set_up(&mut ada, &bank, "FREQ=DAILY", "2026-11-25").await;
    house.machine.settle().await;
    let occurrences = found(&mut ada, &format!("{path}/occurrences")).await;
    let made = occurrences["occurrences"][0]["transaction_id"].as_str();
    let made = format!("/api/v1/transactions/{}", made.expect("a transaction"));

    let gone = ada.send("DELETE", &made, &ONE, "").await;
    assert_eq!(gone.status, 204, "{gone:?}");
    house.machine.fire("make_recurring").await;
    assert_eq!(days(&mut ada).await, [""; 0]);
    sqlx::query("DELETE FROM trash")
        .execute(&house.world.pool())
        .await
        .expect("PostgreSQL");
    // As if the place in its row had been lost: the day itself is what counts.
    sqlx::query("UPDATE recurring SET next_due = starts_on")
        .execute(&house.world.pool())
        .await
        .expect("PostgreSQL");
    house.later(1, &mut ada, "ada").await;
    house.machine.fire("make_recurring").await;

    assert_eq!(days(&mut ada).await, ["2026-11-26"]);
    house.end().await;
}

#[tokio::test]
async fn what_would_be_due_during_a_pause_is_not_made() {
    let mut house = House::on("2026-11-25").await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 10_000).await;
    let path = set_up(&mut ada, &bank, "FREQ=DAILY", "2026-11-25").await;
    house.machine.settle().await;
    // Nobody makes anything for two days; what was due is made before it is paused.
    house.later(2, &mut ada, "ada").await;
    let paused = ada
        .json("PATCH", &path, &ONE, &json!({ "paused": true }))
        .await;
    assert_eq!(paused.status, 200, "{paused:?}");
    assert_eq!(days(&mut ada).await, ["2026-11-25", "2026-11-26"]);

    house.later(3, &mut ada, "ada").await;
    house.machine.fire("make_recurring").await;
    assert_eq!(days(&mut ada).await.len(), 2);
    let stale = ada
        .json("PATCH", &path, &ONE, &json!({ "paused": false }))
        .await;
    assert_eq!(stale.status, 412);
    let two = [("if-match", "\"2\"")];
    let going = ada
        .json("PATCH", &path, &two, &json!({ "paused": false }))
        .await;
    assert_eq!(going.status, 200, "{going:?}");
    house.machine.settle().await;

    assert_eq!(
        days(&mut ada).await,
        ["2026-11-25", "2026-11-26", "2026-11-30"]
    );
    house.end().await;
}

#[tokio::test]
async fn a_day_is_skipped_and_that_is_taken_back() {
    let mut house = House::on("2026-11-25").await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 10_000).await;
    let path = set_up(&mut ada, &bank, "FREQ=WEEKLY", "2026-11-26").await;
    let skip = |day: &str| format!("{path}/skips/{day}");

    for day in ["2026-11-26", "2026-11-26", "2026-12-10"] {
        let skipped = ada.send("PUT", &skip(day), &[], "").await;
        assert_eq!(skipped.status, 204, "{skipped:?}");
    }
    for (day, status) in [
        ("2026-11-27", 422),
        ("2026-11-19", 409),
        ("tomorrow", 404),
        ("2026-02-30", 404),
    ] {
        let refused = ada.send("PUT", &skip(day), &[], "").await;
        assert_eq!(refused.status, status, "{day}: {refused:?}");
    }
    assert_eq!(found(&mut ada, &path).await["next_due"], "2026-12-03");
    assert_eq!(ada.delete(&skip("2026-12-10")).await.status, 204);
    assert_eq!(ada.delete(&skip("2026-12-10")).await.status, 404);
    house.later(21, &mut ada, "ada").await;
    house.machine.fire("make_recurring").await;

    assert_eq!(days(&mut ada).await, ["2026-12-03", "2026-12-10"]);
    let made = ada.send("PUT", &skip("2026-12-10"), &[], "").await;
    assert_eq!(made.status, 409, "{made:?}");
    house.end().await;
}

#[tokio::test]
async fn a_change_is_one_from_now_on() {
    let mut house = House::on("2026-11-25").await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 10_000).await;
    let path = set_up(&mut ada, &bank, "FREQ=DAILY", "2026-11-25").await;
    house.machine.settle().await;
    house.later(2, &mut ada, "ada").await;

    let body = json!({ "transaction": { "date": "2026-11-25", "wallet_id": bank, "amount": -7 },
                       "rule": "FREQ=DAILY", "end": "2026-11-28" });
    assert_eq!(ada.json("PUT", &path, &[], &body).await.status, 428);
    let changed = ada.json("PUT", &path, &ONE, &body).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(changed.json()["version"], 2);
    house.later(5, &mut ada, "ada").await;
    house.machine.fire("make_recurring").await;

    // Two days by what it was, though one was not made yet, and two by what it is.
    assert_eq!(balance(&mut ada, &bank).await, 10_000 - 200 - 14);
    assert_eq!(days(&mut ada).await.len(), 4);
    let two = [("if-match", "\"2\"")];
    let gone = ada.send("DELETE", &path, &two, "").await;
    assert_eq!(gone.status, 204, "{gone:?}");
    assert_eq!(days(&mut ada).await.len(), 4);
    assert_eq!(found(&mut ada, RECURRING).await["recurring"], json!([]));
    house.end().await;
}

#[tokio::test]
async fn today_is_today_where_the_book_is_kept() {
    let mut house = House::on("2026-11-25").await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 10_000).await;
    let zone = json!({ "time_zone": "Pacific/Kiritimati" });
    let moved = ada
        .json("PATCH", "/api/v1/book", &[("if-match", "*")], &zone)
        .await;
    assert_eq!(moved.status, 200, "{moved:?}");
    let mut eve = house.member("eve").await;
    let hers = wallet(&mut eve, "Bank", "EUR", 10_000).await;

    // At noon in UTC the next day has begun there.
    set_up(&mut ada, &bank, "FREQ=DAILY", "2026-11-26").await;
    set_up(&mut eve, &hers, "FREQ=DAILY", "2026-11-26").await;
    house.machine.fire("make_recurring").await;

    assert_eq!(days(&mut ada).await, ["2026-11-26"]);
    assert_eq!(days(&mut eve).await, [""; 0]);
    house.app.clock.advance(TimeDelta::hours(12));
    house.machine.fire("make_recurring").await;
    assert_eq!(days(&mut ada).await, ["2026-11-26"]);
    assert_eq!(days(&mut eve).await, ["2026-11-26"]);
    house.end().await;
}

#[tokio::test]
async fn what_cannot_be_made_waits_until_it_can() {
    let mut house = House::on("2026-11-25").await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 10_000).await;
    let path = set_up(&mut ada, &bank, "FREQ=DAILY", "2026-11-25").await;
    house.machine.settle().await;
    let put_away = format!("/api/v1/wallets/{bank}");
    let any = [("if-match", "*")];
    let archived = ada
        .json("PATCH", &put_away, &any, &json!({ "archived": true }))
        .await;
    assert_eq!(archived.status, 200, "{archived:?}");
    house.later(2, &mut ada, "ada").await;
    house.machine.fire("make_recurring").await;

    let waiting = found(&mut ada, &path).await;
    assert_eq!(waiting["trouble"], "wallet_archived");
    assert_eq!(waiting["next_due"], "2026-11-26");
    assert_eq!(days(&mut ada).await, ["2026-11-25"]);
    let back = ada
        .json("PATCH", &put_away, &any, &json!({ "archived": false }))
        .await;
    assert_eq!(back.status, 200, "{back:?}");
    house.machine.fire("make_recurring").await;

    assert_eq!(days(&mut ada).await.len(), 3);
    assert_eq!(found(&mut ada, &path).await["trouble"], Value::Null);
    house.end().await;
}

#[tokio::test]
async fn all_that_is_wrong_is_told_at_once_and_nobody_touches_what_is_anothers() {
    let mut house = House::on("2026-11-25").await;
    let mut ada = house.member("ada").await;
    let mut eve = house.member("eve").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 10_000).await;
    let path = set_up(&mut ada, &bank, "FREQ=DAILY", "2026-11-26").await;

    let body = json!({ "transaction": { "date": "soon", "wallet_id": bank, "amount": 0 },
                       "rule": "FREQ=HOURLY", "end": "never" });
    let refused = ada.post(RECURRING, &body).await;
    assert_eq!(refused.status, 422, "{refused:?}");
    let errors = refused.json()["errors"].as_array().expect("errors").clone();
    let pointers: Vec<_> = errors
        .iter()
        .map(|error| error["pointer"].clone())
        .collect();
    assert_eq!(
        pointers,
        ["/transaction/date", "/transaction/amount", "/rule", "/end"]
    );
    for (date, rule, pointer) in [
        ("2025-11-23", "FREQ=DAILY", "/transaction/date"),
        ("2026-11-25", "FREQ=DAILY;UNTIL=20261124", "/rule"),
    ] {
        let body = json!({ "transaction": { "date": date, "wallet_id": bank, "amount": 1 }, "rule": rule });
        let refused = ada.post(RECURRING, &body).await;
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer);
    }

    let hers = json!({ "transaction": { "date": "2026-11-25", "wallet_id": bank, "amount": 1 }, "rule": "FREQ=DAILY" });
    let refused = eve.post(RECURRING, &hers).await;
    assert_eq!(refused.status, 422, "{refused:?}");
    assert_eq!(
        refused.json()["errors"][0]["pointer"],
        "/transaction/wallet_id"
    );
    let any = [("if-match", "*")];
    let skip = format!("{path}/skips/2026-11-26");
    assert_eq!(eve.get(&path).await.status, 404);
    assert_eq!(eve.get(&format!("{path}/occurrences")).await.status, 404);
    assert_eq!(eve.json("PUT", &path, &any, &hers).await.status, 404);
    let pause = json!({ "paused": true });
    assert_eq!(eve.json("PATCH", &path, &any, &pause).await.status, 404);
    assert_eq!(eve.send("DELETE", &path, &any, "").await.status, 404);
    assert_eq!(eve.send("PUT", &skip, &[], "").await.status, 404);
    assert_eq!(eve.delete(&skip).await.status, 404);
    assert_eq!(found(&mut eve, RECURRING).await["recurring"], json!([]));
    house.end().await;
}
