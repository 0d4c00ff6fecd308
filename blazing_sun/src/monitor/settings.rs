//! From when on something is told.

use chrono::TimeDelta;

/// The limits. Zero means that something is not looked at.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many failed requests a process tells in a minute; it counts the others.
    pub errors_per_minute: u32,
    /// How long ago an event may have happened that a consumer has not had.
    pub lag: TimeDelta,
    /// How long an event may wait in the outbox.
    pub outbox: TimeDelta,
    /// How long a due job may wait for a worker.
    pub jobs: TimeDelta,
    /// How full the file system of private files may be.
    pub disk_percent: i64,
    /// How large the database may be.
    pub database_mebibytes: i64,
}
