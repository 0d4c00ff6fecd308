//! The budget.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::kernel::money::MOST;
use crate::ledger::books::Month;

/// What is meant to be spent or earned, in minor units of the base currency: nothing, or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned(i64);

/// A number that is no plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not from 0 to {MOST}")]
pub struct OutOfBounds;

impl Planned {
    /// In minor units.
    #[must_use]
    pub fn minor(self) -> i64 {
        self.0
    }
}

impl TryFrom<i64> for Planned {
    type Error = OutOfBounds;

    fn try_from(minor: i64) -> Result<Self, OutOfBounds> {
        (0..=MOST)
            .contains(&minor)
            .then_some(Self(minor))
            .ok_or(OutOfBounds)
    }
}

/// What a category is meant to come to in a month.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Which one.
    pub id: Uuid,
    /// The category.
    pub category_id: Uuid,
    /// The month.
    pub month: Month,
    /// What it is meant to come to.
    pub amount: i64,
    /// Whether what was left or overspent the month before moves on to it.
    pub rollover: bool,
    /// Rises with each change.
    pub version: i64,
    /// When it was set.
    pub created_at: DateTime<Utc>,
}
