//! Currencies that somebody can be paid in.

use std::str::FromStr;

use iso_currency::{Currency as Iso, IntoEnumIterator};

/// A currency of ISO 4217 that is money today: no metals, no units of account, none that another has taken the place of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Currency(Iso);

/// Why a text is not a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not the code of a currency in use, such as EUR or USD")]
pub struct NotACurrency;

impl Currency {
    /// Every currency, by its code.
    pub fn all() -> impl Iterator<Item = Self> {
        Iso::iter().filter_map(|currency| currency.code().parse().ok())
    }

    /// What it is called in English.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// Its code of three letters.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0.code()
    }

    /// How many digits its minor unit has behind the point: 2 for the euro, 0 for the yen, 3 for the dinar of Bahrain.
    #[must_use]
    pub fn exponent(self) -> i16 {
        let digits = self.0.exponent().unwrap_or_default();
        i16::try_from(digits).unwrap_or_default()
    }
}

impl FromStr for Currency {
    type Err = NotACurrency;

    fn from_str(text: &str) -> Result<Self, NotACurrency> {
        let currency = Iso::from_code(text).ok_or(NotACurrency)?;
        // VED has taken the place of VES in the books of Venezuela's central bank only: everybody else keeps to VES, and
        // ISO 4217 lists both.
        let is_gone = currency.is_superseded().is_some() && currency != Iso::VES;
        if currency.is_special() || currency.is_fund() || is_gone {
            return Err(NotACurrency);
        }
        Ok(Self(currency))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_a_currency() {
        for code in ["EUR", "USD", "JPY", "KWD", "XOF", "XCD", "XPF", "VES"] {
            assert_eq!(code.parse().map(Currency::as_str), Ok(code));
        }
    }

    #[test]
    fn a_minor_unit_has_as_many_digits_as_iso_4217_says() {
        for (code, digits) in [("EUR", 2), ("JPY", 0), ("BHD", 3), ("ISK", 0)] {
            assert_eq!(code.parse().map(Currency::exponent), Ok(digits), "{code}");
        }
    }

    #[test]
    fn what_nobody_is_paid_in_is_not() {
        for (code, what) in [
            ("", "nothing"),
            ("eur", "not how it is written"),
            ("EURO", "a name"),
            ("€", "a sign"),
            ("DEM", "gone long ago"),
            ("HRK", "gone for the euro"),
            ("XAU", "gold"),
            ("XDR", "special drawing rights"),
            ("XTS", "a code for tests"),
            ("XXX", "no currency"),
            ("CHE", "a unit of account"),
            ("AAA", "no code"),
        ] {
            assert_eq!(code.parse::<Currency>(), Err(NotACurrency), "{what}");
        }
    }
}
