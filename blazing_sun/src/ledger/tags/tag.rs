//! The tag.

use chrono::{DateTime, Utc};

use crate::kernel::id::Id;

/// A tag.
#[derive(Clone, Debug)]
pub struct Tag {
    /// Which one.
    pub id: Id<Tag>,
    /// What it is called.
    pub name: String,
    /// Rises with each change.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}
