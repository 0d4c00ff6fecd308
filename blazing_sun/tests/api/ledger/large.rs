//! A book of a million transactions among ten thousand others: how PostgreSQL carries out what is asked of it, told by its plans
//! of the statements that really ran.

use std::collections::HashMap;

use crate::harness::{Browser, LargeBook, Plan, Plans, World, id_of};

use super::statements::addresses;
use super::{House, found, wallet};

/// How much there is.
const LARGE: LargeBook = LargeBook {
    transactions: 1_000_000,
    others: 10_000,
};

/// What is asked, and how many rows PostgreSQL may look at for it: several for each one that is shown, since a transaction is
/// shown with its wallets, categories, payee and tags.
const QUESTIONS: [(&str, u32); 58] = [
    // A page of 50, whatever it is narrowed down to, and wherever it begins.
    ("/api/v1/transactions", 700),
    ("/api/v1/transactions?after=2018-03-05.{first}", 700),
    ("/api/v1/transactions?limit=100", 1_400),
    ("/api/v1/transactions?from=2020-01-01&to=2020-01-31", 700),
    ("/api/v1/transactions?wallet_id={wallet}", 700),
    (
        "/api/v1/transactions?wallet_id={wallet}&after=2018-03-05.{first}",
        700,
    ),
    (
        "/api/v1/transactions?wallet_id={wallet}&from=2017-01-01&to=2017-12-31",
        700,
    ),
    ("/api/v1/transactions?wallet_id={quiet}", 20),
    ("/api/v1/transactions?payee_id={payee}", 700),
    ("/api/v1/transactions?status=cleared", 700),
    ("/api/v1/transactions?status=pending", 700),
    (
        "/api/v1/transactions?status=pending&after=2018-03-05.{first}",
        700,
    ),
    (
        "/api/v1/transactions?status=reconciled&wallet_id={wallet}",
        2_500,
    ),
    ("/transactions", 900),
    ("/transactions?wallet={wallet}", 900),
    // All that a category or a tag has, twice, and a page: a sixtieth, and a five-hundredth.
    ("/api/v1/transactions?category_id={category}", 40_000),
    (
        "/api/v1/transactions?category_id={category}&from=2017-01-01&to=2017-12-31",
        40_000,
    ),
    ("/api/v1/transactions?category_id={unused}", 300),
    ("/api/v1/transactions?tag_id={tag}", 6_000),
    (
        "/api/v1/transactions?tag_id={tag}&wallet_id={wallet}",
        60_000,
    ),
    // All that come to this, or have these words: none, few, and every fifteenth.
    ("/api/v1/transactions?least=1000000", 20),
    ("/api/v1/transactions?least=4711&most=4711", 2_000),
    ("/api/v1/transactions?text=nothing%20like%20it", 5_000),
    ("/api/v1/transactions?text=777777", 6_000),
    ("/api/v1/transactions?text=payee%20777", 10_000),
    ("/api/v1/transactions?text=garden", 150_000),
    (
        "/api/v1/transactions?text=garden&from=2020-01-01&to=2020-01-31",
        80_000,
    ),
    // What belongs to a book as a whole.
    ("/api/v1/book", 50),
    ("/api/v1/wallets", 50),
    ("/wallets", 100),
    ("/api/v1/wallets/{wallet}", 50),
    ("/api/v1/wallets/{wallet}/checks", 50),
    ("/api/v1/categories", 300),
    ("/api/v1/categories/{category}", 50),
    ("/api/v1/payees", 300),
    ("/api/v1/payees?text=payee%2077", 4_500),
    ("/api/v1/payees/{payee}", 50),
    ("/api/v1/tags", 200),
    ("/api/v1/tags/{tag}", 50),
    ("/api/v1/rules", 50),
    ("/api/v1/recurring", 50),
    ("/api/v1/trash", 50),
    ("/api/v1/rates", 300),
    ("/api/v1/rates?limit=100", 500),
    ("/api/v1/suggestions?text=note%20about%20bread", 100),
    // Both ways between two currencies: one of them finds nothing among all that were exchanged.
    ("/api/v1/net-worth", 11_000),
    ("/api/v1/forecast", 500),
    // Reports look at each day of a wallet or a category, twice with what it counts as, never at a transaction.
    ("/api/v1/reports/month", 3_000),
    ("/api/v1/reports/month?month=2019-02", 3_000),
    ("/month", 4_000),
    ("/api/v1/reports/budget", 3_000),
    ("/api/v1/reports/cash-flow", 60_000),
    ("/api/v1/reports/cash-flow?from=2017-01&to=2026-11", 600_000),
    ("/api/v1/reports/net-worth", 80_000),
    (
        "/api/v1/reports/net-worth?per=month&from=2017-01-01&to=2026-11-25",
        80_000,
    ),
    ("/api/v1/transactions/{first}", 50),
    ("/transactions/{first}", 200),
    ("/profile/book", 50),
];

