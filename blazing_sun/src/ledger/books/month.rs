//! The months of a book, which begin on a day of its own.

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, Days, NaiveDate};

use crate::ledger::books::book::MonthStart;

/// The years whose months have a name here.
const YEARS: std::ops::RangeInclusive<i32> = 1900..=2200;

/// A month, by the name of the calendar's month in which it begins. Counted from the beginning of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month(i32);

/// Why a text is no month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a month such as 2026-11, from 1900 to 2200")]
pub struct NotAMonth;

impl Month {
    /// The month of a book that a day is in.
    #[must_use]
    pub fn of(day: NaiveDate, start: MonthStart) -> Self {
        let number = day.year() * 12 + day.month0().cast_signed();
        let has_begun = day.day() >= u32::from(start.day().unsigned_abs());
        Self(number - i32::from(!has_begun))
    }

    /// Its first day.
    #[must_use]
    pub fn first_day(self, start: MonthStart) -> NaiveDate {
        let (year, month0) = (self.0.div_euclid(12), self.0.rem_euclid(12));
        let day = u32::from(start.day().unsigned_abs());
        // Every month has such a day.
        NaiveDate::from_ymd_opt(year, month0.unsigned_abs() + 1, day).unwrap_or_default()
    }

    /// Its last day.
    #[must_use]
    pub fn last_day(self, start: MonthStart) -> NaiveDate {
        self.plus(1).first_day(start) - Days::new(1)
    }

    /// So many months later; before, if negative.
    #[must_use]
    pub fn plus(self, months: i32) -> Self {
        Self(self.0 + months)
    }

    /// Itself, if it is one that has a name.
    #[must_use]
    pub fn named(self) -> Option<Self> {
        YEARS.contains(&self.0.div_euclid(12)).then_some(self)
    }

    /// How many months it is to another one.
    #[must_use]
    pub fn until(self, other: Self) -> i32 {
        other.0 - self.0
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:04}-{:02}",
            self.0.div_euclid(12),
            self.0.rem_euclid(12) + 1
        )
    }
}

impl FromStr for Month {
    type Err = NotAMonth;

    fn from_str(text: &str) -> Result<Self, NotAMonth> {
        let (year, month) = text.split_once('-').ok_or(NotAMonth)?;
        let is_number = |part: &str| part.bytes().all(|digit| digit.is_ascii_digit());
        if year.len() != 4 || month.len() != 2 || !is_number(year) || !is_number(month) {
            return Err(NotAMonth);
        }
        let year: i32 = year.parse().map_err(|_| NotAMonth)?;
        let month: i32 = month.parse().map_err(|_| NotAMonth)?;
        let is_one = (1..=12).contains(&month);
        let month = is_one.then_some(Self(year * 12 + month - 1));
        month.and_then(Self::named).ok_or(NotAMonth)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn start(day: i16) -> MonthStart {
        day.try_into().expect("a day that every month has")
    }

    #[test]
    fn a_month_begins_on_the_books_day_and_ends_before_the_next_one_does() {
        for (name, day, first, last) in [
            ("2026-11", 1, "2026-11-01", "2026-11-30"),
            ("2028-02", 1, "2028-02-01", "2028-02-29"),
            ("2026-12", 25, "2026-12-25", "2027-01-24"),
            ("2026-02", 28, "2026-02-28", "2026-03-27"),
        ] {
            let month: Month = name.parse().expect("a month");
            assert_eq!(month.first_day(start(day)).to_string(), first);
            assert_eq!(month.last_day(start(day)).to_string(), last);
        }
    }

    #[test]
    fn only_a_year_and_a_month_are_one() {
        for bad in [
            "",
            "2026",
            "2026-13",
            "2026-00",
            "2026-1",
            "+026-01",
            "1899-12",
            "2201-01",
            "2026-11-25",
        ] {
            assert_eq!(bad.parse::<Month>(), Err(NotAMonth), "{bad}");
        }
    }

    #[test]
    fn before_the_first_month_and_behind_the_last_there_is_none() {
        for (name, step) in [("1900-01", -1), ("2200-12", 1)] {
            let month: Month = name.parse().expect("a month");
            assert_eq!(month.named(), Some(month));
            assert_eq!(month.plus(step).named(), None);
        }
    }

    proptest! {
        #[test]
        fn every_day_is_in_one_month(days in 0..100_000_u64, begins in 1..=28_i16) {
            let day = NaiveDate::from_ymd_opt(1901, 1, 1).expect("a day") + Days::new(days);
            let (begins, month) = (start(begins), Month::of(day, start(begins)));
            prop_assert!((month.first_day(begins)..=month.last_day(begins)).contains(&day));
            prop_assert_eq!(month.plus(1).first_day(begins), month.last_day(begins) + Days::new(1));
            prop_assert_eq!(month.to_string().parse(), Ok(month));
            prop_assert_eq!(month.until(month.plus(-7)), -7);
        }
    }
}
