//! The account.

use chrono::{DateTime, Utc};

use crate::kernel::email::Email;
use crate::kernel::id::Id;
use crate::kernel::name::PersonName;

/// Who may sign in.
#[derive(Clone, Debug)]
pub struct Account {
    /// Which one.
    pub id: Id<Account>,
    /// Where its owner gets mail.
    pub email: Email,
    /// How its owner wants to be called, if they said it.
    pub name: Option<PersonName>,
    /// Whether the owner has shown that the address is theirs.
    pub status: Status,
    /// Rises with each change.
    pub version: i64,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
}

/// How far an account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The address is not confirmed yet.
    Pending,
    /// Its owner can sign in.
    Active,
}

impl Account {
    /// A new account whose address is not confirmed yet.
    #[must_use]
    pub fn pending(email: Email, name: Option<PersonName>, now: DateTime<Utc>) -> Self {
        Self {
            id: Id::new(),
            email,
            name,
            status: Status::Pending,
            version: 1,
            created_at: now,
        }
    }
}

impl Status {
    /// The one with this name in the database, which has no other names.
    pub(super) fn named(name: &str) -> Self {
        if name == Self::Active.name() {
            Self::Active
        } else {
            Self::Pending
        }
    }

    /// Its name in the database.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
        }
    }
}
