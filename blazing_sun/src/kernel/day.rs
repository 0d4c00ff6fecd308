//! Days: what a calendar on the wall shows, without a time and without a zone.

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};

/// A day on which money may move: from 1900 to 2200.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "NaiveDate", into = "NaiveDate")]
pub struct Day(NaiveDate);

/// Why something is not such a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotADay {
    /// It is no date at all.
    #[error("is not a date such as 2026-11-25")]
    Form,
    /// Nobody's money moved then.
    #[error("is not between 1900-01-01 and 2200-12-31")]
    FarOut,
}

impl Day {
    /// As the calendar's own type.
    #[must_use]
    pub fn date(self) -> NaiveDate {
        self.0
    }
}

impl TryFrom<NaiveDate> for Day {
    type Error = NotADay;

    fn try_from(date: NaiveDate) -> Result<Self, NotADay> {
        (1900..=2200)
            .contains(&date.year())
            .then_some(Self(date))
            .ok_or(NotADay::FarOut)
    }
}

impl From<Day> for NaiveDate {
    fn from(day: Day) -> Self {
        day.0
    }
}

impl FromStr for Day {
    type Err = NotADay;

    fn from_str(text: &str) -> Result<Self, NotADay> {
        // chrono would also read "2026-1-5" and "+2026-01-05".
        let is_plain = text.len() == 10 && !text.starts_with(['+', '-']);
        let date = is_plain
            .then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok())
            .flatten();
        date.ok_or(NotADay::Form)?.try_into()
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_day_is_written_as_iso_8601_has_it() {
        for (text, outcome) in [
            ("2026-11-25", Ok("2026-11-25".to_owned())),
            ("1900-01-01", Ok("1900-01-01".to_owned())),
            ("2200-12-31", Ok("2200-12-31".to_owned())),
            ("1899-12-31", Err(NotADay::FarOut)),
            ("2201-01-01", Err(NotADay::FarOut)),
            ("9999-12-31", Err(NotADay::FarOut)),
            ("2026-02-29", Err(NotADay::Form)),
            ("2026-1-5", Err(NotADay::Form)),
            ("25.11.2026", Err(NotADay::Form)),
            ("2026-11-25T00:00:00Z", Err(NotADay::Form)),
            ("+202-11-25", Err(NotADay::Form)),
            ("", Err(NotADay::Form)),
        ] {
            assert_eq!(
                text.parse::<Day>().map(|day| day.to_string()),
                outcome,
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "\\PC*") {
            if let Ok(day) = text.parse::<Day>() {
                prop_assert_eq!(day.to_string(), text);
            }
        }
    }
}
