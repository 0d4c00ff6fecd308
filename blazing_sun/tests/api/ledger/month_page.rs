//! The page of a month, as a browser without scripts shows it.

use chrono::TimeDelta;
use serde_json::json;

use super::{House, found, id, made, wallet};
use crate::harness::Browser;

const ANY: [(&str, &str); 1] = [("if-match", "*")];

async fn category(owner: &mut Browser, name: &str, kind: &str, parent: Option<&str>) -> String {
    let body = json!({ "name": name, "kind": kind, "parent_id": parent });
    id(&made(owner, "/api/v1/categories", &body).await)
}

async fn moved(owner: &mut Browser, date: &str, wallet: &str, amount: i64, category: Option<&str>) {
    let body =
        json!({ "date": date, "wallet_id": wallet, "amount": amount, "category_id": category });
    made(owner, "/api/v1/transactions", &body).await;
}

async fn change_book(owner: &mut Browser, change: serde_json::Value) {
    let changed = owner.json("PATCH", "/api/v1/book", &ANY, &change).await;
    assert_eq!(changed.status, 200, "{changed:?}");
}

/// A page as a browser reads it: without tags, and each space as one.
fn read(html: &str) -> String {
    let mut text = String::new();
    for part in html.split('<') {
        let (_, after) = part.split_once('>').unwrap_or_default();
        text.push(' ');
        text.push_str(after);
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace("&lt;", "<").replace("&#x27;", "'")
}

async fn page(owner: &mut Browser, path: &str) -> (String, String) {
    let answer = owner.get(path).await;
    assert_eq!(answer.status, 200, "{path}");
    let html = answer.body.replace("&#x2f;", "/").replace("&amp;", "&");
    (read(&html), html)
}

#[tokio::test]
async fn a_month_shows_what_came_in_what_went_out_and_what_for() {
    let mut house = House::on("2026-11-25").await;
    let mut ada = house.member("ada").await;
    let mut eve = house.member("eve").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 50_000).await;
    let dinar = wallet(&mut ada, "Dinar", "BHD", 0).await;
    let pay = category(&mut ada, "Pay", "income", None).await;
    let garden = category(&mut ada, "Garden <3", "expense", None).await;
    let seeds = category(&mut ada, "Seeds", "expense", Some(&garden)).await;
    let shoes = category(&mut ada, "Shoes", "expense", None).await;
    for (date, amount, category) in [
        ("2026-11-01", 300_000, Some(&pay)),
        ("2026-11-02", -100_000, Some(&garden)),
        ("2026-11-30", -50_050, Some(&seeds)),
        ("2026-11-30", 50, Some(&seeds)),
        ("2026-11-05", -50_000, None),
        ("2026-11-06", 70_000, Some(&shoes)),
        ("2026-10-31", -999, Some(&garden)),
    ] {
        moved(&mut ada, date, &bank, amount, category.map(String::as_str)).await;
    }
    moved(&mut ada, "2026-11-11", &dinar, -1500, Some(&garden)).await;
    house.machine.settle().await;

    let (text, html) = page(&mut ada, "/month?month=2026-11").await;

    for shown in [
        "November 2026",
        "Income 3000.00 EUR Expense -1300.00 EUR What is left 1700.00 EUR",
        // What came back for shoes is no share of what went out, and makes no other share larger.
        "Garden <3 75 % -1500.00 Seeds 25 % -500.00 Shoes 700.00 Without a category 25 % -500.00",
        "Pay 100 % 3000.00",
        "Income 0.000 BHD Expense -1.500 BHD What is left -1.500 BHD",
    ] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    assert!(html.contains("value=\"75\"") && !html.contains("style="));
    let (dinars, euros) = (text.find("BHD"), text.find("EUR"));
    assert!(euros < dinars, "the book's own currency comes first");
    assert!(!text.contains("figures yet"), "{text}");
    // What a figure is made of is one step away.
    for (category, listed, not_listed) in [
        (&seeds, ["-500.50 EUR", "0.50 EUR"], "-1000.00 EUR"),
        (&garden, ["-1000.00 EUR", "-500.50 EUR"], "-9.99 EUR"),
    ] {
        let link = format!("/transactions?category={category}&from=2026-11-01&to=2026-11-30");
        assert!(html.contains(&format!("href=\"{link}\"")), "{link}");
        let (list, _) = page(&mut ada, &link).await;
        assert!(listed.iter().all(|amount| list.contains(amount)), "{list}");
        assert!(!list.contains(not_listed), "{list}");
    }
    let (hers, _) = page(&mut eve, "/month?month=2026-11").await;
    assert!(hers.contains("Nothing came in or went out"), "{hers}");
    house.end().await;
}

