//! The balance check.

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

/// The most that a wallet holds, and the least: below 2^53, so that it is whole in every JSON reader.
pub const MOST: i64 = 9_007_199_254_740_991;

/// What is said to be in a wallet, in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said(i64);

/// A number that no wallet holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not from -{MOST} to {MOST}")]
pub struct OutOfBounds;

impl Said {
    /// In minor units.
    #[must_use]
    pub fn minor(self) -> i64 {
        self.0
    }
}

impl TryFrom<i64> for Said {
    type Error = OutOfBounds;

    fn try_from(minor: i64) -> Result<Self, OutOfBounds> {
        (-MOST..=MOST)
            .contains(&minor)
            .then_some(Self(minor))
            .ok_or(OutOfBounds)
    }
}

/// What was said to be in a wallet at the end of a day, and what was found.
#[derive(Clone, Debug)]
pub struct Check {
    /// Which one.
    pub id: Uuid,
    /// The wallet.
    pub wallet_id: Uuid,
    /// The day.
    pub date: NaiveDate,
    /// What was said.
    pub said: i64,
    /// What was found.
    pub found: i64,
    /// When.
    pub created_at: DateTime<Utc>,
}

impl Check {
    /// What the wallet was found to hold less than was said; negative: more. Nothing: it passed.
    #[must_use]
    pub fn difference(&self) -> i64 {
        // Neither reaches 2^62.
        self.said - self.found
    }

    /// Whether both were the same.
    #[must_use]
    pub fn is_passed(&self) -> bool {
        self.said == self.found
    }
}
