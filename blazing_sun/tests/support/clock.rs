//! A clock that the test sets.

use std::sync::Mutex;

use blazing_sun::kernel::clock::Clock;
use chrono::{DateTime, TimeDelta, Utc};

/// A clock that moves when it is told to.
pub struct FixedClock(Mutex<DateTime<Utc>>);

impl FixedClock {
    /// A clock that stands at a moment.
    pub fn at(moment: DateTime<Utc>) -> Self {
        Self(Mutex::new(moment))
    }

    /// Lets time pass.
    pub fn advance(&self, time: TimeDelta) {
        *self.0.lock().expect("the time") += time;
    }
}

impl Clock for FixedClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().expect("the time")
    }
}
