//! A rate as it is written down.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};

use crate::kernel::currency::Currency;
use crate::kernel::day::Day;
use crate::kernel::id::Id;

/// How many digits a rate has at most.
const MAX_DIGITS: usize = 14;
/// How many of them stand behind the point at most.
const MAX_DECIMALS: usize = 10;

/// A decimal above nothing: exact, such as 1.1634.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// All its digits as one number.
    digits: i64,
    /// How many of them stand behind the point.
    decimals: u32,
}

/// Why a text is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not a decimal above 0 such as 1.1634, of {MAX_DIGITS} digits at most, {MAX_DECIMALS} of them behind the point"
)]
pub struct NotADecimal;

impl Decimal {
    /// All its digits as one number, below 10^14.
    #[must_use]
    pub fn digits(self) -> i64 {
        self.digits
    }

    /// How many of them stand behind the point: at most 10.
    #[must_use]
    pub fn decimals(self) -> u32 {
        self.decimals
    }
}

impl FromStr for Decimal {
    type Err = NotADecimal;

    fn from_str(text: &str) -> Result<Self, NotADecimal> {
        let (whole, part) = match text.split_once('.') {
            Some((_, "")) => return Err(NotADecimal),
            Some((whole, part)) => (whole, part),
            None => (text, ""),
        };
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !is_plain(whole) || !is_plain(part) || part.len() > MAX_DECIMALS {
            return Err(NotADecimal);
        }
        let part = part.trim_end_matches('0');
        let digits = format!("{}{part}", whole.trim_start_matches('0'));
        if digits.len() > MAX_DIGITS {
            return Err(NotADecimal);
        }
        let digits = digits.parse().map_err(|_| NotADecimal)?;
        let decimals = u32::try_from(part.len()).map_err(|_| NotADecimal)?;
        (digits > 0)
            .then_some(Self { digits, decimals })
            .ok_or(NotADecimal)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = 10_i64.pow(self.decimals);
        write!(f, "{}", self.digits / scale)?;
        if self.decimals > 0 {
            let width = self.decimals as usize;
            write!(f, ".{:0width$}", self.digits % scale)?;
        }
        Ok(())
    }
}

/// What is wanted of a rate.
#[derive(Clone, Copy, Debug)]
pub struct NewRate {
    /// The day from which on it counts.
    pub date: Day,
    /// One unit of this
    pub from: Currency,
    /// is worth in this
    pub to: Currency,
    /// as much.
    pub rate: Decimal,
}

/// A rate that was written down.
#[derive(Clone, Debug)]
pub struct Rate {
    /// Which one.
    pub id: Id<Rate>,
    /// The day from which on it counts.
    pub date: NaiveDate,
    /// One unit of this
    pub from: String,
    /// is worth in this
    pub to: String,
    /// as much.
    pub rate: Decimal,
    /// Rises with each change.
    pub version: i64,
    /// When it was written down.
    pub created_at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_rate_is_written_in_decimal() {
        for (text, written) in [
            ("1", "1"),
            ("1.1634", "1.1634"),
            ("0.00002334", "0.00002334"),
            ("001.50", "1.5"),
            ("25432.5", "25432.5"),
            ("99999999999999", "99999999999999"),
            ("0.0000000001", "0.0000000001"),
        ] {
            let rate: Result<Decimal, _> = text.parse();
            assert_eq!(
                rate.map(|rate| rate.to_string()),
                Ok(written.to_owned()),
                "{text}"
            );
        }
        for text in [
            "",
            "0",
            "0.0",
            "-1",
            "+1",
            "1.",
            ".5",
            "1,5",
            "1e3",
            "1.2.3",
            " 1",
            "NaN",
            "inf",
            "0.00000000001",
            "100000000000000",
        ] {
            assert_eq!(text.parse::<Decimal>(), Err(NotADecimal), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "\\PC*|[0-9]{0,16}\\.?[0-9]{0,12}") {
            if let Ok(rate) = text.parse::<Decimal>() {
                prop_assert_eq!(rate.to_string().parse(), Ok(rate));
            }
        }
    }
}
