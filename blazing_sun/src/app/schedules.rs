//! Everything that happens by the clock.

use std::sync::Arc;

use crate::accounts::{EraseAccounts, PurgeAccounts, PurgeExports, RotateSigningKeys};
use crate::flow::purge::PurgeExpired;
use crate::flow::schedule::{BadPattern, Missed, Schedule};
use crate::ledger::{MakeRecurring, PurgeTrash, SendMonthlyReports};

/// The schedules of this build. Times are UTC.
pub fn schedules() -> Result<Arc<[Schedule]>, BadPattern> {
    let schedules = [
        Schedule::new("purge_expired", "30 3 * * *", Missed::Once, |_| {
            PurgeExpired {}
        })?,
        Schedule::new("rotate_signing_keys", "0 4 * * *", Missed::Once, |_| {
            RotateSigningKeys {}
        })?,
        Schedule::new("purge_accounts", "40 3 * * *", Missed::Once, |_| {
            PurgeAccounts {}
        })?,
        Schedule::new("purge_exports", "45 3 * * *", Missed::Once, |_| {
            PurgeExports {}
        })?,
        Schedule::new("purge_trash", "50 3 * * *", Missed::Once, |_| PurgeTrash {})?,
        // Every time zone has its midnight at a quarter of an hour.
        Schedule::new("monthly_report", "*/15 * * * *", Missed::Once, |_| {
            SendMonthlyReports {}
        })?,
        Schedule::new("erase_accounts", "10 * * * *", Missed::Once, |_| {
            EraseAccounts {}
        })?,
        // Somewhere a day begins at every hour.
        Schedule::new("make_recurring", "5 * * * *", Missed::Once, |_| {
            MakeRecurring::default()
        })?,
    ];
    Ok(schedules.into())
}
