//! The clock: the one place that asks what time it is.

use chrono::{DateTime, SubsecRound, Utc};

/// Tells the time; tests bring a clock that stands still.
pub trait Clock: Send + Sync {
    /// The present moment, to the microsecond: as PostgreSQL keeps it, so that what is told at once is what is read later.
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
        Utc::now().trunc_subsecs(6)
    }
}

#[cfg(test)]
mod tests {
    use chrono::Timelike;

    use super::*;

    #[test]
    fn no_moment_is_finer_than_postgresql_keeps_it() {
        for _ in 0..1000 {
            assert_eq!(SystemClock.now().nanosecond() % 1000, 0);
        }
    }
}
