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

/// An amount as people write it, with the digits that its currency has behind the point: `-1234.56`.
#[must_use]
pub fn show(minor: i128, exponent: i16) -> String {
    let digits = usize::try_from(exponent).unwrap_or_default();
    let text = format!("{:0>width$}", minor.unsigned_abs(), width = digits + 1);
    let (whole, part) = text.split_at(text.len() - digits);
    let sign = if minor < 0 { "-" } else { "" };
    let point = if part.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{part}")
}

/// Why a text is not an amount of a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotMoney {
    /// It is not a number.
    #[error("is not an amount such as 12 or -1234.56")]
    Form,
    /// The currency has no coin so small.
    #[error("has more digits behind the point than the currency")]
    TooFine,
}

/// Reads what [`show`] writes; digits behind the point may be left out. In minor units.
pub fn read(text: &str, exponent: i16) -> Result<i128, NotMoney> {
    let digits = usize::try_from(exponent).unwrap_or_default();
    let plain = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = plain.split_once('.').unwrap_or((plain, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    if !is_number(whole) || !is_number(part) {
        return Err(NotMoney::Form);
    }
    let part = part.trim_end_matches('0');
    if part.len() > digits {
        return Err(NotMoney::TooFine);
    }
    let minor: i128 = format!("{whole}{part:0<digits$}")
        .parse()
        .map_err(|_| NotMoney::Form)?;
    Ok(if plain.len() < text.len() {
        -minor
    } else {
        minor
    })
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

    #[test]
    fn an_amount_is_shown_with_the_digits_of_its_currency() {
        for (minor, exponent, text) in [
            (0, 2, "0.00"),
            (-5, 2, "-0.05"),
            (123_456, 2, "1234.56"),
            (-123_456, 0, "-123456"),
            (7, 3, "0.007"),
            (i128::MIN, 0, "-170141183460469231731687303715884105728"),
        ] {
            assert_eq!(show(minor, exponent), text);
        }
    }

    #[test]
    fn what_is_not_an_amount_is_not_read_as_one() {
        for (text, outcome) in [
            ("12", Ok(1200)),
            ("12.5", Ok(1250)),
            ("-0.050", Ok(-5)),
            ("0.001", Err(NotMoney::TooFine)),
            ("", Err(NotMoney::Form)),
            ("-", Err(NotMoney::Form)),
            (".5", Err(NotMoney::Form)),
            ("5.", Err(NotMoney::Form)),
            ("1,5", Err(NotMoney::Form)),
            ("+1", Err(NotMoney::Form)),
            ("--1", Err(NotMoney::Form)),
            ("1e3", Err(NotMoney::Form)),
            (&"9".repeat(60), Err(NotMoney::Form)),
        ] {
            assert_eq!(read(text, 2), outcome, "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_amount_reads_back_as_it_was_shown(minor: i64, exponent in 0..=4_i16) {
            prop_assert_eq!(read(&show(minor.into(), exponent), exponent), Ok(minor.into()));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*", exponent in 0..=4_i16) {
            if let Ok(minor) = read(&text, exponent) {
                prop_assert_eq!(read(&show(minor, exponent), exponent), Ok(minor));
            }
        }

        #[test]
        fn a_sum_does_not_depend_on_the_order(minors in prop::collection::vec(1..=MOST, 0..100)) {
            let amounts: Vec<Amount> = minors.iter().filter_map(|minor| (*minor).try_into().ok()).collect();
            let backwards = amounts.iter().rev().copied();
            prop_assert_eq!(sum(amounts.iter().copied()), sum(backwards));
        }
    }
}
