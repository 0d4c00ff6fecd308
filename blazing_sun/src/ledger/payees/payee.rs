//! The payee.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::kernel::id::Id;

/// How many other spellings lead to one payee.
pub const MAX_ALIASES: usize = 100;

/// Whom money goes to or comes from.
#[derive(Clone, Debug)]
pub struct Payee {
    /// Which one.
    pub id: Id<Payee>,
    /// What it is called.
    pub name: String,
    /// The other spellings that lead to it, in lower case and with single spaces.
    pub aliases: Vec<String>,
    /// Rises with each change.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// What was last said of a transaction with a payee, and may be meant again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Habit {
    /// What it was for; none, if that was not said or is archived.
    pub category_id: Option<Uuid>,
    /// Where it moved; none, if that is archived.
    pub wallet_id: Option<Uuid>,
}
