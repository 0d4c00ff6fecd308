//! Reports, and the one that comes by mail.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{House, found, id, made, wallet};
use crate::harness::Browser;

const ANY: [(&str, &str); 1] = [("if-match", "*")];

async fn category(owner: &mut Browser, name: &str, kind: &str, parent: Option<&str>) -> String {
    let body = json!({ "name": name, "kind": kind, "parent_id": parent });
    id(&made(owner, "/api/v1/categories", &body).await)
}

/// Writes down what was spent from a wallet, or came in.
async fn moved(owner: &mut Browser, date: &str, wallet: &str, amount: i64, category: Option<&str>) {
    let body =
        json!({ "date": date, "wallet_id": wallet, "amount": amount, "category_id": category });
    made(owner, "/api/v1/transactions", &body).await;
}

async fn report(owner: &mut Browser, question: &str) -> Value {
    found(owner, &format!("/api/v1/reports/{question}")).await
}

/// What a currency's categories come to: name, amount, number of lines and of parts.
fn shares(month: &Value, currency: usize) -> Vec<(Value, i64, i64, usize)> {
    let shares = month["currencies"][currency]["categories"].as_array();
    let number = |value: &Value| value.as_i64().expect("a number");
    let share = |share: &Value| {
        (
            share["name"].clone(),
            number(&share["amount"]),
            number(&share["count"]),
            share["parts"].as_array().expect("parts").len(),
        )
    };
    shares.expect("a list").iter().map(share).collect()
}

#[tokio::test]
async fn a_month_is_told_by_category_with_parts_merges_and_refunds_and_without_openings() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 50_000).await;
    let yen = wallet(&mut ada, "Yen", "JPY", 0).await;
    let pay = category(&mut ada, "Pay", "income", None).await;
    let garden = category(&mut ada, "Garden", "expense", None).await;
    let seeds = category(&mut ada, "Seeds", "expense", Some(&garden)).await;
    let plants = category(&mut ada, "Plants", "expense", None).await;
    for (date, amount, category) in [
        ("2026-11-01", 300_000, Some(&pay)),
        ("2026-11-02", -1000, Some(&garden)),
        ("2026-11-02", -200, Some(&seeds)),
        ("2026-11-30", 50, Some(&seeds)),
        ("2026-11-30", -70, Some(&plants)),
        ("2026-11-05", -5, None),
        ("2026-11-06", 3, None),
        ("2026-10-31", -9999, Some(&garden)),
        ("2026-12-01", -9999, Some(&garden)),
    ] {
        moved(&mut ada, date, &bank, amount, category.map(String::as_str)).await;
    }
    moved(&mut ada, "2026-11-11", &yen, -800, Some(&garden)).await;
    let opening = json!({ "name": "Cash", "kind": "cash", "currency": "EUR", "opening_balance": 77,
                          "opening_date": "2026-11-03" });
    made(&mut ada, "/api/v1/wallets", &opening).await;
    house.machine.settle().await;

    let month = report(&mut ada, "month?month=2026-11").await;
    assert_eq!(
        (&month["from"], &month["to"]),
        (&json!("2026-11-01"), &json!("2026-11-30"))
    );
    let euro = &month["currencies"][0];
    assert_eq!(
        [
            &euro["currency"],
            &euro["exponent"],
            &euro["income"],
            &euro["expense"],
            &euro["net"]
        ],
        [
            &json!("EUR"),
            &json!(2),
            &json!(300_003),
            &json!(-1225),
            &json!(298_778)
        ]
    );
    assert_eq!(
        shares(&month, 0),
        [
            (json!("Pay"), 300_000, 1, 0),
            (Value::Null, 3, 1, 0),
            (json!("Garden"), -1150, 3, 1),
            (json!("Plants"), -70, 1, 0),
            (Value::Null, -5, 1, 0),
        ]
    );
    assert_eq!(euro["categories"][2]["parts"][0]["amount"], -150);
    let yen = &month["currencies"][1];
    assert_eq!(
        [&yen["currency"], &yen["exponent"], &yen["expense"]],
        [&json!("JPY"), &json!(0), &json!(-800)]
    );

    // Merging is resolved on reading, and can be undone.
    let path = format!("/api/v1/categories/{plants}/merge");
    let merged = ada
        .json("PUT", &path, &ANY, &json!({ "into": seeds }))
        .await;
    assert_eq!(merged.status, 200, "{merged:?}");
    let month = report(&mut ada, "month?month=2026-11").await;
    assert_eq!(shares(&month, 0)[2], (json!("Garden"), -1220, 4, 1));
    assert_eq!(month["currencies"][0]["expense"], -1225);
    let undone = ada.send("DELETE", &path, &ANY, "").await;
    assert_eq!(undone.status, 200, "{undone:?}");
    let month = report(&mut ada, "month?month=2026-11").await;
    assert_eq!(shares(&month, 0)[2], (json!("Garden"), -1150, 3, 1));
    house.end().await;
}