/// What an address is filled with.
async fn names(house: &House, owner: &mut Browser) -> HashMap<&'static str, String> {
    let mut names = HashMap::new();
    let pool = house.world.pool();
    for (name, question) in [
        (
            "wallet",
            "SELECT id::text FROM wallets WHERE book_id = (SELECT book_id FROM wallets WHERE name = 'Bank') AND name = 'Wallet 7'",
        ),
        ("quiet", "SELECT id::text FROM wallets WHERE name = 'Bank'"),
        (
            "category",
            "SELECT id::text FROM categories WHERE book_id = (SELECT book_id FROM wallets WHERE name = 'Bank') AND name = 'Category 7'",
        ),
        (
            "payee",
            "SELECT id::text FROM payees WHERE book_id = (SELECT book_id FROM wallets WHERE name = 'Bank') AND name = 'Payee 7'",
        ),
        (
            "tag",
            "SELECT id::text FROM tags WHERE book_id = (SELECT book_id FROM wallets WHERE name = 'Bank') AND name = 'tag 7'",
        ),
    ] {
        let id = sqlx::query_scalar(question).fetch_one(&pool).await;
        names.insert(name, id.expect(name));
    }
    pool.close().await;
    let categories = found(owner, "/api/v1/categories").await;
    let mut categories = categories["categories"].as_array().expect("a list").iter();
    let unused = categories.find(|category| {
        !category["name"]
            .as_str()
            .unwrap_or_default()
            .starts_with("Category ")
    });
    names.insert("unused", super::id(unused.expect("one of the first day")));
    let transactions = found(owner, "/api/v1/transactions?limit=1").await;
    names.insert("first", super::id(&transactions["transactions"][0]));
    names
}

/// What is wrong with how something was carried out.
fn faults(plans: &[Plan], most: u32) -> Vec<String> {
    let mut faults = Vec::new();
    let rows: f64 = plans.iter().map(Plan::rows).sum();
    if plans.is_empty() || rows > f64::from(most) {
        faults.push(format!(
            "{rows} rows in {} statements, more than {most}",
            plans.len()
        ));
    }
    for plan in plans {
        for scan in plan.scans() {
            if scan.way.starts_with("Seq")
                || rows > f64::from(most) && scan.rows > f64::from(most) / 5.0
            {
                let table = scan.table.as_deref().unwrap_or("an index");
                faults.push(format!(
                    "{} of {table}: {} rows in {}",
                    scan.way, scan.rows, plan.statement
                ));
            }
        }
    }
    faults
}

#[tokio::test]
async fn with_a_million_transactions_in_a_book_everything_is_read_off_indexes_and_about_as_much_as_is_shown()
 {
    let (world, plans) = Plans::of(World::solo().await).await;
    let mut house = House::of(world).await.dated("2026-11-25");
    let mut ada = house.member("ada").await;
    wallet(&mut ada, "Bank", "EUR", 100).await;
    house.machine.settle().await;
    let owner = id_of(&house.world, "ada@example.org").await;
    let pool = house.world.pool();
    LARGE.fill(&pool, &owner.to_string()).await;
    pool.close().await;
    house.machine.rebuild("reports").await;
    let names = names(&house, &mut ada).await;

    let mut asked = Vec::new();
    let mut wrong = Vec::new();
    for (question, most) in QUESTIONS {
        let mut path = question.to_owned();
        for (name, value) in &names {
            path = path.replace(&format!("{{{name}}}"), value);
        }
        plans.take();
        let answer = ada.get(&path).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        let plans = plans.take();
        eprintln!(
            "{:>9.0} of {most:>6}  {question}",
            plans.iter().map(Plan::rows).sum::<f64>()
        );
        let faults = faults(&plans, most);
        if !faults.is_empty() {
            wrong.push(format!("{question}: {}", faults.join("\n    ")));
        }
        asked.push(question.split('?').next().unwrap_or_default());
    }

    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let forgotten: Vec<String> = addresses()
        .into_iter()
        .filter(|address| !address.contains('{') && !asked.contains(&address.as_str()))
        .collect();
    assert!(forgotten.is_empty(), "nobody asks for {forgotten:?} here");
    house.end().await;
}
