//! The categories that a new book starts with: few enough to see at a glance, for everybody to make their own.

use crate::flow::ctx::Tx;
use crate::flow::outbox::{self, Refused};
use crate::kernel::id::Id;
use crate::ledger::books::Book;
use crate::ledger::categories::category::{Category, CategoryKind};
use crate::ledger::categories::repo;
use crate::ledger::events::CategoryCreated;

/// Name, colour, icon, and the names of its parts.
type Start = (
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);

const EXPENSES: [Start; 9] = [
    (
        "Home",
        "#8a6d3b",
        "home",
        &["Rent", "Energy", "Furnishing", "Repairs"],
    ),
    (
        "Food",
        "#2e7d32",
        "basket",
        &["Groceries", "Restaurants", "Coffee"],
    ),
    (
        "Transport",
        "#1565c0",
        "train",
        &["Public transport", "Car", "Fuel", "Taxi"],
    ),
    (
        "Health",
        "#c62828",
        "heart",
        &["Doctor", "Pharmacy", "Sport"],
    ),
    (
        "Insurance and fees",
        "#546e7a",
        "shield",
        &["Insurance", "Bank fees", "Taxes"],
    ),
    ("Communication", "#6a1b9a", "phone", &["Mobile", "Internet"]),
    (
        "Leisure",
        "#ef6c00",
        "ticket",
        &["Culture", "Hobbies", "Subscriptions", "Travel"],
    ),
    ("Shopping", "#ad1457", "bag", &["Clothes", "Electronics"]),
    ("Gifts and donations", "#00838f", "gift", &[]),
];

const INCOMES: [Start; 4] = [
    ("Salary", "#2e7d32", "briefcase", &[]),
    ("Interest and dividends", "#1565c0", "chart", &[]),
    ("Gifts received", "#00838f", "gift", &[]),
    ("Other income", "#546e7a", "plus", &[]),
];

/// Makes them.
pub async fn start(tx: &mut Tx, book: Id<Book>) -> Result<(), Refused> {
    let now = tx.now();
    let mut categories = Vec::new();
    let both = [
        (CategoryKind::Expense, EXPENSES.as_slice()),
        (CategoryKind::Income, INCOMES.as_slice()),
    ];
    for (kind, (name, color, icon, parts)) in both
        .into_iter()
        .flat_map(|(kind, starts)| starts.iter().map(move |start| (kind, *start)))
    {
        let category = |name: &str, parent_id| {
            let id = Id::new();
            Category {
                id,
                counts_as: id,
                parent_id,
                name: name.to_owned(),
                kind,
                color: color.to_owned(),
                icon: icon.to_owned(),
                merged_into: None,
                archived_at: None,
                version: 1,
                created_at: now,
            }
        };
        let whole = category(name, None);
        let parent = Some(whole.id);
        categories.push(whole);
        categories.extend(parts.iter().map(|part| category(part, parent)));
    }
    repo::insert(tx, book, &categories).await?;
    for category in &categories {
        outbox::emit(tx, &CategoryCreated::of(book, category)).await?;
    }
    Ok(())
}
