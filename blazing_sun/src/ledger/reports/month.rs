//! A month by category: what was merged counts where it leads, and a category counts with its parts.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use uuid::Uuid;

use crate::ledger::categories::{Category, CategoryKind};
use crate::ledger::reports::repo::Said;

/// One currency's month.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sheet {
    /// What came in, less what was given back.
    pub income: i128,
    /// What went out, negative, less what was refunded.
    pub expense: i128,
    /// What that was for: income first, the most first.
    pub categories: Vec<Share>,
}

/// What one category comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// The category; none for what was not said.
    pub category_id: Option<Uuid>,
    /// Which way its money goes.
    pub kind: CategoryKind,
    /// What it comes to with its parts.
    pub amount: i128,
    /// How many lines that is, with its parts.
    pub count: i64,
    /// What its parts come to, the most first.
    pub parts: Vec<Part>,
}

/// What a part of a category comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The category.
    pub category_id: Uuid,
    /// What it comes to.
    pub amount: i128,
    /// How many lines that is.
    pub count: i64,
}

/// Where in a sheet something of a cell has its place.
struct Placed<'a> {
    currency: &'a str,
    kind: CategoryKind,
    whole: Option<Uuid>,
    part: Option<Uuid>,
    amount: i128,
    count: i64,
}

/// What a category or a part of it comes to so far.
#[derive(Default)]
struct Sum {
    amount: i128,
    count: i64,
    parts: BTreeMap<Uuid, Sum>,
}

impl Sum {
    fn add(&mut self, placed: &Placed<'_>) {
        self.amount += placed.amount;
        self.count += placed.count;
    }
}

/// The months of all currencies, of what was said and of the categories as they are now.
#[must_use]
pub fn by_category(said: &[Said], categories: &[Category]) -> BTreeMap<String, Sheet> {
    let known: BTreeMap<Uuid, &Category> = categories
        .iter()
        .map(|category| (category.id.uuid(), category))
        .collect();
    let mut sums: BTreeMap<(&str, bool, Option<Uuid>), Sum> = BTreeMap::new();
    for placed in said.iter().flat_map(|cell| place(cell, &known)) {
        let is_expense = placed.kind == CategoryKind::Expense;
        let key = (placed.currency, is_expense, placed.whole);
        let sum = sums.entry(key).or_default();
        sum.add(&placed);
        if let Some(part) = placed.part {
            sum.parts.entry(part).or_default().add(&placed);
        }
    }
    let mut sheets: BTreeMap<String, Sheet> = BTreeMap::new();
    for ((currency, is_expense, category_id), sum) in sums {
        let sheet = sheets.entry(currency.to_owned()).or_default();
        let kind = if is_expense {
            sheet.expense += sum.amount;
            CategoryKind::Expense
        } else {
            sheet.income += sum.amount;
            CategoryKind::Income
        };
        sheet.categories.push(share(category_id, kind, sum));
    }
    for sheet in sheets.values_mut() {
        sheet.categories.sort_by_key(|share| {
            let is_expense = share.kind == CategoryKind::Expense;
            (is_expense, Reverse(share.amount.abs()), share.category_id)
        });
    }
    sheets
}

/// What people call a month, by its first and its last day.
#[must_use]
pub fn called((from, last): (NaiveDate, NaiveDate)) -> String {
    if from.day() == 1 {
        return from.format("%B %Y").to_string();
    }
    let (from, last) = (from.format("%-d %B"), last.format("%-d %B %Y"));
    format!("{from} to {last}")
}

/// The category that something counts for, if it is for one: what was merged counts where it leads.
pub fn counts<'a>(cell: &Said, known: &BTreeMap<Uuid, &'a Category>) -> Option<&'a Category> {
    let said = known.get(&cell.category_id?)?;
    known.get(&said.counts_as.uuid()).copied()
}

