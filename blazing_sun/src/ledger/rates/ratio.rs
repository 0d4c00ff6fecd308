//! Converting amounts: exact as far as whole numbers go, and rounded once, at the end.

use std::cmp::Ordering;

use crate::ledger::rates::rate::Decimal;

/// How many minor units of one currency a minor unit of another is worth: a fraction in its lowest terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio {
    numerator: i64,
    denominator: i64,
}

/// The digits of the minor units of the two currencies.
#[derive(Clone, Copy, Debug)]
pub struct Exponents {
    /// Of what is converted.
    pub from: i16,
    /// Of what it is converted to.
    pub to: i16,
}

impl Ratio {
    /// A fraction, if it is above nothing and its lowest terms can be counted.
    fn new(numerator: i128, denominator: i128) -> Option<Self> {
        if numerator <= 0 || denominator <= 0 {
            return None;
        }
        let divisor = common(numerator, denominator);
        Some(Self {
            numerator: (numerator / divisor).try_into().ok()?,
            denominator: (denominator / divisor).try_into().ok()?,
        })
    }

    /// Of a rate between whole units.
    #[must_use]
    pub fn of_decimal(rate: Decimal, exponents: Exponents) -> Option<Self> {
        let numerator = i128::from(rate.digits()).checked_mul(scale(exponents.to)?)?;
        let denominator = 10_i128.checked_pow(rate.decimals())?;
        Self::new(numerator, denominator.checked_mul(scale(exponents.from)?)?)
    }

    /// Of amounts that were exchanged for one another, in minor units of `had` digits.
    #[must_use]
    pub fn of_exchange(from: i64, to: i64, had: Exponents, wanted: Exponents) -> Option<Self> {
        let up = scale(wanted.to)?.checked_mul(scale(had.from)?)?;
        let down = scale(wanted.from)?.checked_mul(scale(had.to)?)?;
        let (from, to) = (i128::from(from), i128::from(to));
        Self::new(to.checked_mul(up)?, from.checked_mul(down)?)
    }

    /// The other way round.
    #[must_use]
    pub fn inverse(self) -> Self {
        Self {
            numerator: self.denominator,
            denominator: self.numerator,
        }
    }

    /// What an amount comes to: rounded once, what lies in the middle to the even side, so that rounding neither gains nor
    /// loses in the long run. None, if that cannot be counted.
    #[must_use]
    pub fn convert(self, amount: i128) -> Option<i128> {
        let product = amount.checked_mul(self.numerator.into())?;
        let denominator = i128::from(self.denominator);
        let (below, rest) = (
            product.div_euclid(denominator),
            product.rem_euclid(denominator),
        );
        let rounded = match (rest * 2).cmp(&denominator) {
            Ordering::Less => below,
            Ordering::Greater => below + 1,
            Ordering::Equal => below + below.rem_euclid(2),
        };
        Some(rounded)
    }
}

fn scale(exponent: i16) -> Option<i128> {
    10_i128.checked_pow(exponent.try_into().ok()?)
}

/// The greatest common divisor.
fn common(one: i128, other: i128) -> i128 {
    let (mut one, mut other) = (one, other);
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EURO_TO_DOLLAR: Exponents = Exponents { from: 2, to: 2 };

    fn ratio(rate: &str, exponents: Exponents) -> Ratio {
        let rate = rate.parse().expect("a rate");
        Ratio::of_decimal(rate, exponents).expect("a ratio")
    }

    #[test]
    fn amounts_are_converted_between_their_minor_units() {
        for (rate, from, to, amount, worth) in [
            ("1.1634", 2, 2, 10_000, 11_634),
            ("160.5", 2, 0, 100, 160),
            ("160.5", 2, 0, 300, 482),
            ("0.0062", 0, 2, 1000, 620),
            ("0.4", 2, 3, 100, 400),
            ("1", 2, 2, -5, -5),
        ] {
            let ratio = ratio(rate, Exponents { from, to });
            assert_eq!(ratio.convert(amount), Some(worth), "{amount} at {rate}");
        }
    }

    #[test]
    fn what_lies_in_the_middle_goes_to_the_even_side() {
        let half = ratio("0.5", EURO_TO_DOLLAR);
        for (amount, worth) in [
            (1, 0),
            (3, 2),
            (5, 2),
            (7, 4),
            (-1, 0),
            (-3, -2),
            (-5, -2),
            (-7, -4),
        ] {
            assert_eq!(half.convert(amount), Some(worth), "{amount}");
        }
    }

    #[test]
    fn amounts_that_were_exchanged_are_a_rate() {
        let had = EURO_TO_DOLLAR;
        let rate = Ratio::of_exchange(10_000, 11_634, had, had).expect("a ratio");
        assert_eq!(rate, ratio("1.1634", had));
        assert_eq!(rate.inverse().convert(11_634), Some(10_000));
        // A third is exact, too.
        let third = Ratio::of_exchange(3, 1, had, had).expect("a ratio");
        assert_eq!(
            third.convert(999_999_999_999_999),
            Some(333_333_333_333_333)
        );
        let most = 999_999_999_999_999;
        let wide = Exponents { from: 4, to: 0 };
        assert!(Ratio::of_exchange(1, most, wide, wide).is_some());
    }

    fn any_ratio() -> impl Strategy<Value = Ratio> {
        (1..1_000_000_000_000_000_i128, 1..1_000_000_000_000_000_i128)
            .prop_map(|(up, down)| Ratio::new(up, down).expect("a ratio"))
    }

    proptest! {
        /// Whatever is rounded is at most half a unit off, and exact where there is nothing to round.
        #[test]
        fn rounding_is_half_a_unit_at_most(ratio in any_ratio(), amount in -1_000_000_000_000_000_000..1_000_000_000_000_000_000_i128) {
            let worth = ratio.convert(amount).expect("an amount");
            let (up, down) = (i128::from(ratio.numerator), i128::from(ratio.denominator));
            let off = (amount * up - worth * down).abs();
            prop_assert!(off * 2 <= down);
            if off * 2 == down {
                prop_assert_eq!(worth % 2, 0);
            }
        }

        #[test]
        fn what_is_owed_is_worth_what_is_had(ratio in any_ratio(), amount in 0..1_000_000_000_000_000_000_i128) {
            prop_assert_eq!(ratio.convert(-amount), ratio.convert(amount).map(|worth| -worth));
        }

        #[test]
        fn more_is_worth_no_less(ratio in any_ratio(), amount in -1_000_000_000_000..1_000_000_000_000_i128, more in 0..1_000_000_i128) {
            prop_assert!(ratio.convert(amount + more) >= ratio.convert(amount));
        }
    }
}