#[tokio::test]
async fn cash_flow_and_net_worth_follow_the_months_of_the_book() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 50_000).await;
    let cash = wallet(&mut ada, "Cash", "EUR", 0).await;
    let dollar = wallet(&mut ada, "Dollar", "USD", 0).await;
    let pay = category(&mut ada, "Pay", "income", None).await;
    moved(&mut ada, "2026-10-24", &bank, 100, Some(&pay)).await;
    moved(&mut ada, "2026-10-25", &bank, 200, Some(&pay)).await;
    moved(&mut ada, "2026-11-24", &bank, -30, None).await;
    let transfer = json!({ "date": "2026-11-20", "entries": [{ "wallet_id": bank, "amount": -5000 },
                                                             { "wallet_id": cash, "amount": 5000 }] });
    made(&mut ada, "/api/v1/transactions", &transfer).await;
    let exchange = json!({ "date": "2026-11-26", "entries": [{ "wallet_id": cash, "amount": -1000 },
                                                             { "wallet_id": dollar, "amount": 1160 }] });
    made(&mut ada, "/api/v1/transactions", &exchange).await;
    let changed = ada
        .json("PATCH", "/api/v1/book", &ANY, &json!({ "month_start": 25 }))
        .await;
    assert_eq!(changed.status, 200, "{changed:?}");
    house.machine.settle().await;

    let flow = report(&mut ada, "cash-flow?from=2026-08&to=2026-11").await;
    assert_eq!(
        (&flow["from"], &flow["to"]),
        (&json!("2026-08-25"), &json!("2026-12-24"))
    );
    let months = json!([
        { "month": "2026-08", "income": 0, "expense": 0, "net": 0 },
        { "month": "2026-09", "income": 100, "expense": 0, "net": 100 },
        { "month": "2026-10", "income": 200, "expense": -30, "net": 170 },
        { "month": "2026-11", "income": 0, "expense": 0, "net": 0 },
    ]);
    assert_eq!(
        flow["currencies"],
        json!([{ "currency": "EUR", "exponent": 2, "months": months }])
    );

    let worth = report(&mut ada, "net-worth?from=2026-11-24&to=2026-11-27").await;
    let points = |amounts: [i64; 4]| {
        let days = ["2026-11-24", "2026-11-25", "2026-11-26", "2026-11-27"];
        let points = days.iter().zip(amounts);
        points
            .map(|(date, amount)| json!({ "date": date, "amount": amount }))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        worth["currencies"],
        json!([{ "currency": "EUR", "exponent": 2, "points": points([50_270, 50_270, 49_270, 49_270]) },
               { "currency": "USD", "exponent": 2, "points": points([0, 0, 1160, 1160]) }])
    );
    let worth = report(
        &mut ada,
        "net-worth?per=month&from=2026-09-25&to=2026-11-30",
    )
    .await;
    assert_eq!(
        worth["currencies"][0]["points"],
        json!([{ "date": "2026-10-24", "amount": 50_100 }, { "date": "2026-11-24", "amount": 50_270 },
               { "date": "2026-11-30", "amount": 49_270 }])
    );
    house.end().await;
}

