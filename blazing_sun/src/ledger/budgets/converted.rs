//! What moved in categories, in the base currency: each sum at the newest rate of its month's last day or before.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};
use uuid::Uuid;

use crate::ledger::books::Book;
use crate::ledger::budgets::month::Month;
use crate::ledger::budgets::repo::Moved;
use crate::ledger::rates::{Exchange, Newest, Wanted};

/// What moved, by category and month, and what there is no rate for.
#[derive(Debug, Default)]
pub struct Converted {
    /// In minor units of the base currency.
    pub moved: BTreeMap<(Uuid, Month), i128>,
    /// As it is.
    pub apart: Vec<Moved>,
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
    let (_, after) = month.days(book.month_start.day());
    today.min(after - Days::new(1))
}
