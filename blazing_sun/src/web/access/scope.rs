//! What API tokens may be used for.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What an API token may be used for. What concerns signing in itself needs a session, and has no scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub enum Scope {
    /// Reading the profile.
    #[serde(rename = "profile:read")]
    ProfileRead,
    /// Reading and changing the profile.
    #[serde(rename = "profile:write")]
    ProfileWrite,
    /// Reading the ledger.
    #[serde(rename = "ledger:read")]
    LedgerRead,
    /// Reading and changing the ledger.
    #[serde(rename = "ledger:write")]
    LedgerWrite,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 4] = [
        Self::ProfileRead,
        Self::ProfileWrite,
        Self::LedgerRead,
        Self::LedgerWrite,
    ];

    /// Whether it is enough for what `other` is for. Who changes something is shown what became of it.
    pub(super) fn covers(self, other: Self) -> bool {
        self == other
            || matches!(
                (self, other),
                (Self::ProfileWrite, Self::ProfileRead) | (Self::LedgerWrite, Self::LedgerRead)
            )
    }

    /// Its frozen name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ProfileRead => "profile:read",
            Self::ProfileWrite => "profile:write",
            Self::LedgerRead => "ledger:read",
            Self::LedgerWrite => "ledger:write",
        }
    }
}

impl FromStr for Scope {
    type Err = NoSuchScope;

    fn from_str(text: &str) -> Result<Self, NoSuchScope> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.name() == text)
            .ok_or(NoSuchScope)
    }
}

/// A text that is no scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not one of the scopes profile:read, profile:write, ledger:read and ledger:write")]
pub struct NoSuchScope;
