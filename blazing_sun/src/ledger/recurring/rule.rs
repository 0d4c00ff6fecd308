//! When something is due: a rule of RFC 5545, of the kinds that money follows.
//!
//! Which days a rule names the crate `rrule` finds out. Two things are done around it: a day that a month does not have is the
//! month's last one (the RFC would leave the month out), and COUNT and UNTIL are applied after that, to what is really due.

use chrono::{Datelike, Month, NaiveDate, NaiveTime, TimeZone};
use rrule::{Frequency, NWeekday, RRule, RRuleSet, Tz};

use crate::kernel::day::Day;
use crate::ledger::recurring::rule_text::Parts;

/// The shortest month's length: days up to it are in every month.
const SHORTEST: i8 = 28;

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule(Parts);

impl From<Parts> for Rule {
    fn from(parts: Parts) -> Self {
        Self(parts)
    }
}

impl Rule {
    /// Its parts, for writing it down.
    #[must_use]
    pub fn parts(&self) -> &Parts {
        &self.0
    }

    /// The first day from `from` on that it names, if it began at `start`.
    #[must_use]
    pub fn first(&self, start: Day, from: NaiveDate) -> Option<NaiveDate> {
        self.walk(start, |mut days| {
            Iterator::find(&mut days, |day| *day >= from)
        })
    }

    /// The days from `from` to `to` that it names, if it began at `start`; the first `limit` of them.
    #[must_use]
    pub fn between(
        &self,
        start: Day,
        from: NaiveDate,
        to: NaiveDate,
        limit: usize,
    ) -> Vec<NaiveDate> {
        self.walk(start, |days| {
            days.skip_while(|day| *day < from)
                .take_while(|day| *day <= to)
                .take(limit)
                .collect()
        })
    }

    /// Goes through the days that it names, one after the other.
    fn walk<T>(
        &self,
        start: Day,
        look: impl FnOnce(&mut dyn Iterator<Item = NaiveDate>) -> T,
    ) -> T {
        let set = self.set(start.date());
        let mut before = None;
        let mut days = set
            .into_iter()
            .map(|moment| moment.date_naive())
            // The 30th and the 31st of April are one day.
            .filter(|day| before.replace(*day) != Some(*day))
            .take_while(|day| Day::try_from(*day).is_ok() && !self.0.is_past(*day))
            .take(self.0.count.map_or(usize::MAX, usize::from));
        look(&mut days)
    }

    /// What the crate makes of it. Each day of the month is a rule of its own.
    fn set(&self, start: NaiveDate) -> RRuleSet {
        let Parts {
            frequency,
            interval,
            ..
        } = self.0;
        let moment = Tz::UTC.from_utc_datetime(&start.and_time(NaiveTime::MIN));
        let plain = RRule::new(frequency).interval(interval);
        let start_day = i8::try_from(start.day()).unwrap_or(SHORTEST);
        let month = u8::try_from(start.month()).ok();
        let month = month.and_then(|month| Month::try_from(month).ok());
        let rules = match frequency {
            Frequency::Monthly if self.0.days.is_empty() => {
                let days = match self.0.month_days.as_slice() {
                    [] => vec![start_day],
                    days => days.to_vec(),
                };
                let of_month = |day| on_month_day(plain.clone(), day);
                days.into_iter().map(of_month).collect()
            }
            Frequency::Yearly => {
                let months: Vec<Month> = month.into_iter().collect();
                vec![on_month_day(plain.by_month(&months), start_day)]
            }
            _ => vec![plain.by_weekday(self.0.days.clone())],
        };
        // The grammar is narrower than the crate's, which has nothing left to refuse.
        let rules = rules
            .into_iter()
            .filter_map(|rule| rule.validate(moment).ok());
        RRuleSet::new(moment).set_rrules(rules.collect()).limit()
    }
}

/// On this day of the month, or on its last one if it has fewer: the last of the days from the 28th on that are there.
fn on_month_day(rule: RRule<rrule::Unvalidated>, day: i8) -> RRule<rrule::Unvalidated> {
    if day > SHORTEST {
        rule.by_month_day((SHORTEST..=day).collect())
            .by_set_pos(vec![-1])
    } else {
        rule.by_month_day(vec![day])
    }
}

/// Which of the numbered days of a month it is, for those who read rules.
#[must_use]
pub fn number(day: NWeekday) -> Option<i16> {
    match day {
        NWeekday::Every(_) => None,
        NWeekday::Nth(number, _) => Some(number),
    }
}

