//! When a book's month is reported by mail: as soon as the next one has begun where the book is kept, once.

use chrono::{DateTime, NaiveDate, Utc};

use crate::ledger::books::{Book, Month};

/// What is to be done about a book now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The first and the last day of the month to be reported; none if it was, or if the book is too young.
    pub report: Option<(NaiveDate, NaiveDate)>,
    /// The first day of the last month that needs no report any more.
    pub reported: NaiveDate,
    /// When to look again: when the next month begins.
    pub due_at: DateTime<Utc>,
}

impl Plan {
    /// What is to be done now, when all months up to the one that began on `reported` need no report any more. Of several months
    /// that nobody was there for, the last one is reported. A book that is seen for the first time has nothing to report:
    /// its first month is the one that it is in.
    #[must_use]
    pub fn of(book: &Book, reported: Option<NaiveDate>, now: DateTime<Utc>) -> Self {
        let start = book.month_start;
        let current = Month::of(book.today(now), start);
        let last = current.plus(-1);
        let days = (last.first_day(start), last.last_day(start));
        let is_news = reported.is_some_and(|reported| reported < days.0);
        Self {
            report: is_news.then_some(days),
            // Another calendar may begin its months earlier: that does not make one news again.
            reported: reported.map_or(days.0, |reported| reported.max(days.0)),
            due_at: book.time_zone.beginning(current.plus(1).first_day(start)),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::id::Id;

    fn book(zone: &str, month_start: i16) -> Book {
        Book {
            id: Id::new(),
            base_currency: "EUR".parse().expect("a currency"),
            time_zone: zone.parse().expect("a time zone"),
            month_start: month_start.try_into().expect("a day that every month has"),
            monthly_report: true,
            version: 1,
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    fn moment(text: &str) -> DateTime<Utc> {
        text.parse().expect("a moment")
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    #[test]
    fn a_month_is_reported_when_the_next_one_begins_where_the_book_is_kept() {
        let berlin = book("Europe/Berlin", 1);
        let seen = Plan::of(&berlin, None, moment("2026-11-25T12:00:00Z"));
        assert_eq!(seen.report, None);
        assert_eq!(seen.reported, day("2026-10-01"));
        assert_eq!(seen.due_at, moment("2026-11-30T23:00:00Z"));

        let early = Plan::of(
            &berlin,
            Some(seen.reported),
            seen.due_at - TimeDelta::seconds(1),
        );
        assert_eq!((early.report, early.due_at), (None, seen.due_at));
        let due = Plan::of(&berlin, Some(seen.reported), seen.due_at);
        assert_eq!(due.report, Some((day("2026-11-01"), day("2026-11-30"))));
        let again = Plan::of(&berlin, Some(due.reported), seen.due_at);
        assert_eq!(
            (again.report, again.due_at),
            (None, moment("2026-12-31T23:00:00Z"))
        );
    }

    #[test]
    fn after_a_week_away_it_is_reported_late_and_after_a_quarter_only_the_last_one() {
        let book = book("UTC", 25);
        let reported = Some(day("2026-09-25"));
        let late = Plan::of(&book, reported, moment("2026-12-02T08:00:00Z"));
        assert_eq!(late.report, Some((day("2026-10-25"), day("2026-11-24"))));
        let later = Plan::of(&book, reported, moment("2027-02-28T08:00:00Z"));
        assert_eq!(later.report, Some((day("2027-01-25"), day("2027-02-24"))));
    }

    #[test]
    fn moving_back_over_the_date_line_reports_no_month_twice() {
        let now = moment("2026-10-31T12:00:00Z");
        let there = Plan::of(&book("Pacific/Kiritimati", 1), Some(day("2026-09-01")), now);
        assert_eq!(there.report, Some((day("2026-10-01"), day("2026-10-31"))));
        let back = book("Pacific/Honolulu", 1);
        for now in [now, now + TimeDelta::days(1)] {
            assert_eq!(Plan::of(&back, Some(there.reported), now).report, None);
        }
    }

    proptest! {
        #[test]
        fn whatever_the_calendar_each_look_comes_later_and_no_month_is_reported_twice(
            looks in prop::collection::vec((1..60 * 24 * 40_i64, 1..=28_i16, 0..4_usize), 1..40),
        ) {
            let (mut now, mut reported) = (moment("2026-01-01T00:00:00Z"), None);
            for (minutes, month_start, zone) in looks {
                now += TimeDelta::minutes(minutes);
                let zones = ["UTC", "Pacific/Kiritimati", "Pacific/Honolulu", "Asia/Kathmandu"];
                let book = book(zones[zone], month_start);
                let plan = Plan::of(&book, reported, now);
                prop_assert!(plan.due_at > now);
                if let Some((from, to)) = plan.report {
                    prop_assert!(reported < Some(from) && to < book.today(now));
                }
                prop_assert!(Some(plan.reported) >= reported);
                reported = Some(plan.reported);
            }
        }
    }
}
