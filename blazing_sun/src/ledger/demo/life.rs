//! The life that is told: which day it is, what is in the purses, and what has happened so far.

use std::collections::BTreeMap;

use chrono::{Datelike, Days, Months, NaiveDate};

use crate::ledger::demo::deed::{Deed, Purse};
use crate::ledger::demo::dice::Dice;

/// How many months it is told of.
const MONTHS: u32 = 24;
/// Any number will do, as long as it stays.
const SEED: u64 = 20_261_125;
/// What a pound is worth at first, in hundredths of a cent of a euro: 1.1650.
const FIRST_RATE: i64 = 11_650;

/// What has happened so far.
pub struct Life {
    /// What decides.
    pub dice: Dice,
    /// The day on which the purses were counted for the first time.
    pub start: NaiveDate,
    /// The last day.
    pub today: NaiveDate,
    /// What was owed on the card when the month began; negative.
    pub statement: i64,
    /// What a pound was worth from which day on, in hundredths of a cent.
    pub rates: Vec<(NaiveDate, i64)>,
    /// What happened, in its order.
    pub deeds: Vec<Deed>,
    held: BTreeMap<Purse, i64>,
}

impl Life {
    /// A life that is told up to a day, and has not begun yet.
    #[must_use]
    pub fn before(today: NaiveDate) -> Self {
        let start = today - Months::new(MONTHS);
        Self {
            dice: Dice::new(SEED),
            start,
            today,
            statement: Purse::Card.opening(),
            rates: vec![(start, FIRST_RATE)],
            deeds: Vec::new(),
            held: Purse::ALL.map(|purse| (purse, purse.opening())).into(),
        }
    }

    /// The days that are told of, but for the first, on which only the purses were counted.
    pub fn days(&self) -> impl Iterator<Item = NaiveDate> + use<> {
        let today = self.today;
        self.start
            .iter_days()
            .skip(1)
            .take_while(move |day| *day <= today)
    }

    /// What is in a purse now.
    #[must_use]
    pub fn held(&self, purse: Purse) -> i64 {
        self.held.get(&purse).copied().unwrap_or_default()
    }

    /// How many days it has gone on.
    #[must_use]
    pub fn age(&self, day: NaiveDate) -> i64 {
        (day - self.start).num_days()
    }

    /// Whether the first year is over, in which some things cost less.
    #[must_use]
    pub fn is_later(&self, day: NaiveDate) -> bool {
        day >= self.start + Months::new(MONTHS / 2)
    }

    /// Something happens.
    pub fn add(&mut self, deed: Deed) -> &mut Deed {
        for (purse, amount) in &deed.moves {
            *self.held.entry(*purse).or_default() += amount;
        }
        let place = self.deeds.len();
        self.deeds.push(deed);
        &mut self.deeds[place]
    }

    /// Something is paid.
    pub fn pay(
        &mut self,
        day: NaiveDate,
        purse: Purse,
        payee: &'static str,
        category: &'static str,
        amount: i64,
    ) -> &mut Deed {
        self.add(Deed::plain(day, purse, payee, category, -amount))
    }

    /// Something is paid with what is at hand: with coins where there are enough of them.
    pub fn pay_small(
        &mut self,
        day: NaiveDate,
        payee: &'static str,
        category: &'static str,
        amount: i64,
    ) {
        let has_coins = self.held(Purse::Cash) >= amount + 1_000;
        let purse = if has_coins && self.dice.chance(45) {
            Purse::Cash
        } else {
            Purse::Everyday
        };
        self.pay(day, purse, payee, category, amount);
    }

    /// What pounds are worth in cents now.
    #[must_use]
    pub fn in_cents(&self, pence: i64) -> i64 {
        pence * self.rate() / 10_000
    }

    fn rate(&self) -> i64 {
        self.rates.last().map_or(FIRST_RATE, |(_, rate)| *rate)
    }

    /// A month begins: the card is added up, and somebody looks the rate up.
    pub fn begin_month(&mut self, day: NaiveDate) {
        self.statement = self.held(Purse::Card);
        let rate = self.rate() + self.dice.between(-95, 95);
        self.rates.push((day, rate.clamp(11_300, 12_100)));
    }
}

/// Whether a day is the last one of its month.
#[must_use]
pub fn ends_month(day: NaiveDate) -> bool {
    (day + Days::new(1)).day() == 1
}

/// The first day of the month that a day is in.
#[must_use]
pub fn month_of(day: NaiveDate) -> NaiveDate {
    day - Days::new(day.day0().into())
}
