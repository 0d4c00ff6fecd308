//! How a rule is written: FREQ, INTERVAL, BYDAY, BYMONTHDAY, and COUNT or UNTIL of RFC 5545 (3.3.10). All else is refused with
//! the reason, rather than passed over.

use std::fmt;
use std::str::FromStr;

use chrono::{NaiveDate, Weekday};
use rrule::{Frequency, NWeekday};

use crate::kernel::day::Day;
use crate::ledger::recurring::rule::{Rule, number};

/// The longest rule, in characters.
const MAX_LENGTH: usize = 200;
/// The longest interval.
const MAX_INTERVAL: u16 = 366;
/// How often at most something comes that is counted.
const MAX_COUNT: u16 = 1000;

/// What a rule says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// What comes again: days, weeks, months or years.
    pub frequency: Frequency,
    /// Every how many of them.
    pub interval: u16,
    /// On which days of the week; numbered ones are those of the month.
    pub days: Vec<NWeekday>,
    /// On which days of the month; negative ones count from its end.
    pub month_days: Vec<i8>,
    /// How often.
    pub count: Option<u16>,
    /// The last day that may be one.
    pub until: Option<Day>,
}

impl Parts {
    /// Whether a day comes after all that it names.
    #[must_use]
    pub fn is_past(&self, day: NaiveDate) -> bool {
        self.until.is_some_and(|until| day > until.date())
    }
}

/// Why a text is no rule, or not one that is followed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotARule {
    /// It is not written like one.
    #[error("is not a rule such as FREQ=MONTHLY;BYMONTHDAY=1")]
    Form,
    /// It is longer than any that makes sense.
    #[error("has more than {MAX_LENGTH} characters")]
    TooLong,
    /// A part of it is not followed.
    #[error("has another part than FREQ, INTERVAL, BYDAY, BYMONTHDAY, COUNT and UNTIL")]
    Part,
    /// A part stands in it twice.
    #[error("has a part twice")]
    Twice,
    /// It does not say what comes again.
    #[error("has no FREQ of DAILY, WEEKLY, MONTHLY or YEARLY")]
    Frequency,
    /// Its interval is out of bounds.
    #[error("has an INTERVAL that is not from 1 to {MAX_INTERVAL}")]
    Interval,
    /// It ends after too many or none.
    #[error("has a COUNT that is not from 1 to {MAX_COUNT}")]
    Count,
    /// It ends on no day.
    #[error("has an UNTIL that is not a day such as 20261231")]
    Until,
    /// It ends twice.
    #[error("has both COUNT and UNTIL")]
    Ends,
    /// It names days that no week has.
    #[error("has a BYDAY that is not a list of days such as MO,FR, or in a month 1MO or -1FR")]
    Days,
    /// It numbers days where they have no numbers.
    #[error("numbers days in BYDAY, which goes with FREQ=MONTHLY only")]
    Numbered,
    /// It names days that no month has.
    #[error("has a BYMONTHDAY that is not a list of days from 1 to 31, or -28 to -1 from the end")]
    MonthDays,
    /// It names days of the month where there are none.
    #[error("has BYMONTHDAY, which goes with FREQ=MONTHLY and without BYDAY only")]
    NotMonthly,
    /// It names days of the week in a year.
    #[error("has BYDAY, which does not go with FREQ=YEARLY")]
    Yearly,
}

impl FromStr for Rule {
    type Err = NotARule;

    fn from_str(text: &str) -> Result<Self, NotARule> {
        if text.len() > MAX_LENGTH {
            return Err(NotARule::TooLong);
        }
        let text = text.to_ascii_uppercase();
        let text = text.strip_prefix("RRULE:").unwrap_or(&text);
        let mut written = Written::default();
        for part in text.split(';') {
            let (name, value) = part.split_once('=').ok_or(NotARule::Form)?;
            if written.place(name)?.replace(value).is_some() {
                return Err(NotARule::Twice);
            }
        }
        written.read().map(Self::from)
    }
}

/// The parts as they are written.
#[derive(Default)]
struct Written<'a> {
    frequency: Option<&'a str>,
    interval: Option<&'a str>,
    days: Option<&'a str>,
    month_days: Option<&'a str>,
    count: Option<&'a str>,
    until: Option<&'a str>,
}

