//! Lines that would come again and again, as while a service is away: each is said once a minute, with the number of those
//! that were kept back.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a line is kept back after it was said.
const PAUSE: Duration = Duration::from_secs(60);
/// The most lines to be told apart; beyond it all are forgotten, and said again.
const MOST: usize = 1000;

/// What was said when; one for each place that says it.
#[derive(Debug, Default)]
pub struct Seldom(Mutex<BTreeMap<String, Said>>);

#[derive(Debug)]
struct Said {
    at: Instant,
    suppressed: u64,
}

impl Seldom {
    /// Nothing was said yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// How many lines like `line` were kept back since the last that was said; `None` if this one is to be kept back too.
    pub fn again(&self, line: &str) -> Option<u64> {
        self.at(Instant::now(), line)
    }

    fn at(&self, now: Instant, line: &str) -> Option<u64> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(said) = lines.get_mut(line) {
            if now.duration_since(said.at) < PAUSE {
                said.suppressed += 1;
                return None;
            }
            said.at = now;
            return Some(std::mem::take(&mut said.suppressed));
        }
        if lines.len() == MOST {
            lines.clear();
        }
        let said = Said {
            at: now,
            suppressed: 0,
        };
        lines.insert(line.to_owned(), said);
        Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_said_once_a_minute_with_the_number_of_those_kept_back() {
        let seldom = Seldom::new();
        let start = Instant::now();
        let again =
            |line: &str, seconds: u64| seldom.at(start + Duration::from_secs(seconds), line);
        assert_eq!(again("away", 0), Some(0));
        assert_eq!(again("away", 1), None);
        assert_eq!(again("full", 1), Some(0), "another line");
        assert_eq!(again("away", 59), None);
        assert_eq!(again("away", 60), Some(2));
        assert_eq!(again("away", 61), None);
        assert_eq!(again("away", 600), Some(1));
    }

    #[test]
    fn lines_without_end_are_not_remembered() {
        let seldom = Seldom::new();
        let now = Instant::now();
        for number in 0..=MOST {
            assert_eq!(seldom.at(now, &number.to_string()), Some(0));
        }
        assert!(seldom.0.lock().expect("no panic").len() <= MOST);
    }
}
