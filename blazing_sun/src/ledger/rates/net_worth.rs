//! What everything is worth in the base currency.

use chrono::NaiveDate;

use crate::ledger::rates::exchange::{Exchange, Newest};

/// What is held of a currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The currency.
    pub currency: String,
    /// How many digits its minor unit has.
    pub exponent: i16,
    /// How much, in minor units.
    pub amount: i128,
}

/// What is held of a currency, and what that is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worth {
    /// What is held.
    pub held: Held,
    /// What it is worth, in minor units of the base currency.
    pub worth: i128,
    /// The day of the rate; none for the base currency itself.
    pub rate_date: Option<NaiveDate>,
}

/// What everything is worth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetWorth {
    /// What could be converted.
    pub converted: Vec<Worth>,
    /// What could not, since there is no rate.
    pub apart: Vec<Held>,
}

impl NetWorth {
    /// Converts what is held of each currency at its rate. Each is rounded once, so that what is shown adds up to the total.
    #[must_use]
    pub fn of(base: &str, exponent: i16, held: Vec<(Held, Option<Newest>)>) -> Self {
        let exchange = Exchange { exponent };
        let mut all = Self::default();
        for (held, newest) in held {
            // Nothing is worth nothing, whatever the rate.
            let worth = if held.amount == 0 || held.currency == base && held.exponent == exponent {
                Some((held.amount, None))
            } else {
                newest.and_then(|newest| {
                    let worth = exchange.convert(&newest, held.amount, held.exponent)?;
                    Some((worth, Some(newest.date)))
                })
            };
            match worth {
                Some((worth, rate_date)) => all.converted.push(Worth {
                    held,
                    worth,
                    rate_date,
                }),
                None => all.apart.push(held),
            }
        }
        all
    }

    /// The sum of what could be converted.
    #[must_use]
    pub fn total(&self) -> i128 {
        self.converted.iter().map(|worth| worth.worth).sum()
    }
}
