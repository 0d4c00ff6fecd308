//! Money: whole numbers of a currency's minor unit. There is no fraction anywhere.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The largest amount that one movement has, in minor units: a quadrillion less one.
pub const MOST: i64 = 999_999_999_999_999;

/// How much moves, in minor units: more than nothing, out (negative) or in (positive).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Amount(i64);

/// Why a number is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAmount {
    /// Nothing moves.
    #[error("is 0: nothing would move")]
    Zero,
    /// More than anybody has.
    #[error("is not from -{MOST} to {MOST}")]
    OutOfBounds,
}

impl Amount {
    /// In minor units.
    #[must_use]
    pub fn minor(self) -> i64 {
        self.0
    }
}

impl TryFrom<i64> for Amount {
    type Error = NotAnAmount;

    fn try_from(minor: i64) -> Result<Self, NotAnAmount> {
        if minor == 0 {
            return Err(NotAnAmount::Zero);
        }
        (-MOST..=MOST)
            .contains(&minor)
            .then_some(Self(minor))
            .ok_or(NotAnAmount::OutOfBounds)
    }
}

impl From<Amount> for i64 {
    fn from(amount: Amount) -> Self {
        amount.0
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What amounts come to. Exact for any number of them.
#[must_use]
pub fn sum(amounts: impl IntoIterator<Item = Amount>) -> i128 {
    amounts
        .into_iter()
        .map(|amount| i128::from(amount.minor()))
        .sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_amount_moves_something_and_not_too_much() {
        assert_eq!(Amount::try_from(0), Err(NotAnAmount::Zero));
        for minor in [1, -1, MOST, -MOST] {
            assert_eq!(Amount::try_from(minor).map(Amount::minor), Ok(minor));
        }
        for minor in [MOST + 1, -MOST - 1, i64::MAX, i64::MIN] {
            assert_eq!(Amount::try_from(minor), Err(NotAnAmount::OutOfBounds));
        }
    }

    proptest! {
        #[test]
        fn a_sum_does_not_depend_on_the_order(minors in prop::collection::vec(1..=MOST, 0..100)) {
            let amounts: Vec<Amount> = minors.iter().filter_map(|minor| (*minor).try_into().ok()).collect();
            let backwards = amounts.iter().rev().copied();
            prop_assert_eq!(sum(amounts.iter().copied()), sum(backwards));
        }
    }
}
