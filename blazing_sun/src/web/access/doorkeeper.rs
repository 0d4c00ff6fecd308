//! Who asks, and who recognises them.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use uuid::Uuid;

use crate::kernel::currency::Currency;
use crate::kernel::time_zone::TimeZone;
use crate::web::access::role::Role;
use crate::web::access::scope::Scope;
use crate::web::page::Visitor;
use crate::web::problem::Problem;

/// What a request brings to show who it is from.
pub enum Credential {
    /// The token of a browser's cookie.
    Cookie(SecretString),
    /// What stands behind `Authorization: Bearer`.
    Bearer(SecretString),
}

/// Somebody who was recognised.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Their account.
    pub account_id: Uuid,
    /// What they are here.
    pub role: Role,
    /// How they were recognised.
    pub means: Means,
}

/// How somebody was recognised.
#[derive(Clone, Debug)]
pub enum Means {
    /// They have signed in.
    Session {
        /// The session.
        id: Uuid,
        /// When they last proved who they are.
        confirmed_at: DateTime<Utc>,
    },
    /// A program has a token of theirs.
    Token {
        /// The token.
        id: Uuid,
        /// What it may be used for.
        scopes: Vec<Scope>,
    },
}

/// Recognises people.
#[async_trait]
pub trait Doorkeeper: Send + Sync {
    /// Who a credential belongs to; none if it is not good, or not any more.
    async fn recognise(&self, credential: Credential) -> Result<Option<Caller>, Problem>;

    /// How pages name somebody.
    async fn introduce(&self, caller: &Caller) -> Result<Option<Visitor>, Problem>;

    /// What new things of theirs start with.
    async fn preferences(&self, account_id: Uuid) -> Result<Option<Preferences>, Problem>;
}

/// What somebody's new things start with.
#[derive(Clone, Copy, Debug)]
pub struct Preferences {
    /// The currency.
    pub currency: Currency,
    /// The time zone.
    pub time_zone: TimeZone,
}
