//! What happens to accounts, for everybody who wants to know.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::accounts::account::Account;
use crate::flow::event::{Event, Topic};
use crate::kernel::id::Id;

/// Where accounts tell what happens to them.
pub const USER_EVENTS: Topic = Topic::new("user.events");

/// An account was opened; its address is not confirmed yet.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct UserCreated {
    /// The account.
    pub user_id: Id<Account>,
    /// Its version.
    pub version: i64,
}

impl Event for UserCreated {
    const TYPE: &'static str = "user.created.v1";
    const TOPIC: Topic = USER_EVENTS;
    const SUMMARY: &'static str = "An account was opened; its address is not confirmed yet.";

    fn subject(&self) -> Uuid {
        self.user_id.uuid()
    }

    fn sequence(&self) -> i64 {
        self.version
    }
}

impl From<&Account> for UserCreated {
    fn from(account: &Account) -> Self {
        Self {
            user_id: account.id,
            version: account.version,
        }
    }
}

/// The owner of an account has confirmed its address.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct UserActivated {
    /// The account.
    pub user_id: Id<Account>,
    /// Its version.
    pub version: i64,
}

impl Event for UserActivated {
    const TYPE: &'static str = "user.activated.v1";
    const TOPIC: Topic = USER_EVENTS;
    const SUMMARY: &'static str = "The owner of an account has confirmed its address.";

    fn subject(&self) -> Uuid {
        self.user_id.uuid()
    }

    fn sequence(&self) -> i64 {
        self.version
    }
}
