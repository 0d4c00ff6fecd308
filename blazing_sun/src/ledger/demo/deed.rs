//! What happens to the money of the demo on a day.

use chrono::NaiveDate;

/// Where the money of the demo is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purse {
    /// The account that salaries come to and rents go from.
    Everyday,
    /// Money put aside.
    Savings,
    /// What is in the pocket.
    Cash,
    /// A credit card, paid once a month.
    Card,
    /// A card in pounds, for journeys.
    Pounds,
}

impl Purse {
    /// Every purse.
    pub const ALL: [Self; 5] = [
        Self::Everyday,
        Self::Savings,
        Self::Cash,
        Self::Card,
        Self::Pounds,
    ];

    /// What is in it when the story begins, in minor units.
    #[must_use]
    pub const fn opening(self) -> i64 {
        match self {
            Self::Everyday => 184_015,
            Self::Savings => 650_000,
            Self::Cash => 8_500,
            Self::Card => -21_430,
            Self::Pounds => 0,
        }
    }

    /// Whether somebody sends statements of it.
    #[must_use]
    pub const fn has_statements(self) -> bool {
        matches!(self, Self::Everyday | Self::Savings | Self::Card)
    }
}

/// A transaction of the demo. Amounts are in minor units, and negative where money goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// The day.
    pub date: NaiveDate,
    /// Whom it goes to or comes from.
    pub payee: Option<&'static str>,
    /// What is noted.
    pub note: &'static str,
    /// Its tags.
    pub tags: &'static [&'static str],
    /// What moves where.
    pub moves: Vec<(Purse, i64)>,
    /// What it is for, by the names of the categories that a book starts with.
    pub lines: Vec<(&'static str, i64)>,
}

impl Deed {
    /// One purse, one category.
    #[must_use]
    pub fn plain(
        date: NaiveDate,
        purse: Purse,
        payee: &'static str,
        category: &'static str,
        amount: i64,
    ) -> Self {
        Self {
            date,
            payee: Some(payee),
            note: "",
            tags: &[],
            moves: vec![(purse, amount)],
            lines: vec![(category, amount)],
        }
    }

    /// From one purse to another, in one currency or in two.
    #[must_use]
    pub fn moved(
        date: NaiveDate,
        from: (Purse, i64),
        to: (Purse, i64),
        note: &'static str,
    ) -> Self {
        Self {
            date,
            payee: None,
            note,
            tags: &[],
            moves: vec![(from.0, -from.1), to],
            lines: Vec::new(),
        }
    }
}
