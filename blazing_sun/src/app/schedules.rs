//! Everything that happens by the clock.

use std::sync::Arc;

use crate::flow::purge::PurgeExpired;
use crate::flow::schedule::{BadPattern, Missed, Schedule};

/// The schedules of this build. Times are UTC.
pub fn schedules() -> Result<Arc<[Schedule]>, BadPattern> {
    let schedules = [Schedule::new(
        "purge_expired",
        "30 3 * * *",
        Missed::Once,
        |_| PurgeExpired {},
    )?];
    Ok(schedules.into())
}
