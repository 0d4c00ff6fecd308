//! The clock: the one place that asks what time it is.

use chrono::{DateTime, Utc};

/// Tells the time; tests bring a clock that stands still.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> DateTime<Utc>;
}

/// The clock of the machine.
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock everyone else asks"
    )]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}
