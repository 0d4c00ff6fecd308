//! What the demo means to do: budgets, what comes again, and what its purses are.

use chrono::{Datelike, Days, NaiveDate};

use crate::ledger::demo::deed::{Deed, Purse};
use crate::ledger::demo::regular::{PUT_ASIDE, STANDING};
use crate::ledger::wallets::WalletKind;

/// How many months have budgets, besides the one that goes on.
pub const BUDGETED_MONTHS: u32 = 12;

/// What a month's budget is: a category, how much, and whether what is left moves on.
pub const BUDGETS: [(&str, i64, bool); 7] = [
    ("Groceries", 40_000, false),
    ("Restaurants", 32_000, false),
    ("Coffee", 6_000, false),
    ("Clothes", 5_000, true),
    ("Culture", 3_500, true),
    ("Gifts and donations", 4_000, true),
    ("Public transport", 6_000, false),
];

impl Purse {
    /// What its owner calls it, what it is, and what is in it.
    #[must_use]
    pub const fn wallet(self) -> (&'static str, WalletKind, &'static str) {
        match self {
            Self::Everyday => ("Everyday account", WalletKind::Bank, "EUR"),
            Self::Savings => ("Rainy days", WalletKind::Savings, "EUR"),
            Self::Cash => ("Cash", WalletKind::Cash, "EUR"),
            Self::Card => ("Credit card", WalletKind::Card, "EUR"),
            Self::Pounds => ("Travel card", WalletKind::Card, "GBP"),
        }
    }
}

/// What comes again each month, on the next day on which it does: what is past was told.
#[must_use]
pub fn coming(today: NaiveDate) -> Vec<Deed> {
    let standing = STANDING.iter();
    let mut coming: Vec<Deed> = standing
        .map(|it| {
            Deed::plain(
                next(today, it.day),
                it.purse,
                it.payee,
                it.category,
                it.later,
            )
        })
        .collect();
    let (from, to) = ((Purse::Everyday, PUT_ASIDE), (Purse::Savings, PUT_ASIDE));
    coming.push(Deed::moved(next(today, 2), from, to, "Standing order"));
    coming
}

/// The next day after today that has this number in its month, which every month has.
fn next(today: NaiveDate, number: u32) -> NaiveDate {
    let mut day = today + Days::new(1);
    while day.day() != number {
        day = day + Days::new(1);
    }
    day
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_again_begins_after_today_and_within_a_month() {
        for today in ["2026-11-25", "2026-11-27", "2027-01-31", "2028-02-29"] {
            let today: NaiveDate = today.parse().expect("a day");
            for deed in coming(today) {
                let days = (deed.date - today).num_days();
                assert!((1..=31).contains(&days), "{deed:?}");
            }
        }
        assert!(STANDING.iter().all(|it| it.day <= 28));
    }
}
