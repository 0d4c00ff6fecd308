//! From what wallets hold today to what they will hold on each day.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};
use uuid::Uuid;

use crate::ledger::recurring::Recurring;

/// A wallet.
#[derive(Clone, Debug)]
pub struct WalletNow {
    /// Which one.
    pub id: Uuid,
    /// What is in it.
    pub currency: String,
    /// The digits of its minor unit.
    pub exponent: i16,
    /// The sum of all its entries, those of later days among them.
    pub balance: i64,
}

/// What is written down for a later day.
#[derive(Clone, Copy, Debug)]
pub struct Later {
    /// The wallet.
    pub wallet_id: Uuid,
    /// The day.
    pub date: NaiveDate,
    /// What moves on it.
    pub amount: i128,
}

/// Everything that is known today.
pub struct Known {
    /// The day.
    pub today: NaiveDate,
    /// The wallets.
    pub wallets: Vec<WalletNow>,
    /// What is written down for later days.
    pub later: Vec<Later>,
    /// What comes again.
    pub recurring: Vec<Recurring>,
    /// The days of these that were made or skipped.
    pub taken: BTreeSet<(Uuid, NaiveDate)>,
}

/// What a wallet will hold.
#[derive(Debug, PartialEq, Eq)]
pub struct WalletForecast {
    /// The wallet.
    pub wallet_id: Uuid,
    /// What is in it.
    pub currency: String,
    /// The digits of its minor unit.
    pub exponent: i16,
    /// At the end of each day, today first.
    pub balances: Vec<i128>,
}

/// What all wallets of a currency will hold.
#[derive(Debug, PartialEq, Eq)]
pub struct CurrencyForecast {
    /// The currency.
    pub currency: String,
    /// The digits of its minor unit.
    pub exponent: i16,
    /// At the end of each day, today first.
    pub balances: Vec<i128>,
}

impl Known {
    /// What the wallets will hold today and on as many days after it.
    #[must_use]
    pub fn wallets(&self, days: usize) -> Vec<WalletForecast> {
        let mut moves: BTreeMap<Uuid, Vec<i128>> = BTreeMap::new();
        for wallet in &self.wallets {
            moves.insert(wallet.id, vec![0; days + 1]);
        }
        let mut later: BTreeMap<Uuid, i128> = BTreeMap::new();
        for movement in &self.later {
            *later.entry(movement.wallet_id).or_default() += movement.amount;
            self.add(
                &mut moves,
                movement.wallet_id,
                movement.date,
                movement.amount,
            );
        }
        let last = self.today + Days::new(days as u64);
        for recurring in &self.recurring {
            let is_free = |day: &NaiveDate| !self.taken.contains(&(recurring.id.uuid(), *day));
            for day in recurring.to_come(last).into_iter().filter(is_free) {
                for entry in &recurring.template.entries {
                    self.add(&mut moves, entry.wallet_id, day, entry.amount.into());
                }
            }
        }
        let forecast = |wallet: &WalletNow| {
            let after_today = later.get(&wallet.id).copied().unwrap_or_default();
            let mut balance = i128::from(wallet.balance) - after_today;
            let moves = moves.remove(&wallet.id).unwrap_or_default();
            WalletForecast {
                wallet_id: wallet.id,
                currency: wallet.currency.clone(),
                exponent: wallet.exponent,
                balances: moves
                    .into_iter()
                    .map(|moved| {
                        balance += moved;
                        balance
                    })
                    .collect(),
            }
        };
        self.wallets.iter().map(forecast).collect()
    }

    /// Notes what moves on a day; what was due before today and is not made yet moves today.
    fn add(
        &self,
        moves: &mut BTreeMap<Uuid, Vec<i128>>,
        wallet: Uuid,
        day: NaiveDate,
        amount: i128,
    ) {
        let place = (day - self.today).num_days().max(0);
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        let moved = moves.get_mut(&wallet);
        if let Some(moved) = moved.and_then(|moves| moves.get_mut(place)) {
            *moved += amount;
        }
    }
}

/// What the wallets of each currency will hold together.
#[must_use]
pub fn currencies(wallets: &[WalletForecast]) -> Vec<CurrencyForecast> {
    let mut sums: BTreeMap<(&str, i16), Vec<i128>> = BTreeMap::new();
    for wallet in wallets {
        let key = (wallet.currency.as_str(), wallet.exponent);
        let sum = sums
            .entry(key)
            .or_insert_with(|| vec![0; wallet.balances.len()]);
        for (sum, balance) in sum.iter_mut().zip(&wallet.balances) {
            *sum += balance;
        }
    }
    let forecast = |((currency, exponent), balances): ((&str, i16), Vec<i128>)| CurrencyForecast {
        currency: currency.to_owned(),
        exponent,
        balances,
    };
    sums.into_iter().map(forecast).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(offset: i64) -> NaiveDate {
        let today = NaiveDate::from_ymd_opt(2026, 11, 25).expect("a date");
        today + chrono::TimeDelta::days(offset)
    }

    proptest! {
        #[test]
        fn a_forecast_begins_with_today_and_ends_with_all_that_is_written_down(
            balance in -1_000_000..1_000_000_i64,
            moves in prop::collection::vec((0..2_usize, 1..40_i64, -1000..1000_i64), 0..20),
        ) {
            let ids = [Uuid::from_u128(1), Uuid::from_u128(2)];
            let wallet = |id: Uuid| WalletNow { id, currency: "EUR".to_owned(), exponent: 2, balance };
            let known = Known {
                today: day(0),
                wallets: ids.map(wallet).to_vec(),
                later: moves.iter().map(|(wallet, offset, amount)| Later {
                    wallet_id: ids[*wallet], date: day(*offset), amount: i128::from(*amount),
                }).collect(),
                recurring: Vec::new(),
                taken: BTreeSet::new(),
            };
            let found = known.wallets(40);
            for (place, wallet) in found.iter().enumerate() {
                prop_assert_eq!(wallet.balances.len(), 41);
                let own = moves.iter().filter(|(of, ..)| *of == place);
                let later: i128 = own.map(|(_, _, amount)| i128::from(*amount)).sum();
                prop_assert_eq!(wallet.balances[0], i128::from(balance) - later);
                prop_assert_eq!(wallet.balances[40], i128::from(balance));
            }
            let sums = currencies(&found);
            prop_assert_eq!(sums.len(), 1);
            for (place, sum) in sums[0].balances.iter().enumerate() {
                prop_assert_eq!(*sum, found.iter().map(|wallet| wallet.balances[place]).sum::<i128>());
            }
        }
    }
}
