//! An account as an administrator sees it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Somebody who has an account.
#[derive(Debug, Serialize, ToSchema)]
pub struct Person {
    /// The account.
    pub id: Uuid,
    /// Its address.
    pub email: String,
    /// What its owner wants to be called; may be empty.
    pub name: String,
    /// `user`, `operator` or `admin`.
    pub role: String,
    /// `pending`: the address is not confirmed yet; `active`: its owner can sign in.
    pub status: String,
    /// Rises with each change; the ETag of the account.
    pub version: i64,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When its owner confirmed the address.
    pub activated_at: Option<DateTime<Utc>>,
    /// When it will be erased, if its owner wants that.
    pub deletion_at: Option<DateTime<Utc>>,
}
