//! The whole story, up to a day.

use std::collections::BTreeMap;

use chrono::{Days, Months, NaiveDate};

use crate::ledger::demo::deed::{Deed, Purse};
use crate::ledger::demo::life::{Life, ends_month, month_of};
use crate::ledger::demo::{daily, occasions, regular, trips};

/// A story that was told to its end.
#[derive(Debug, PartialEq, Eq)]
pub struct Story {
    /// The day on which the purses were counted for the first time.
    pub start: NaiveDate,
    /// The last day.
    pub today: NaiveDate,
    /// What happened, in its order.
    pub deeds: Vec<Deed>,
    /// What was written down by mistake, and thrown away.
    pub mistakes: Vec<Deed>,
    /// What a pound was worth from which day on, in hundredths of a cent of a euro.
    pub rates: Vec<(NaiveDate, i64)>,
}

impl Story {
    /// Tells it. The same day tells the same story.
    #[must_use]
    pub fn until(today: NaiveDate) -> Self {
        let mut life = Life::before(today);
        for day in life.days() {
            regular::tell(&mut life, day);
            occasions::tell(&mut life, day);
            if !trips::tell(&mut life, day) {
                daily::tell(&mut life, day);
            }
            regular::keep_afloat(&mut life, day);
        }
        let twice = |days, purse, payee, category, amount| {
            let day = today - Days::new(days);
            Deed::plain(day, purse, payee, category, amount)
        };
        Self {
            start: life.start,
            today,
            mistakes: vec![
                twice(9, Purse::Everyday, "Café Luna", "Coffee", -380),
                twice(33, Purse::Card, "Volt", "Electronics", -4_990),
            ],
            rates: life.rates,
            deeds: life.deeds,
        }
    }

    /// The last day up to which everything was compared with what the bank says: the end of the month before the last.
    #[must_use]
    pub fn reconciled_until(&self) -> NaiveDate {
        month_of(self.today) - Months::new(1) - Days::new(1)
    }

    /// What was in a purse at the end of each month for which there are statements.
    #[must_use]
    pub fn statements(&self, purse: Purse) -> Vec<(NaiveDate, i64)> {
        let days = self.start.iter_days();
        days.take_while(|day| *day <= self.reconciled_until())
            .filter(|day| ends_month(*day))
            .map(|day| (day, self.held_on(purse, day)))
            .collect()
    }

    /// What was in a purse at the end of a day.
    #[must_use]
    pub fn held_on(&self, purse: Purse, day: NaiveDate) -> i64 {
        let held = self.held(purse);
        let last = held.range(..=day).next_back();
        last.map_or(0, |(_, held)| *held)
    }

    /// What was in a purse at the end of the days on which that changed.
    #[must_use]
    pub fn held(&self, purse: Purse) -> BTreeMap<NaiveDate, i64> {
        let mut balance = purse.opening();
        let mut held = BTreeMap::from([(self.start, balance)]);
        for deed in &self.deeds {
            for (_, amount) in deed.moves.iter().filter(|(moved, _)| *moved == purse) {
                balance += amount;
                held.insert(deed.date, balance);
            }
        }
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    /// Days of all kinds: each of a month, a leap day, the ends of years.
    fn todays() -> Vec<NaiveDate> {
        let month = day("2026-11-01").iter_days().take(45);
        let others = [
            "2028-02-29",
            "2028-03-01",
            "2026-12-31",
            "2027-01-01",
            "2027-05-31",
        ];
        month.chain(others.map(day)).collect()
    }

    #[test]
    fn the_same_day_tells_the_same_story_and_another_day_another() {
        let story = Story::until(day("2026-11-25"));
        assert_eq!(story, Story::until(day("2026-11-25")));
        assert_ne!(story.deeds, Story::until(day("2026-11-26")).deeds);
        // A change of the dice, or of their order, is a change of what people know: it is made on purpose.
        let paid: i64 = story
            .deeds
            .iter()
            .flat_map(|deed| &deed.lines)
            .map(|(_, amount)| amount)
            .sum();
        assert_eq!((story.deeds.len(), paid), (1_767, 1_652_005));
    }

    #[test]
    fn it_fills_two_years_and_ends_today() {
        for today in todays() {
            let story = Story::until(today);
            assert!(
                (1_500..=2_500).contains(&story.deeds.len()),
                "{today}: {}",
                story.deeds.len()
            );
            assert!(story.deeds.is_sorted_by_key(|deed| deed.date), "{today}");
            assert_eq!(story.deeds.last().map(|deed| deed.date), Some(today));
            assert!(story.deeds[0].date > story.start && story.start == today - Months::new(24));
        }
    }

    #[test]
    fn no_purse_ever_looks_absurd() {
        for today in todays() {
            let story = Story::until(today);
            for (purse, least, most) in [
                (Purse::Everyday, 50_000, 900_000),
                (Purse::Savings, 200_000, 3_500_000),
                (Purse::Cash, 3_000, 30_000),
                (Purse::Card, -250_000, 20_000),
                (Purse::Pounds, 0, 80_000),
            ] {
                for (day, held) in story.held(purse) {
                    assert!(
                        (least..=most).contains(&held),
                        "{today}: {purse:?} holds {held} on {day}"
                    );
                }
            }
        }
    }

    #[test]
    fn something_of_everything_is_in_it() {
        for today in todays() {
            let deeds = Story::until(today).deeds;
            let has = |what: &str, is: fn(&Deed) -> bool| {
                assert!(deeds.iter().any(is), "{today}: no {what}")
            };
            has("split", |deed| deed.lines.len() > 1);
            has("payment from two wallets", |deed| {
                deed.moves.len() == 2 && deed.lines.len() == 1
            });
            has("transfer with a fee", |deed| {
                deed.moves.len() == 2 && deed.lines == [("Bank fees", -450)]
            });
            has("exchange", |deed| {
                deed.moves.len() == 2 && deed.moves[1].0 == Purse::Pounds
            });
            has("refund", |deed| deed.lines == [("Clothes", 8_990)]);
            has("salary", |deed| {
                deed.lines.first().is_some_and(|line| line.0 == "Salary")
            });
            has("gift", |deed| {
                deed.lines
                    .first()
                    .is_some_and(|line| line.0 == "Gifts received")
            });
        }
    }

    #[test]
    fn statements_end_where_the_book_is_reconciled() {
        let story = Story::until(day("2026-11-25"));
        assert_eq!(story.reconciled_until(), day("2026-09-30"));
        let statements = story.statements(Purse::Everyday);
        assert_eq!(statements.len(), 23);
        assert_eq!(statements[0].0, day("2024-11-30"));
        assert_eq!(statements[22].0, day("2026-09-30"));
    }
}
