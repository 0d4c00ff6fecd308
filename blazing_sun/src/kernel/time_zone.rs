//! The time zone somebody lives in.

use std::str::FromStr;

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
}