/// The places of a cell: one, but for what was not said, which may have gone both ways.
fn place<'a>(cell: &'a Said, known: &BTreeMap<Uuid, &Category>) -> Vec<Placed<'a>> {
    let placed = |kind, amount, count| Placed {
        currency: &cell.currency,
        kind,
        whole: None,
        part: None,
        amount,
        count,
    };
    match counts(cell, known) {
        None => [
            placed(CategoryKind::Income, cell.money_in, cell.lines_in),
            placed(CategoryKind::Expense, cell.money_out, cell.lines_out),
        ]
        .into_iter()
        .filter(|placed| placed.count > 0)
        .collect(),
        Some(counts) => vec![Placed {
            whole: Some(counts.parent_id.unwrap_or(counts.id).uuid()),
            part: counts.parent_id.map(|_| counts.id.uuid()),
            ..placed(
                counts.kind,
                cell.money_in + cell.money_out,
                cell.lines_in + cell.lines_out,
            )
        }],
    }
}

fn share(category_id: Option<Uuid>, kind: CategoryKind, sum: Sum) -> Share {
    let part = |(category_id, sum): (Uuid, Sum)| Part {
        category_id,
        amount: sum.amount,
        count: sum.count,
    };
    let mut parts: Vec<Part> = sum.parts.into_iter().map(part).collect();
    parts.sort_by_key(|part| (Reverse(part.amount.abs()), part.category_id));
    Share {
        category_id,
        kind,
        amount: sum.amount,
        count: sum.count,
        parts,
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::kernel::id::Id;

    fn category(
        number: u128,
        kind: CategoryKind,
        parent: Option<u128>,
        counts_as: u128,
    ) -> Category {
        let id = |number| Id::from(Uuid::from_u128(number));
        Category {
            id: id(number),
            parent_id: parent.map(id),
            name: number.to_string(),
            kind,
            color: "#000000".to_owned(),
            icon: "x".to_owned(),
            merged_into: (number != counts_as).then(|| id(counts_as)),
            counts_as: id(counts_as),
            archived_at: None,
            version: 1,
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    fn said(category: Option<u128>, currency: &str, money_in: i128, money_out: i128) -> Said {
        Said {
            month: "2026-11".parse().expect("a month"),
            category_id: category.map(Uuid::from_u128),
            currency: currency.to_owned(),
            money_in,
            money_out,
            lines_in: i64::from(money_in > 0),
            lines_out: i64::from(money_out < 0),
        }
    }

    #[test]
    fn parts_and_what_was_merged_count_in_their_whole() {
        let categories = [
            category(1, CategoryKind::Expense, None, 1),
            category(2, CategoryKind::Expense, Some(1), 2),
            category(3, CategoryKind::Expense, None, 2),
            category(4, CategoryKind::Income, None, 4),
        ];
        let cells = [
            said(Some(1), "EUR", 0, -100),
            said(Some(2), "EUR", 0, -20),
            said(Some(3), "EUR", 5, -10),
            said(Some(4), "EUR", 1000, 0),
            said(Some(4), "JPY", 7, 0),
        ];

        let sheets = by_category(&cells, &categories);

        let euro = &sheets["EUR"];
        assert_eq!((euro.income, euro.expense), (1000, -125));
        let of = |share: &Share| {
            (
                share.category_id.map(|id| id.as_u128()),
                share.amount,
                share.count,
            )
        };
        assert_eq!(
            euro.categories.iter().map(of).collect::<Vec<_>>(),
            [(Some(4), 1000, 1), (Some(1), -125, 4)]
        );
        let part = Part {
            category_id: Uuid::from_u128(2),
            amount: -25,
            count: 3,
        };
        assert_eq!(euro.categories[1].parts, [part]);
        assert_eq!((sheets["JPY"].income, sheets["JPY"].expense), (7, 0));
    }

    #[test]
    fn what_was_not_said_counts_by_its_sign_and_a_refund_in_its_category() {
        let categories = [category(1, CategoryKind::Expense, None, 1)];
        let cells = [said(None, "EUR", 30, -70), said(Some(1), "EUR", 9, 0)];

        let sheets = by_category(&cells, &categories);

        assert_eq!((sheets["EUR"].income, sheets["EUR"].expense), (30, -61));
    }
}
