//! Which rate counts for an amount of a day: the newest of that day or before, whoever said it and in whichever direction.

use chrono::NaiveDate;

use crate::ledger::rates::rate::Decimal;
use crate::ledger::rates::ratio::{Exponents, Ratio};

/// An amount of which the worth in the base currency is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its currency.
    pub currency: String,
    /// The day of which the rate counts.
    pub day: NaiveDate,
}

/// What was said of a rate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A unit of one currency is worth as much of the other.
    Entered(Decimal),
    /// As much of one currency was exchanged for as much of the other.
    Implied {
        /// In minor units.
        from: i64,
        /// How many digits they have.
        from_exponent: i16,
        /// In minor units.
        to: i64,
        /// How many digits they have.
        to_exponent: i16,
    },
}

/// The newest rate of an amount's currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newest {
    /// The day of which it is.
    pub date: NaiveDate,
    /// What it is.
    pub said: Said,
    /// Whether it was said of the base currency, and is to be turned round.
    pub is_inverse: bool,
}

/// What amounts are converted to.
#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    /// How many digits the base currency's minor unit has.
    pub exponent: i16,
}

impl Exchange {
    /// What an amount of minor units with `exponent` digits comes to at a rate. None, if that cannot be counted.
    #[must_use]
    pub fn convert(self, newest: &Newest, amount: i128, exponent: i16) -> Option<i128> {
        let there = Exponents {
            from: exponent,
            to: self.exponent,
        };
        // As it was said, it leads from the base currency to the other.
        let wanted = if newest.is_inverse {
            Exponents {
                from: there.to,
                to: there.from,
            }
        } else {
            there
        };
        let ratio = match newest.said {
            Said::Entered(rate) => Ratio::of_decimal(rate, wanted),
            Said::Implied {
                from,
                from_exponent,
                to,
                to_exponent,
            } => {
                let had = Exponents {
                    from: from_exponent,
                    to: to_exponent,
                };
                Ratio::of_exchange(from, to, had, wanted)
            }
        }?;
        if newest.is_inverse {
            ratio.inverse().convert(amount)
        } else {
            ratio.convert(amount)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_counts_in_both_directions() {
        let rate = |is_inverse| Newest {
            date: NaiveDate::MIN,
            said: Said::Entered("160.5".parse().expect("a rate")),
            is_inverse,
        };
        // A euro is worth 160.5 yen, whichever of them is the base.
        assert_eq!(
            Exchange { exponent: 0 }.convert(&rate(false), 200, 2),
            Some(321)
        );
        assert_eq!(
            Exchange { exponent: 2 }.convert(&rate(true), 321, 0),
            Some(200)
        );
        let exchanged = |is_inverse| Newest {
            date: NaiveDate::MIN,
            said: Said::Implied {
                from: 200,
                from_exponent: 2,
                to: 321,
                to_exponent: 0,
            },
            is_inverse,
        };
        assert_eq!(
            Exchange { exponent: 0 }.convert(&exchanged(false), 400, 2),
            Some(642)
        );
        assert_eq!(
            Exchange { exponent: 2 }.convert(&exchanged(true), 642, 0),
            Some(400)
        );
    }
}