#[cfg(test)]
mod tests {
    use chrono::{Days, Months};
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> Day {
        text.parse().expect("a day")
    }

    fn due(rule: &str, start: &str, limit: usize) -> Vec<String> {
        let rule: Rule = rule.parse().expect("a rule");
        let start = day(start);
        let all = rule.between(start, start.date(), day("2200-12-31").date(), limit);
        all.iter().map(NaiveDate::to_string).collect()
    }

    #[test]
    fn money_is_due_when_people_say_it_is() {
        for (rule, start, days) in [
            (
                "FREQ=DAILY;COUNT=2",
                "2026-11-25",
                &["2026-11-25", "2026-11-26"][..],
            ),
            (
                "FREQ=DAILY;BYDAY=MO,FR",
                "2026-11-25",
                &["2026-11-27", "2026-11-30", "2026-12-04"],
            ),
            (
                "FREQ=WEEKLY;INTERVAL=2",
                "2026-11-25",
                &["2026-11-25", "2026-12-09", "2026-12-23"],
            ),
            (
                "FREQ=WEEKLY;BYDAY=SU,TU",
                "2026-11-25",
                &["2026-11-29", "2026-12-01", "2026-12-06"],
            ),
            (
                "FREQ=MONTHLY",
                "2027-01-31",
                &["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30"],
            ),
            (
                "FREQ=MONTHLY;BYMONTHDAY=30",
                "2028-01-30",
                &["2028-01-30", "2028-02-29", "2028-03-30"],
            ),
            (
                "FREQ=MONTHLY;BYMONTHDAY=15,31",
                "2027-02-01",
                &["2027-02-15", "2027-02-28", "2027-03-15", "2027-03-31"],
            ),
            // Both are the last day of February, which is due once.
            (
                "FREQ=MONTHLY;BYMONTHDAY=29,30,31",
                "2027-02-01",
                &["2027-02-28", "2027-03-29", "2027-03-30"],
            ),
            (
                "FREQ=MONTHLY;BYMONTHDAY=-1",
                "2027-02-01",
                &["2027-02-28", "2027-03-31"],
            ),
            (
                "FREQ=MONTHLY;BYDAY=-1FR",
                "2026-11-01",
                &["2026-11-27", "2026-12-25"],
            ),
            (
                "FREQ=MONTHLY;BYDAY=1MO,3MO",
                "2026-11-01",
                &["2026-11-02", "2026-11-16", "2026-12-07"],
            ),
            ("FREQ=YEARLY", "2027-03-31", &["2027-03-31", "2028-03-31"]),
            (
                "FREQ=YEARLY",
                "2028-02-29",
                &[
                    "2028-02-29",
                    "2029-02-28",
                    "2030-02-28",
                    "2031-02-28",
                    "2032-02-29",
                ],
            ),
            (
                "FREQ=MONTHLY;UNTIL=20270228",
                "2027-01-31",
                &["2027-01-31", "2027-02-28"],
            ),
            (
                "FREQ=MONTHLY;COUNT=3",
                "2027-01-31",
                &["2027-01-31", "2027-02-28", "2027-03-31"],
            ),
            ("FREQ=MONTHLY;UNTIL=20270101", "2027-01-31", &[]),
            (
                "FREQ=YEARLY;INTERVAL=100",
                "2026-11-25",
                &["2026-11-25", "2126-11-25"],
            ),
        ] {
            let found = due(rule, start, days.len().max(1));
            assert_eq!(found, days, "{rule} from {start}");
        }
    }

    #[test]
    fn what_is_over_is_over() {
        assert_eq!(due("FREQ=DAILY;COUNT=2", "2026-11-25", 10).len(), 2);
        assert_eq!(
            due("FREQ=MONTHLY;UNTIL=20270227", "2027-01-31", 10),
            ["2027-01-31"]
        );
        assert_eq!(due("FREQ=YEARLY;INTERVAL=100", "2026-11-25", 10).len(), 2);
    }

    #[test]
    fn the_first_day_from_another_on_is_found() {
        let rule: Rule = "FREQ=MONTHLY;COUNT=2".parse().expect("a rule");
        let (start, first) = (day("2027-01-31"), |from: &str| day(from).date());
        assert_eq!(
            rule.first(start, first("2027-02-28")),
            Some(first("2027-02-28"))
        );
        assert_eq!(
            rule.first(start, first("2020-01-01")),
            Some(first("2027-01-31"))
        );
        assert_eq!(rule.first(start, first("2027-03-01")), None);
    }

