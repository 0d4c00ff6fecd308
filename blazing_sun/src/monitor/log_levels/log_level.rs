//! What can be set: a module, a level, and for how long.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The most characters of a module's path.
const MAX_LENGTH: usize = 100;
/// How long a level holds if nothing else is said, in minutes.
pub const DEFAULT_MINUTES: i64 = 60;
/// How long it holds at most, in minutes: a day.
const MAX_MINUTES: i64 = 1440;
/// The modules of the application itself.
const OWN: &str = "blazing_sun";

/// A module by its path in Rust, such as `blazing_sun::flow::relay` or `sqlx::query`; those below it are meant too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module(String);

impl Module {
    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the application's own.
    fn is_own(&self) -> bool {
        let rest = self.0.strip_prefix(OWN);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    }
}

/// A text that is not the path of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not the path of a module, such as sqlx::query, of at most {MAX_LENGTH} characters")]
pub struct NotAModule;

impl FromStr for Module {
    type Err = NotAModule;

    fn from_str(text: &str) -> Result<Self, NotAModule> {
        let is_name = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        if text.len() > MAX_LENGTH || !text.split("::").all(is_name) {
            return Err(NotAModule);
        }
        Ok(Self(text.to_owned()))
    }
}

/// From what on a module is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = LogLevelName)]
pub enum Level {
    /// What failed.
    Error,
    /// What may fail next.
    Warn,
    /// What happens.
    Info,
    /// How it happens.
    Debug,
    /// Each step; for the application's own modules alone.
    Trace,
}

impl Level {
    /// All of them, from the fewest lines to the most.
    pub const ALL: [Self; 5] = [
        Self::Error,
        Self::Warn,
        Self::Info,
        Self::Debug,
        Self::Trace,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }

    /// The level, if this module may be logged from it on: what libraries say of each step may hold what they send, passwords
    /// too.
    pub fn of(self, module: &Module) -> Result<Self, NotALevel> {
        if self == Self::Trace && !module.is_own() {
            return Err(NotALevel::TraceOfOthers);
        }
        Ok(self)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why a module is not logged from a level on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotALevel {
    /// There is no such level.
    #[error("is not error, warn, info, debug or trace")]
    Unknown,
    /// It would tell too much.
    #[error("may be trace for modules of {OWN} alone: what others say in it may hold secrets")]
    TraceOfOthers,
}

impl FromStr for Level {
    type Err = NotALevel;

    fn from_str(text: &str) -> Result<Self, NotALevel> {
        let found = Self::ALL.into_iter().find(|level| level.name() == text);
        found.ok_or(NotALevel::Unknown)
    }
}

/// For how long a level holds, in minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Minutes(i64);

/// A number of minutes that is too small or too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not from 1 to {MAX_MINUTES}")]
pub struct NotMinutes;

impl Minutes {
    /// So many; an hour, if nothing is said.
    pub fn new(minutes: Option<i64>) -> Result<Self, NotMinutes> {
        let minutes = minutes.unwrap_or(DEFAULT_MINUTES);
        let is_good = (1..=MAX_MINUTES).contains(&minutes);
        is_good.then_some(Self(minutes)).ok_or(NotMinutes)
    }

    /// When they are over.
    #[must_use]
    pub fn after(self, now: DateTime<Utc>) -> DateTime<Utc> {
        now + TimeDelta::minutes(self.0)
    }
}

/// From which level on a module is logged for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct LogLevel {
    /// The module's path.
    pub module: String,
    /// The level.
    pub level: Level,
    /// Until when; then it is logged as configured.
    pub until: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_a_path_of_names() {
        for good in [
            "sqlx",
            "sqlx::query",
            "blazing_sun::flow::relay",
            "_a::B9",
            &"a".repeat(100),
        ] {
            assert!(good.parse::<Module>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "::",
            "a::",
            "::a",
            "a:b",
            "a b",
            "a-b",
            "9a",
            "a=debug",
            "a,b",
            "[span]",
            "a\n",
            "ä",
            &"a".repeat(101),
        ] {
            assert_eq!(bad.parse::<Module>(), Err(NotAModule), "{bad}");
        }
    }

    #[test]
    fn each_step_is_told_of_the_applications_own_modules_alone() {
        for own in ["blazing_sun", "blazing_sun::web"] {
            let module = own.parse().expect("a module");
            assert_eq!(Level::Trace.of(&module), Ok(Level::Trace));
        }
        for other in ["lapin", "blazing_sunflower", "sqlx::blazing_sun"] {
            let module = other.parse().expect("a module");
            assert_eq!(Level::Trace.of(&module), Err(NotALevel::TraceOfOthers));
            assert_eq!(Level::Debug.of(&module), Ok(Level::Debug));
        }
    }

    #[test]
    fn a_level_holds_for_a_minute_at_least_and_a_day_at_most() {
        assert_eq!(Minutes::new(None), Ok(Minutes(60)));
        assert_eq!(Minutes::new(Some(1440)), Ok(Minutes(1440)));
        for bad in [i64::MIN, 0, 1441] {
            assert_eq!(Minutes::new(Some(bad)), Err(NotMinutes));
        }
    }
}
