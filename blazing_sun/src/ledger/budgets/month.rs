//! Months of a book: from the day on which its months begin to the day before that day of the next month.

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, Days, Months, NaiveDate};

use crate::kernel::day::Day;

/// A month, known by its first day in the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(NaiveDate);

/// A text that is no month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a month such as 2026-11, from 1900-01 to 2200-12")]
pub struct NotAMonth;

impl Month {
    /// The first day that it has in the calendar.
    #[must_use]
    pub fn first(self) -> NaiveDate {
        self.0
    }

    /// The month so many months before it.
    #[must_use]
    pub fn back(self, months: u32) -> Self {
        Self(self.0 - Months::new(months))
    }

    /// Its first day in a book whose months begin on `start`, and the first day after it. `start` is at most 28.
    #[must_use]
    pub fn days(self, start: i16) -> (NaiveDate, NaiveDate) {
        let offset = Days::new(u64::try_from(start - 1).unwrap_or_default());
        (self.0 + offset, self.0 + Months::new(1) + offset)
    }
}

impl From<NaiveDate> for Month {
    fn from(date: NaiveDate) -> Self {
        Self(date - Days::new(date.day0().into()))
    }
}

impl FromStr for Month {
    type Err = NotAMonth;

    fn from_str(text: &str) -> Result<Self, NotAMonth> {
        if text.len() != 7 {
            return Err(NotAMonth);
        }
        let day: Day = format!("{text}-01").parse().map_err(|_| NotAMonth)?;
        Ok(Self(day.date()))
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0.year(), self.0.month())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_month_is_written_with_its_year() {
        assert_eq!(
            "2026-11".parse::<Month>().map(|month| month.to_string()),
            Ok("2026-11".to_owned())
        );
        for text in [
            "",
            "2026-13",
            "2026-1",
            "2026-11-01",
            "1899-12",
            "2201-01",
            "11-2026",
            "2026/11",
            "+026-11",
        ] {
            assert_eq!(text.parse::<Month>(), Err(NotAMonth), "{text}");
        }
    }

    #[test]
    fn a_month_begins_where_the_books_months_do() {
        let month: Month = "2026-12".parse().expect("a month");
        let days = |start| {
            let (first, after) = month.days(start);
            (first.to_string(), after.to_string())
        };
        assert_eq!(days(1), ("2026-12-01".to_owned(), "2027-01-01".to_owned()));
        assert_eq!(days(25), ("2026-12-25".to_owned(), "2027-01-25".to_owned()));
    }

    proptest! {
        #[test]
        fn every_day_is_in_one_month(start in 1..=28_i16, offset in 0..60_000_u64) {
            let day = NaiveDate::from_ymd_opt(1950, 1, 1).expect("a date") + Days::new(offset);
            let shifted = day - Days::new(u64::try_from(start - 1).expect("a number"));
            let month = Month::from(shifted);
            let (first, after) = month.days(start);
            prop_assert!(first <= day && day < after);
            prop_assert_eq!(month.back(1).days(start).1, first);
        }
    }
}
