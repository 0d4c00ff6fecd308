//! Net worth: what there was at the end of days, openings and adjustments included.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::ledger::books::{Month, MonthStart};
use crate::ledger::reports::repo::Moved;

/// A currency and how many digits its minor unit has.
pub type Denomination = (String, i16);

/// What there was at the end of each of these days, which are in order, of what moved up to the last of them.
#[must_use]
pub fn at(days: &[NaiveDate], moved: &[Moved]) -> BTreeMap<Denomination, Vec<(NaiveDate, i128)>> {
    let mut movements: BTreeMap<Denomination, Vec<&Moved>> = BTreeMap::new();
    for one in moved {
        let denomination = (one.currency.clone(), one.exponent);
        movements.entry(denomination).or_default().push(one);
    }
    let mut curves = BTreeMap::new();
    for (denomination, mut moved) in movements {
        moved.sort_by_key(|one| one.date);
        let (mut moved, mut worth) = (moved.into_iter().peekable(), 0);
        let curve = days.iter().map(|day| {
            while let Some(one) = moved.next_if(|one| one.date <= *day) {
                worth += one.amount;
            }
            (*day, worth)
        });
        curves.insert(denomination, curve.collect());
    }
    curves
}

/// Each day from one to another.
#[must_use]
pub fn each_day(from: NaiveDate, to: NaiveDate) -> Vec<NaiveDate> {
    from.iter_days().take_while(|day| *day <= to).collect()
}

/// The last day of each month from one day to another, and the last of these days.
#[must_use]
pub fn each_month(from: NaiveDate, to: NaiveDate, start: MonthStart) -> Vec<NaiveDate> {
    let (first, last) = (Month::of(from, start), Month::of(to, start));
    let ends = (0..=first.until(last)).map(|n| first.plus(n).last_day(start).min(to));
    ends.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    fn moved(currency: &str, date: &str, amount: i128) -> Moved {
        Moved {
            currency: currency.to_owned(),
            exponent: 2,
            date: day(date),
            amount,
        }
    }

    #[test]
    fn what_moved_counts_from_its_day_on() {
        let days = each_day(day("2026-11-01"), day("2026-11-04"));
        let moved = [
            moved("EUR", "2026-11-01", 100),
            moved("USD", "2026-11-04", 5),
            moved("EUR", "2026-11-03", -30),
        ];

        let curves = at(&days, &moved);

        let amounts = |currency: &str| -> Vec<i128> {
            let curve = &curves[&(currency.to_owned(), 2)];
            curve.iter().map(|(_, amount)| *amount).collect()
        };
        assert_eq!(amounts("EUR"), [100, 100, 70, 70]);
        assert_eq!(amounts("USD"), [0, 0, 0, 5]);
    }

    #[test]
    fn months_end_on_their_last_day_and_the_last_one_with_the_question() {
        let start = 25.try_into().expect("a day that every month has");
        let ends = each_month(day("2026-10-24"), day("2026-11-30"), start);
        assert_eq!(ends, ["2026-10-24", "2026-11-24", "2026-11-30"].map(day));
    }
}