#[tokio::test]
async fn a_month_shows_what_became_of_its_budgets() {
    let mut house = House::on("2026-11-25").await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 0).await;
    let dollars = wallet(&mut ada, "Dollars", "USD", 0).await;
    let garden = category(&mut ada, "Garden", "expense", None).await;
    let seeds = category(&mut ada, "Seeds", "expense", Some(&garden)).await;
    let pay = category(&mut ada, "Pay", "income", None).await;
    for (month, category, amount, rollover) in [
        ("2026-10", &garden, 10_000, false),
        ("2026-11", &garden, 10_000, true),
        ("2026-11", &seeds, 5000, false),
        ("2026-11", &pay, 90_000, false),
    ] {
        let body = json!({ "month": month, "category_id": category, "amount": amount, "rollover": rollover });
        made(&mut ada, "/api/v1/budgets", &body).await;
    }
    moved(&mut ada, "2026-10-02", &bank, -13_000, Some(&garden)).await;
    moved(&mut ada, "2026-11-02", &bank, -6000, Some(&seeds)).await;
    moved(&mut ada, "2026-11-02", &bank, 500, Some(&seeds)).await;
    moved(&mut ada, "2026-11-03", &dollars, -1234, Some(&seeds)).await;
    moved(&mut ada, "2026-11-03", &bank, 45_000, Some(&pay)).await;
    house.machine.settle().await;

    let (text, html) = page(&mut ada, "/month").await;

    for shown in [
        "Garden 78 % used 100.00 EUR less 30.00 from the month before 55.00 EUR 15.00 EUR",
        "Garden: Seeds Overspent 110 % used 50.00 EUR 55.00 EUR -5.00 EUR",
        "Pay 50 % used 900.00 EUR 450.00 EUR 450.00 EUR",
        "no exchange rate for it: -12.34 USD for Garden -12.34 USD for Garden: Seeds",
    ] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    assert!(html.contains("class=\"over\" min=\"0\" max=\"100\" value=\"100\""));
    let (text, _) = page(&mut ada, "/month?month=2026-12").await;
    assert!(!text.contains("Budgets"), "{text}");
    house.end().await;
}

#[tokio::test]
async fn months_are_those_of_the_book_and_each_leads_to_its_neighbours() {
    let mut house = House::on("2026-11-24").await;
    let mut ada = house.member("ada").await;
    let bank = wallet(&mut ada, "Bank", "EUR", 0).await;
    let shoes = category(&mut ada, "Shoes", "expense", None).await;
    moved(&mut ada, "2026-10-24", &bank, -1, Some(&shoes)).await;
    moved(&mut ada, "2026-10-25", &bank, -10, Some(&shoes)).await;
    moved(&mut ada, "2026-11-24", &bank, -100, Some(&shoes)).await;
    moved(&mut ada, "2026-11-25", &bank, -1000, Some(&shoes)).await;
    change_book(&mut ada, json!({ "month_start": 25 })).await;
    house.machine.settle().await;

    let (text, html) = page(&mut ada, "/month").await;

    assert!(text.contains("25 October to 24 November 2026"), "{text}");
    assert!(text.contains("Expense -1.10 EUR"), "{text}");
    let link = format!("/transactions?category={shoes}&from=2026-10-25&to=2026-11-24");
    assert!(html.contains(&link), "{html}");
    assert!(!text.contains("This month"));
    for (rel, month) in [("prev", "2026-09"), ("next", "2026-11")] {
        let link = format!("href=\"/month?month={month}\" rel=\"{rel}\"");
        assert!(html.contains(&link), "{link}");
    }
    let (text, html) = page(&mut ada, "/month?month=2026-11").await;
    assert!(text.contains("Expense -10.00 EUR"), "{text}");
    assert!(html.contains("<a href=\"/month\">This month</a>"));
    // Today is the next day there, and so the next month.
    change_book(&mut ada, json!({ "time_zone": "Pacific/Kiritimati" })).await;
    let (text, _) = page(&mut ada, "/month?month=").await;
    assert!(text.contains("25 November to 24 December 2026"), "{text}");
    for (edge, rel) in [("1900-01", "prev"), ("2200-12", "next")] {
        let (_, html) = page(&mut ada, &format!("/month?month={edge}")).await;
        assert!(!html.contains(&format!("rel=\"{rel}\"")), "{edge}");
    }
    house.end().await;
}

