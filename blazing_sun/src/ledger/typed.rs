//! Sums as people type them into a form, and as pages show them.

use crate::kernel::money::{self, Amount, NotAnAmount, NotMoney};

/// Why what was typed is not a sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotASum {
    /// It is not written as one.
    #[error(transparent)]
    NotMoney(#[from] NotMoney),
    /// It is too large, or nothing.
    #[error(transparent)]
    NotAnAmount(#[from] NotAnAmount),
}

/// Reads a sum with a point or a comma before the cents.
pub fn read(text: &str, exponent: i16) -> Result<Amount, NotASum> {
    let minor = money::read(&text.trim().replace(',', "."), exponent)?;
    let minor = i64::try_from(minor).map_err(|_| NotAnAmount::OutOfBounds)?;
    Ok(minor.try_into()?)
}

/// Shows a sum of minor units.
#[must_use]
pub fn show(minor: i64, exponent: i16) -> String {
    money::show(minor.into(), exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cents_stand_behind_a_point_or_a_comma() {
        for (text, minor) in [("12.50", 1250), (" 12,5 ", 1250), ("-3", -300)] {
            assert_eq!(read(text, 2).map(Amount::minor), Ok(minor), "{text}");
        }
        for text in ["", "1.234,56", "0", "0,00", "1,234", &"9".repeat(20)] {
            assert!(read(text, 2).is_err(), "{text}");
        }
    }
}