    fn any_rule() -> impl Strategy<Value = String> {
        let weekdays =
            prop::sample::subsequence(vec!["MO", "TU", "WE", "TH", "FR", "SA", "SU"], 1..7)
                .prop_map(|days| format!(";BYDAY={}", days.join(",")));
        let numbered =
            prop::sample::subsequence(vec!["1MO", "2TU", "-1FR", "5SU", "-4WE", "SA"], 1..5)
                .prop_map(|days| format!(";BYDAY={}", days.join(",")));
        let month_days = prop::collection::btree_set(prop_oneof![1..=31_i8, -28..=-1_i8], 1..6)
            .prop_map(|days| {
                format!(
                    ";BYMONTHDAY={}",
                    days.iter().map(i8::to_string).collect::<Vec<_>>().join(",")
                )
            });
        let what = prop_oneof![
            Just("DAILY".to_owned()),
            weekdays.clone().prop_map(|days| format!("DAILY{days}")),
            weekdays.prop_map(|days| format!("WEEKLY{days}")),
            Just("WEEKLY".to_owned()),
            numbered.prop_map(|days| format!("MONTHLY{days}")),
            month_days.prop_map(|days| format!("MONTHLY{days}")),
            Just("YEARLY".to_owned()),
        ];
        let end = prop_oneof![
            Just(String::new()),
            (1..=1000_u16).prop_map(|count| format!(";COUNT={count}")),
            (2027..2200).prop_map(|year| format!(";UNTIL={year}0615")),
        ];
        (what, 1..=12_u16, end)
            .prop_map(|(what, interval, end)| format!("FREQ={what};INTERVAL={interval}{end}"))
    }

    fn any_start() -> impl Strategy<Value = Day> {
        (0..20_000_u64).prop_map(|days| {
            let date = day("2000-01-01").date() + Days::new(days);
            date.try_into().expect("a day")
        })
    }

    proptest! {
        /// The law of short months, against the calendar's own arithmetic.
        #[test]
        fn monthly_from_any_day_falls_on_that_day_or_the_last_of_a_shorter_month(
            start in any_start(), interval in 1..=24_u32,
        ) {
            let rule: Rule = format!("FREQ=MONTHLY;INTERVAL={interval}").parse().expect("a rule");
            let found = rule.between(start, start.date(), day("2200-12-31").date(), 40);
            let expected: Vec<NaiveDate> = (0..40)
                .map(|step| start.date() + Months::new(step * interval))
                .collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn a_day_of_the_month_is_in_every_month_once(
            start in any_start(), month_day in 1..=31_u32,
        ) {
            let rule: Rule = format!("FREQ=MONTHLY;BYMONTHDAY={month_day}").parse().expect("a rule");
            let found = rule.between(start, start.date(), day("2200-12-31").date(), 40);
            for pair in found.windows(2) {
                let months = |date: NaiveDate| date.year() * 12 + i32::try_from(date.month0()).expect("a month");
                prop_assert_eq!(months(pair[1]), months(pair[0]) + 1);
            }
            for date in found {
                let is_last = (date + Days::new(1)).day() == 1;
                prop_assert!(date.day() == month_day || is_last && date.day() < month_day, "{}", date);
            }
        }

        #[test]
        fn days_come_one_after_the_other_and_end_where_they_should(rule in any_rule(), start in any_start()) {
            let parsed: Rule = rule.parse().expect("a rule");
            prop_assert!(parsed.set(start.date()).get_rrule().len() == parsed.0.month_days.len().max(1));
            let found = parsed.between(start, start.date(), day("2200-12-31").date(), 60);
            prop_assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", found);
            prop_assert!(found.iter().all(|date| *date >= start.date() && !parsed.0.is_past(*date)));
            prop_assert!(found.len() <= parsed.0.count.map_or(60, usize::from));
            // From any of them on, the same follow.
            if let Some(middle) = found.get(found.len() / 2) {
                prop_assert_eq!(parsed.first(start, *middle), Some(*middle));
            }
        }

        #[test]
        fn a_rule_reads_back_as_it_was_written(rule in any_rule()) {
            let parsed: Rule = rule.parse().expect("a rule");
            prop_assert_eq!(parsed.to_string().parse(), Ok(parsed));
        }
    }
}