impl<'a> Written<'a> {
    fn place(&mut self, name: &str) -> Result<&mut Option<&'a str>, NotARule> {
        match name {
            "FREQ" => Ok(&mut self.frequency),
            "INTERVAL" => Ok(&mut self.interval),
            "BYDAY" => Ok(&mut self.days),
            "BYMONTHDAY" => Ok(&mut self.month_days),
            "COUNT" => Ok(&mut self.count),
            "UNTIL" => Ok(&mut self.until),
            _ => Err(NotARule::Part),
        }
    }

    fn read(&self) -> Result<Parts, NotARule> {
        let frequency = match self.frequency {
            Some("DAILY") => Frequency::Daily,
            Some("WEEKLY") => Frequency::Weekly,
            Some("MONTHLY") => Frequency::Monthly,
            Some("YEARLY") => Frequency::Yearly,
            _ => return Err(NotARule::Frequency),
        };
        let interval = self
            .interval
            .map(|text| whole(text, MAX_INTERVAL).ok_or(NotARule::Interval));
        let count = self
            .count
            .map(|text| whole(text, MAX_COUNT).ok_or(NotARule::Count));
        let parts = Parts {
            frequency,
            interval: interval.transpose()?.unwrap_or(1),
            days: list(self.days, weekday).ok_or(NotARule::Days)?,
            month_days: list(self.month_days, month_day).ok_or(NotARule::MonthDays)?,
            count: count.transpose()?,
            until: self.until.map(until).transpose()?,
        };
        let is_monthly = frequency == Frequency::Monthly;
        if parts.count.is_some() && parts.until.is_some() {
            return Err(NotARule::Ends);
        }
        if !parts.days.is_empty() && frequency == Frequency::Yearly {
            return Err(NotARule::Yearly);
        }
        if !is_monthly && parts.days.iter().any(|day| number(*day).is_some()) {
            return Err(NotARule::Numbered);
        }
        if !parts.month_days.is_empty() && (!is_monthly || !parts.days.is_empty()) {
            return Err(NotARule::NotMonthly);
        }
        Ok(parts)
    }
}

/// A number from 1 to `most`, in digits only.
fn whole(text: &str, most: u16) -> Option<u16> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = is_plain.then(|| text.parse().ok()).flatten()?;
    (1..=most).contains(&number).then_some(number)
}

/// The members of a list in their order, each once; none, if there is no list.
fn list<T: Ord>(text: Option<&str>, read: fn(&str) -> Option<T>) -> Option<Vec<T>> {
    let Some(text) = text else {
        return Some(Vec::new());
    };
    let mut members = text.split(',').map(read).collect::<Option<Vec<T>>>()?;
    members.sort_unstable();
    members.dedup();
    Some(members)
}

fn weekday(text: &str) -> Option<NWeekday> {
    let (number, name) = text.split_at_checked(text.len().checked_sub(2)?)?;
    let day = DAYS.iter().find(|(known, _)| *known == name)?.1;
    if number.is_empty() {
        return Some(NWeekday::Every(day));
    }
    let number = signed(number)?;
    // The fifth from the end is one that the crate does not know.
    (number != 0 && (-4..=5).contains(&number)).then_some(NWeekday::Nth(number.into(), day))
}

fn month_day(text: &str) -> Option<i8> {
    signed(text).filter(|day| (1..=31).contains(day) || (-28..=-1).contains(day))
}

/// A number of at most two digits; a plus may stand before it.
fn signed(text: &str) -> Option<i8> {
    let digits = text.trim_start_matches(['+', '-']);
    let is_plain = (1..=2).contains(&digits.len()) && text.len() - digits.len() <= 1;
    is_plain.then(|| text.parse().ok()).flatten()
}

fn until(text: &str) -> Result<Day, NotARule> {
    let is_plain = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    let date = is_plain
        .then(|| NaiveDate::parse_from_str(text, "%Y%m%d").ok())
        .flatten();
    let date = date.ok_or(NotARule::Until)?;
    date.try_into().map_err(|_| NotARule::Until)
}

const DAYS: [(&str, Weekday); 7] = [
    ("MO", Weekday::Mon),
    ("TU", Weekday::Tue),
    ("WE", Weekday::Wed),
    ("TH", Weekday::Thu),
    ("FR", Weekday::Fri),
    ("SA", Weekday::Sat),
    ("SU", Weekday::Sun),
];

