//! Any bytes as a message of the queue, and as the payload of a job.

use blazing_sun::accounts::{
    AnswerLinkRequest, CreateUser, EraseAccount, EraseAccounts, ExportAccount, PurgeAccounts,
    PurgeExports, RotateSigningKeys,
};
use blazing_sun::flow::delete_blobs::DeleteBlobs;
use blazing_sun::flow::job::{Job, Ticket};
use blazing_sun::flow::purge::PurgeExpired;
use blazing_sun::ledger::{
    MakeOccurrences, MakeRecurring, PurgeTrash, ReconcileEntries, SendMonthlyReports,
};
use blazing_sun::mail::SendEmail;
use serde_json::Value;

/// A kind of job, as far as a law needs it.
type Law = (&'static str, fn(&Value));

/// Every kind of job of the application.
pub const KINDS: [Law; 16] = [
    of::<SendEmail>(),
    of::<CreateUser>(),
    of::<PurgeExpired>(),
    of::<AnswerLinkRequest>(),
    of::<RotateSigningKeys>(),
    of::<PurgeAccounts>(),
    of::<DeleteBlobs>(),
    of::<ExportAccount>(),
    of::<PurgeExports>(),
    of::<EraseAccounts>(),
    of::<EraseAccount>(),
    of::<PurgeTrash>(),
    of::<SendMonthlyReports>(),
    of::<MakeRecurring>(),
    of::<MakeOccurrences>(),
    of::<ReconcileEntries>(),
];

const fn of<J: Job>() -> Law {
    (J::NAME, decodes::<J>)
}

/// Bytes are refused, or they are a ticket: an object of its three fields that survives being written and read. The same
/// for the payload of each kind of job, to which fields may be added.
pub fn holds(bytes: &[u8]) {
    let value = serde_json::from_slice::<Value>(bytes);
    if let Ok(ticket) = Ticket::parse(bytes) {
        let value = value.as_ref().expect("a ticket is JSON");
        let fields = value.as_object().map(serde_json::Map::len);
        assert_eq!(fields, Some(3), "taken for a ticket: {value}");
        let written = serde_json::to_vec(&ticket).expect("what was read can be written");
        let again = Ticket::parse(&written).expect("what was written can be read");
        assert_eq!(again, ticket);
    }
    if let Ok(payload) = value {
        for (_, decodes) in KINDS {
            decodes(&payload);
        }
    }
}

/// The payload as a worker reads it. What it is read as is what is written, so that a job that is tried again is the same.
fn decodes<J: Job>(payload: &Value) {
    let Ok(job) = serde_json::from_value::<J>(payload.clone()) else {
        return;
    };
    let written = serde_json::to_value(&job).expect("what was read can be written");
    let again: J = serde_json::from_value(written.clone()).expect("what was written can be read");
    let again = serde_json::to_value(&again).expect("what was read can be written");
    assert_eq!(again, written, "{}", J::NAME);
}