#[tokio::test]
async fn a_report_says_up_to_when_it_is_complete() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let mut eve = house.member("eve").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 0).await;
    wallet(&mut eve, "Bank", "EUR", 0).await;
    moved(&mut ada, "2026-11-01", &bank, -10, None).await;
    house.app.clock.advance(TimeDelta::hours(1));
    for question in [
        "month?month=2026-11",
        "cash-flow?to=2026-11",
        "net-worth?to=2026-11-25",
    ] {
        let late = report(&mut ada, question).await;
        assert_eq!(late["as_of"], "1970-01-01T00:00:00Z", "{question}");
        assert_eq!(late["currencies"], json!([]), "{question}");
        // Nothing of hers waits.
        assert_eq!(
            report(&mut eve, question).await["as_of"],
            "1970-01-01T01:00:00Z"
        );
    }

    house.machine.settle().await;

    for question in [
        "month?month=2026-11",
        "cash-flow?to=2026-11",
        "net-worth?to=2026-11-25",
    ] {
        let complete = report(&mut ada, question).await;
        assert_eq!(complete["as_of"], "1970-01-01T01:00:00Z", "{question}");
        assert_eq!(complete["currencies"][0]["currency"], "EUR", "{question}");
        assert_eq!(
            report(&mut eve, question).await["currencies"],
            json!([]),
            "{question}"
        );
    }
    house.end().await;
}

#[tokio::test]
async fn what_is_asked_for_out_of_bounds_is_refused() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    for (question, pointer) in [
        ("month?month=2026-13", "/month"),
        ("month?month=11", "/month"),
        ("budget?month=2026-13", "/month"),
        ("cash-flow?from=2026-12&to=2026-11", "/from"),
        ("cash-flow?from=2016-11&to=2026-11", "/from"),
        ("cash-flow?to=november", "/to"),
        ("net-worth?from=2026-11-25&to=2026-11-24", "/from"),
        ("net-worth?from=2025-11-24&to=2026-11-25", "/from"),
        ("net-worth?per=month&from=2016-11-30&to=2026-11-25", "/from"),
        ("net-worth?per=week", "/per"),
        ("net-worth?from=1812-01-01", "/from"),
    ] {
        let refused = ada.get(&format!("/api/v1/reports/{question}")).await;
        assert_eq!(refused.status, 422, "{question}: {refused:?}");
        assert_eq!(
            refused.json()["errors"][0]["pointer"],
            pointer,
            "{question}"
        );
    }
    for question in [
        "month",
        "budget",
        "cash-flow",
        "net-worth",
        "net-worth?per=month",
        "cash-flow?from=2016-12&to=2026-11",
    ] {
        let defaults = ada.get(&format!("/api/v1/reports/{question}")).await;
        assert_eq!(defaults.status, 200, "{question}: {defaults:?}");
    }
    let nobody = Browser::new(&house.app).get("/api/v1/reports/month").await;
    assert_eq!(nobody.status, 401);
    house.end().await;
}

fn reports(house: &House) -> Vec<String> {
    let mails = house.world.mails().into_iter();
    mails
        .filter(|mail| mail.contains("Subject: Your month"))
        .collect()
}

#[tokio::test]
async fn the_month_is_reported_by_mail_once_when_it_has_ended_where_the_book_is_kept() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let mut eve = house.member("eve").await;
    let mut bob = house.member("bob").await;
    for owner in [&mut ada, &mut eve, &mut bob] {
        let bank = wallet(owner, "Bank", "JPY", 0).await;
        let food = category(owner, "Bread <3", "expense", None).await;
        moved(owner, "1970-01-20", &bank, -1250, Some(&food)).await;
    }
    let auckland = json!({ "time_zone": "Pacific/Auckland" });
    let no_reports = json!({ "monthly_report": false });
    for (owner, change) in [(&mut ada, auckland), (&mut eve, no_reports)] {
        let changed = owner.json("PATCH", "/api/v1/book", &ANY, &change).await;
        assert_eq!(changed.status, 200, "{changed:?}");
    }
    let book = found(&mut eve, "/api/v1/book").await;
    assert_eq!(book["monthly_report"], false);
    house.machine.fire("monthly_report").await;
    assert_eq!(reports(&house).len(), 0, "the month has not ended");

    // Midnight in New Zealand, whose clocks were 12 hours ahead, and noon in Greenwich.
    house
        .app
        .clock
        .advance(TimeDelta::days(30) + TimeDelta::hours(12) - TimeDelta::seconds(1));
    house.machine.fire("monthly_report").await;
    assert_eq!(reports(&house).len(), 0);
    house.app.clock.advance(TimeDelta::seconds(1));
    house.machine.fire("monthly_report").await;
    house.machine.fire("monthly_report").await;
    let mails = reports(&house);
    assert_eq!(mails.len(), 1);
    assert!(mails[0].contains("To: ada@example.org"), "{}", mails[0]);
    for text in ["January 1970", "JPY", "-1250", "Bread <3", "Bread &lt;3"] {
        assert!(mails[0].contains(text), "{text}: {}", mails[0]);
    }

    // A week of standstill later the others get theirs; who wants none gets none, whose month was empty as well.
    house.app.clock.advance(TimeDelta::days(7));
    house.machine.fire("monthly_report").await;
    house.machine.fire("monthly_report").await;
    let mails = reports(&house);
    assert_eq!(mails.len(), 2);
    assert!(
        mails
            .iter()
            .any(|mail| mail.contains("To: bob@example.org"))
    );
    house.app.clock.advance(TimeDelta::days(28));
    house.machine.fire("monthly_report").await;
    assert_eq!(reports(&house).len(), 2);
    house.end().await;
}