/// As `FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=31;COUNT=5`. (The crate writes the first Monday like every Monday.)
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = self.parts();
        write!(f, "FREQ={}", parts.frequency)?;
        if parts.interval != 1 {
            write!(f, ";INTERVAL={}", parts.interval)?;
        }
        for (place, day) in parts.days.iter().enumerate() {
            f.write_str(if place == 0 { ";BYDAY=" } else { "," })?;
            let (NWeekday::Every(weekday) | NWeekday::Nth(_, weekday)) = *day;
            if let Some(number) = number(*day) {
                write!(f, "{number}")?;
            }
            let name = DAYS.iter().find(|(_, known)| *known == weekday);
            f.write_str(name.map_or("", |(name, _)| name))?;
        }
        for (place, day) in parts.month_days.iter().enumerate() {
            f.write_str(if place == 0 { ";BYMONTHDAY=" } else { "," })?;
            write!(f, "{day}")?;
        }
        if let Some(count) = parts.count {
            write!(f, ";COUNT={count}")?;
        }
        if let Some(until) = parts.until {
            write!(f, ";UNTIL={}", until.date().format("%Y%m%d"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_followed_is_written_in_one_way() {
        for (text, written) in [
            ("FREQ=DAILY", "FREQ=DAILY"),
            ("freq=weekly;byday=fr,mo,fr", "FREQ=WEEKLY;BYDAY=MO,FR"),
            ("RRULE:FREQ=MONTHLY;INTERVAL=1", "FREQ=MONTHLY"),
            (
                "COUNT=5;FREQ=MONTHLY;BYDAY=+1MO,-1FR",
                "FREQ=MONTHLY;BYDAY=-1FR,1MO;COUNT=5",
            ),
            (
                "FREQ=MONTHLY;BYMONTHDAY=31,-1,7",
                "FREQ=MONTHLY;BYMONTHDAY=-1,7,31",
            ),
            (
                "FREQ=YEARLY;UNTIL=20301231;INTERVAL=2",
                "FREQ=YEARLY;INTERVAL=2;UNTIL=20301231",
            ),
        ] {
            let rule: Result<Rule, _> = text.parse();
            assert_eq!(
                rule.map(|rule| rule.to_string()),
                Ok(written.to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_not_followed_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", NotARule::Form),
            ("every month", NotARule::Form),
            ("FREQ=DAILY;", NotARule::Form),
            ("INTERVAL=2", NotARule::Frequency),
            ("FREQ=HOURLY", NotARule::Frequency),
            ("FREQ=DAILY;FREQ=DAILY", NotARule::Twice),
            ("FREQ=MONTHLY;BYSETPOS=-1;BYDAY=MO", NotARule::Part),
            ("FREQ=DAILY;WKST=SU", NotARule::Part),
            ("FREQ=YEARLY;BYMONTH=2", NotARule::Part),
            ("FREQ=DAILY;INTERVAL=0", NotARule::Interval),
            ("FREQ=DAILY;INTERVAL=367", NotARule::Interval),
            ("FREQ=DAILY;INTERVAL=+1", NotARule::Interval),
            ("FREQ=DAILY;COUNT=0", NotARule::Count),
            ("FREQ=DAILY;COUNT=100000000000", NotARule::Count),
            ("FREQ=DAILY;COUNT=2;UNTIL=20301231", NotARule::Ends),
            ("FREQ=DAILY;UNTIL=20301231T000000Z", NotARule::Until),
            ("FREQ=DAILY;UNTIL=20300231", NotARule::Until),
            ("FREQ=DAILY;UNTIL=99991231", NotARule::Until),
            ("FREQ=WEEKLY;BYDAY=", NotARule::Days),
            ("FREQ=WEEKLY;BYDAY=MONDAY", NotARule::Days),
            ("FREQ=MONTHLY;BYDAY=6MO", NotARule::Days),
            ("FREQ=MONTHLY;BYDAY=-5MO", NotARule::Days),
            ("FREQ=MONTHLY;BYDAY=0MO", NotARule::Days),
            ("FREQ=WEEKLY;BYDAY=1MO", NotARule::Numbered),
            ("FREQ=YEARLY;BYDAY=MO", NotARule::Yearly),
            ("FREQ=MONTHLY;BYMONTHDAY=0", NotARule::MonthDays),
            ("FREQ=MONTHLY;BYMONTHDAY=32", NotARule::MonthDays),
            ("FREQ=MONTHLY;BYMONTHDAY=-29", NotARule::MonthDays),
            ("FREQ=WEEKLY;BYMONTHDAY=1", NotARule::NotMonthly),
            ("FREQ=MONTHLY;BYMONTHDAY=13;BYDAY=FR", NotARule::NotMonthly),
        ] {
            assert_eq!(text.parse::<Rule>(), Err(reason), "{text}");
        }
        let long = format!("FREQ=DAILY;BYDAY={}", "MO,".repeat(100));
        assert_eq!(long.parse::<Rule>(), Err(NotARule::TooLong));
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "\\PC*|FREQ=(DAILY|MONTHLY)(;(BYDAY|BYMONTHDAY|COUNT|UNTIL|INTERVAL)=[-+0-9MOFR,é]{0,9}){0,3}") {
            if let Ok(rule) = text.parse::<Rule>() {
                prop_assert_eq!(rule.to_string().parse(), Ok(rule));
            }
        }
    }
}
