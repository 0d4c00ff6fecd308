//! The book.

use chrono::{DateTime, NaiveDate, Utc};

use crate::kernel::currency::Currency;
use crate::kernel::id::Id;
use crate::kernel::time_zone::TimeZone;

/// Whoever owns a book: somebody with an account, known here by its id alone.
pub struct Owner;

/// A book.
#[derive(Clone, Debug)]
pub struct Book {
    /// Which one.
    pub id: Id<Book>,
    /// What totals are in.
    pub base_currency: Currency,
    /// Decides what today is, and nothing else.
    pub time_zone: TimeZone,
    /// The day on which its months begin.
    pub month_start: MonthStart,
    /// Whether its owner gets a report of each month by mail.
    pub monthly_report: bool,
    /// Rises with each change.
    pub version: i64,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
}

impl Book {
    /// Which day it is where the book is kept.
    #[must_use]
    pub fn today(&self, now: DateTime<Utc>) -> NaiveDate {
        self.time_zone.date(now)
    }
}

/// The day on which the months of a book begin: one that every month has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MonthStart(i16);

/// Why a number is no such day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a day from 1 to 28")]
pub struct NotAMonthStart;

impl MonthStart {
    /// The day.
    #[must_use]
    pub fn day(self) -> i16 {
        self.0
    }
}

impl Default for MonthStart {
    fn default() -> Self {
        Self(1)
    }
}

impl TryFrom<i16> for MonthStart {
    type Error = NotAMonthStart;

    fn try_from(day: i16) -> Result<Self, NotAMonthStart> {
        (1..=28)
            .contains(&day)
            .then_some(Self(day))
            .ok_or(NotAMonthStart)
    }
}
