//! What moved in categories that have a budget, in the base currency: each sum at the newest rate of its month's last day or
//! before.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use uuid::Uuid;

use crate::kernel::id::Id;
use crate::ledger::books::{Book, Month};
use crate::ledger::categories::Category;
use crate::ledger::rates::{Exchange, Newest, Wanted};
use crate::ledger::reports::month::counts;
use crate::ledger::reports::repo::Said;

/// What moved in a category, its parts among it, in a month and a currency.
#[derive(Debug)]
pub struct Moved {
    /// The category.
    pub category_id: Uuid,
    /// The month.
    pub month: Month,
    /// The currency.
    pub currency: String,
    /// How many digits its minor unit has.
    pub exponent: i16,
    /// How much, in minor units; negative: out.
    pub amount: i128,
}

/// What moved, by category and month, and what there is no rate for.
#[derive(Debug, Default)]
pub struct Converted {
    /// In minor units of the base currency.
    pub moved: BTreeMap<(Uuid, Month), i128>,
    /// As it is.
    pub apart: Vec<Moved>,
}

/// What moved in these categories, of what was said and of the categories as they are now: what was merged counts where it leads,
/// and what is part of a category counts in it, too.
#[must_use]
pub fn moved(
    said: &[Said],
    categories: &[Category],
    of: &[Uuid],
    digits: impl Fn(&str) -> i16,
) -> Vec<Moved> {
    let known = categories.iter();
    let known: BTreeMap<Uuid, &Category> = known.map(|one| (one.id.uuid(), one)).collect();
    let mut sums: BTreeMap<(Uuid, Month, &str), i128> = BTreeMap::new();
    for cell in said {
        let Some(category) = counts(cell, &known) else {
            continue;
        };
        let whole = category.parent_id.map(Id::uuid);
        for id in [Some(category.id.uuid()), whole].into_iter().flatten() {
            if of.contains(&id) {
                let sum = sums.entry((id, cell.month, &cell.currency)).or_default();
                *sum += cell.money_in + cell.money_out;
            }
        }
    }
    let moved = sums.into_iter();
    let moved = moved.map(|((category_id, month, currency), amount)| Moved {
        category_id,
        month,
        currency: currency.to_owned(),
        exponent: digits(currency),
        amount,
    });
    moved.collect()
}

/// The rates that are wanted for what moved: one of each currency and month.
#[must_use]
pub fn wanted(book: &Book, today: NaiveDate, moved: &[Moved]) -> Vec<Wanted> {
    let base = book.base_currency.as_str();
    let others = moved.iter().filter(|moved| moved.currency != base);
    let keys: BTreeSet<(&str, NaiveDate)> = others
        .map(|moved| (moved.currency.as_str(), day(book, today, moved.month)))
        .collect();
    keys.into_iter()
        .map(|(currency, day)| Wanted {
            currency: currency.to_owned(),
            day,
        })
        .collect()
}

/// Converts what moved with the rates that were found for what is wanted, in its order.
#[must_use]
pub fn convert(
    book: &Book,
    today: NaiveDate,
    moved: Vec<Moved>,
    rates: &[(Wanted, Option<Newest>)],
) -> Converted {
    let base = book.base_currency.as_str();
    let exchange = Exchange {
        exponent: book.base_currency.exponent(),
    };
    let mut all = Converted::default();
    for moved in moved {
        let worth = if moved.currency == base {
            Some(moved.amount)
        } else {
            let day = day(book, today, moved.month);
            let is_its = |rate: &&(Wanted, Option<Newest>)| {
                rate.0.currency == moved.currency && rate.0.day == day
            };
            let newest = rates.iter().find(is_its);
            newest
                .and_then(|(_, newest)| newest.as_ref())
                .and_then(|newest| exchange.convert(newest, moved.amount, moved.exponent))
        };
        match worth {
            Some(worth) => {
                *all.moved
                    .entry((moved.category_id, moved.month))
                    .or_default() += worth;
            }
            None => all.apart.push(moved),
        }
    }
    all
}

/// The day of which the rate counts: the month's last, or today while it goes on.
fn day(book: &Book, today: NaiveDate, month: Month) -> NaiveDate {
    today.min(month.last_day(book.month_start))
}
