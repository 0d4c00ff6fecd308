//! The time zone somebody lives in.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;

/// A time zone of the IANA database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeZone(Tz);

/// Why a text is not a time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a time zone such as UTC or Europe/Berlin")]
pub struct NotATimeZone;

impl TimeZone {
    /// Its name in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0.name()
    }

    /// Which day it is there.
    #[must_use]
    pub fn date(self, moment: DateTime<Utc>) -> NaiveDate {
        moment.with_timezone(&self.0).date_naive()
    }

    /// The first moment of a day there. Where clocks skip midnight, or the whole day, it is the one at which they go on.
    #[must_use]
    pub fn beginning(self, day: NaiveDate) -> DateTime<Utc> {
        let midnight = day.and_time(NaiveTime::MIN);
        // Clocks are set by quarters of an hour.
        let mut moments = (0..=96).map(|quarters| midnight + TimeDelta::minutes(15 * quarters));
        let first = moments.find_map(|local| self.0.from_local_datetime(&local).earliest());
        first.map_or(midnight.and_utc(), |moment| moment.with_timezone(&Utc))
    }

    /// The day that a moment falls on there.
    #[must_use]
    pub fn day(self, moment: DateTime<Utc>) -> String {
        let local = moment.with_timezone(&self.0);
        local.format("%-d %b %Y").to_string()
    }

    /// A moment as clocks there show it.
    #[must_use]
    pub fn show(self, moment: DateTime<Utc>) -> String {
        let local = moment.with_timezone(&self.0);
        format!("{}, {}", self.day(moment), local.format("%H:%M"))
    }

    /// The same with the zone beside it: for mails, which are read anywhere.
    #[must_use]
    pub fn tell(self, moment: DateTime<Utc>) -> String {
        format!("{} ({self})", self.show(moment))
    }
}

impl Default for TimeZone {
    fn default() -> Self {
        Self(Tz::UTC)
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for TimeZone {
    type Err = NotATimeZone;

    fn from_str(text: &str) -> Result<Self, NotATimeZone> {
        text.parse().map(Self).map_err(|_| NotATimeZone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_zone_is_called_as_in_the_database() {
        for name in ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"] {
            assert_eq!(name.parse().map(TimeZone::as_str), Ok(name));
        }
        for bad in [
            "",
            "Berlin",
            "europe/berlin",
            " UTC",
            "Europe/Atlantis",
            "+01:00",
            "../etc/passwd",
        ] {
            assert_eq!(bad.parse::<TimeZone>(), Err(NotATimeZone), "{bad:?}");
        }
    }

    #[test]
    fn a_day_begins_at_midnight_there() {
        let day = |zone: &str| {
            let zone: TimeZone = zone.parse().expect("a time zone");
            zone.date("2026-12-31T12:00:00Z".parse().expect("a moment"))
        };
        assert_eq!(day("UTC").to_string(), "2026-12-31");
        assert_eq!(day("Pacific/Kiritimati").to_string(), "2027-01-01");
    }

    #[test]
    fn the_first_moment_of_a_day_is_found_even_where_there_is_no_midnight() {
        for (zone, day, first) in [
            ("UTC", "2026-11-01", "2026-11-01T00:00:00Z"),
            ("Asia/Kathmandu", "2026-11-01", "2026-10-31T18:15:00Z"),
            ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z"),
            ("America/Havana", "2026-11-01", "2026-11-01T04:00:00Z"),
            ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"),
        ] {
            let zone: TimeZone = zone.parse().expect("a time zone");
            let moment = zone.beginning(day.parse().expect("a day"));
            assert_eq!(
                moment,
                first.parse::<DateTime<Utc>>().expect("a moment"),
                "{zone}"
            );
        }
    }

    #[test]
    fn a_moment_is_told_as_clocks_there_show_it() {
        let tell = |zone: &str, moment: &str| {
            let zone: TimeZone = zone.parse().expect("a time zone");
            zone.tell(moment.parse().expect("a moment"))
        };
        for (zone, moment, told) in [
            ("UTC", "2026-11-25T08:58:00Z", "25 Nov 2026, 08:58 (UTC)"),
            (
                "Europe/Berlin",
                "2026-11-25T08:58:59Z",
                "25 Nov 2026, 09:58 (Europe/Berlin)",
            ),
            (
                "Europe/Berlin",
                "2026-07-01T22:30:00Z",
                "2 Jul 2026, 00:30 (Europe/Berlin)",
            ),
            (
                "Pacific/Chatham",
                "2026-12-31T12:00:00Z",
                "1 Jan 2027, 01:45 (Pacific/Chatham)",
            ),
        ] {
            assert_eq!(tell(zone, moment), told);
        }
    }
}