#[tokio::test]
async fn an_empty_month_says_so_and_what_is_no_month_is_told() {
    let mut house = House::on("2026-11-25").await;
    let mut ada = house.member("ada").await;

    let (text, html) = page(&mut ada, "/month").await;
    assert!(text.contains("Nothing came in or went out in this month. Write something down"));
    assert!(html.contains("href=\"/transactions#new\""), "{html}");
    for nonsense in ["2026-13", "november", "2026-11-25", "%3Cb%3E"] {
        let answer = ada.get(&format!("/month?month={nonsense}")).await;
        assert_eq!(answer.status, 422, "{nonsense}");
        let text = read(&answer.body);
        assert!(text.contains("Is not a month such as 2026-11"), "{text}");
        assert!(!answer.body.contains("<b>") && !text.contains("Nothing came in"));
    }
    house.end().await;
}

#[tokio::test]
async fn figures_that_lag_say_since_when_by_the_clocks_of_whoever_looks() {
    let mut house = House::on("2026-11-25").await;
    let mut ada = house.member("ada").await;
    let zone = json!({ "time_zone": "Europe/Berlin" });
    let changed = ada.json("PATCH", "/api/v1/profile", &ANY, &zone).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let bank = wallet(&mut ada, "Bank", "EUR", 0).await;
    house.machine.settle().await;
    house.app.clock.advance(TimeDelta::minutes(10));
    moved(&mut ada, "2026-11-05", &bank, -70, None).await;
    house.app.clock.advance(TimeDelta::minutes(10));

    let (text, html) = page(&mut ada, "/month?month=2026-11").await;
    let told = "since 25 Nov 2026, 13:10 is still being added up, and is not in these figures yet. Look again";
    assert!(text.contains(told), "{text}");
    assert!(html.contains("<a href=\"/month?month=2026-11\">Look again</a>"));

    house.machine.settle().await;
    let (text, _) = page(&mut ada, "/month?month=2026-11").await;
    assert!(!text.contains("figures yet"), "{text}");
    assert!(text.contains("Expense -0.70 EUR"), "{text}");
    let book = found(&mut ada, "/api/v1/book").await;
    assert_eq!(book["time_zone"], "Europe/Berlin");
    house.end().await;
}

#[tokio::test]
async fn the_settings_of_a_book_are_changed_on_a_page() {
    let mut house = House::on("2026-11-25").await;
    let mut ada = house.member("ada").await;
    let (_, html) = page(&mut ada, "/profile/book").await;
    assert!(html.contains("value=\"yes\" checked"), "{html}");
    let mut fields = vec![
        ("base_currency", "USD"),
        ("time_zone", "Asia/Tokyo"),
        ("month_start", "15"),
    ];

    let saved = ada.form("/profile/book", &fields).await;
    assert_eq!(
        (saved.status, saved.header("location")),
        (303, Some("/profile/book"))
    );
    let book = found(&mut ada, "/api/v1/book").await;
    assert_eq!(
        [
            &book["base_currency"],
            &book["time_zone"],
            &book["month_start"],
            &book["monthly_report"]
        ],
        [
            &json!("USD"),
            &json!("Asia/Tokyo"),
            &json!(15),
            &json!(false)
        ]
    );
    let (text, html) = page(&mut ada, "/profile/book").await;
    assert!(text.contains("The settings of your book are saved."));
    assert!(!html.contains("value=\"yes\" checked"), "{html}");
    assert!(html.contains("<option value=\"15\" selected>"), "{html}");

    fields.push(("monthly_report", "yes"));
    assert_eq!(ada.form("/profile/book", &fields).await.status, 303);
    let book = found(&mut ada, "/api/v1/book").await;
    assert_eq!(book["monthly_report"], true);
    for wrong in ["29", "0", "first", ""] {
        fields[2] = ("month_start", wrong);
        let again = ada.form("/profile/book", &fields).await;
        assert_eq!(again.status, 422, "{wrong}");
        assert!(again.body.contains("Is not a day from 1 to 28."), "{wrong}");
    }
    house.end().await;
}
