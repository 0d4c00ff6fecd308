//! What people are here.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What somebody is here; a higher one may all that a lower one may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Uses the product.
    User,
    /// Keeps it running.
    Operator,
    /// Decides who may what.
    Admin,
}

impl Role {
    /// Its frozen name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Role {
    type Err = NoSuchRole;

    fn from_str(text: &str) -> Result<Self, NoSuchRole> {
        [Self::User, Self::Operator, Self::Admin]
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or(NoSuchRole)
    }
}

/// A text that is no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not user, operator or admin")]
pub struct NoSuchRole;