#[tokio::test]
async fn the_report_by_mail_leads_to_where_it_is_switched_off_and_to_the_month() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 0).await;
    moved(&mut ada, "1970-01-20", &bank, -10, None).await;
    moved(&mut ada, "1970-02-20", &bank, -10, None).await;
    house.machine.fire("monthly_report").await;
    house.later(31, &mut ada, "ada").await;
    house.machine.fire("monthly_report").await;

    let mails = reports(&house);
    assert_eq!(mails.len(), 1);
    let mail = mails[0].replace("\r\n", "\n").replace("=\n", "");
    let mail = mail.replace("=3D", "=").replace("&#x2f;", "/");
    let header = mail
        .lines()
        .find_map(|line| line.strip_prefix("List-Unsubscribe: <"));
    let address = header.and_then(|rest| rest.strip_suffix('>'));
    let address = address.expect("a header with an address");
    let site = address.strip_suffix("/profile/book").expect("a page");
    for (place, count) in [
        (format!("<a href=\"{address}\">turn it off</a>"), 1),
        (format!("settings of your book:\n{address}\n\n"), 1),
        (format!("{site}/month?month=1970-01"), 2),
    ] {
        assert_eq!(mail.matches(&place).count(), count, "{place}: {mail}");
    }
    // Others cannot be switched off.
    let others = house.world.mails().into_iter();
    let others = others.filter(|mail| mail.contains("List-Unsubscribe"));
    assert_eq!(others.count(), 1);

    let page = ada.get("/profile/book").await;
    assert!(
        page.body.contains("Send me a report of each month"),
        "{page:?}"
    );
    let fields = [
        ("base_currency", "EUR"),
        ("time_zone", "UTC"),
        ("month_start", "1"),
    ];
    assert_eq!(ada.form("/profile/book", &fields).await.status, 303);
    house.later(28, &mut ada, "ada").await;
    house.machine.fire("monthly_report").await;
    assert_eq!(reports(&house).len(), 1);
    house.end().await;
}

#[tokio::test]
async fn a_book_is_erased_with_what_moved_in_it_and_with_its_totals() {
    let mut house = House::new().await;
    let mut ada = house.member("ada").await;
    let mut bob = house.member("bob").await;
    for owner in [&mut ada, &mut bob] {
        let bank = wallet(owner, "Bank", "EUR", 100).await;
        let food = category(owner, "Bread", "expense", None).await;
        moved(owner, "2026-11-20", &bank, -10, Some(&food)).await;
    }
    house.machine.settle().await;
    let asked = ada.post("/api/v1/profile/deletion", &json!({})).await;
    assert_eq!(asked.status, 202, "{asked:?}");

    house.app.clock.advance(TimeDelta::days(15));
    house.machine.fire("erase_accounts").await;

    let pool = house.world.pool();
    for (table, left) in [
        ("SELECT count(*) FROM books", 1),
        ("SELECT count(*) FROM transactions", 2),
        ("SELECT count(*) FROM report_wallets", 2),
        ("SELECT count(*) FROM report_categories", 1),
        ("SELECT count(*) FROM jobs WHERE state <> 'done'", 0),
    ] {
        assert_eq!(house.world.number(&pool, table).await, left, "{table}");
    }
    pool.close().await;
    house.end().await;
}
