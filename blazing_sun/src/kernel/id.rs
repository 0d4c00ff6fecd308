//! Identifiers: UUIDs of version 7, which sort by the time they were made.

use uuid::Uuid;

/// A new identifier.
#[expect(
    clippy::disallowed_methods,
    reason = "this is where identifiers come from"
)]
#[must_use]
pub fn new() -> Uuid {
    Uuid::now_v7()
}
