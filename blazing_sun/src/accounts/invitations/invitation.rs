//! An invitation, and the batch that it came with.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::kernel::email::Email;
use crate::kernel::name::PersonName;
use crate::web::access::Role;

/// How long the link of an invitation is good.
pub const INVITATION: TimeDelta = TimeDelta::days(7);

/// Marks the ids of invitations. An invitation's token has the same id, so that a token leads to one invitation and to the
/// role that this one offers.
pub struct Invitation;

/// Marks the ids of batches.
pub struct Batch;

/// Somebody who is to be invited.
#[derive(Clone, Debug)]
pub struct NewInvitation {
    /// The line of the file, from 1.
    pub row: i32,
    /// Where they get mail.
    pub email: Email,
    /// How they are called, if that was said.
    pub name: Option<PersonName>,
    /// What they may do when they have accepted.
    pub role: Role,
}

/// How far an invitation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is to be dealt with.
    Pending,
    /// There is an account, and a mail with the link to it.
    Invited,
    /// The address had an account already, and nothing was done.
    Registered,
    /// The account is its owner's.
    Accepted,
}

impl State {
    /// Its name in the database.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Invited => "invited",
            Self::Registered => "registered",
            Self::Accepted => "accepted",
        }
    }
}

/// How far the invitations of a batch are.
#[derive(Debug, Serialize, ToSchema)]
pub struct Progress {
    /// The batch.
    pub id: Uuid,
    /// The administrator whose it is; none if it was made at the command line, or if their account is gone.
    pub created_by: Option<Uuid>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// How many invitations it has.
    pub total: i64,
    /// How many are to be dealt with.
    pub pending: i64,
    /// How many have a mail with a link that nobody has used.
    pub invited: i64,
    /// How many addresses have an account that did not come from the invitation.
    pub registered: i64,
    /// How many were accepted.
    pub accepted: i64,
}

/// One invitation as administrators see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Row {
    /// The invitation.
    pub id: Uuid,
    /// The line of the file, from 1.
    pub row: i32,
    /// The address.
    pub email: String,
    /// The name; may be empty.
    pub name: String,
    /// The role that is offered.
    pub role: String,
    /// `pending`, `invited`, `registered` or `accepted`.
    pub state: String,
    /// The account, as soon as there is one.
    pub user_id: Option<Uuid>,
}
