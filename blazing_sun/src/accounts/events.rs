//! What happens to accounts, for everybody who wants to know: ids and words, never an address, a name or a text.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::accounts::account::Account;
use crate::accounts::sessions::Session;
use crate::flow::event::{Event, Topic};
use crate::kernel::id::Id;

/// Where accounts tell what happens to them.
pub const USER_EVENTS: Topic = Topic::new("user.events");
/// Where they tell who signs in.
pub const AUTH_EVENTS: Topic = Topic::new("auth.events");

/// Events whose aggregate is the account.
macro_rules! events_of_accounts {
    ($($name:ident $kind:literal $topic:ident $summary:literal)*) => {$(
        impl Event for $name {
            const TYPE: &'static str = $kind;
            const TOPIC: Topic = $topic;
            const SUMMARY: &'static str = $summary;

            fn subject(&self) -> Uuid {
                self.user_id.uuid()
            }

            fn sequence(&self) -> i64 {
                self.version
            }
        }
    )*};
}

events_of_accounts! {
    UserCreated "user.created.v1" USER_EVENTS
        "An account was opened; its address is not confirmed yet."
    UserActivated "user.activated.v1" USER_EVENTS
        "The owner of an account has confirmed its address."
    UserUpdated "user.updated.v1" USER_EVENTS
        "Something about an account has changed."
    UserPasswordChanged "user.password_changed.v1" USER_EVENTS
        "The owner of an account has chosen another password."
    UserDeleted "user.deleted.v1" USER_EVENTS
        "An account was erased; whoever holds anything about its owner erases it too."
    SignedIn "auth.sign_in.v1" AUTH_EVENTS
        "Somebody signed in."
    SignInFailed "auth.sign_in_failed.v1" AUTH_EVENTS
        "Somebody did not get in."
    SignedOut "auth.sign_out.v1" AUTH_EVENTS
        "A session was ended by its owner."
    PasswordReset "auth.password_reset.v1" AUTH_EVENTS
        "A forgotten password was replaced with a link from a mail."
}

/// An account was opened; its address is not confirmed yet.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct UserCreated {
    /// The account.
    pub user_id: Id<Account>,
    /// Its version.
    pub version: i64,
}

/// The owner of an account has confirmed its address.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct UserActivated {
    /// The account.
    pub user_id: Id<Account>,
    /// Its version.
    pub version: i64,
}

/// Something about an account has changed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct UserUpdated {
    /// The account.
    pub user_id: Id<Account>,
    /// Its version.
    pub version: i64,
    /// What has changed.
    pub changed: Vec<Changed>,
    /// The change of address, if the address has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_change_id: Option<Uuid>,
}

/// The owner of an account has chosen another password.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct UserPasswordChanged {
    /// The account.
    pub user_id: Id<Account>,
    /// Its version.
    pub version: i64,
}

/// An account was erased.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct UserDeleted {
    /// The account.
    pub user_id: Id<Account>,
    /// Its version.
    pub version: i64,
}

/// Somebody signed in.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SignedIn {
    /// The account.
    pub user_id: Id<Account>,
    /// Its version.
    pub version: i64,
    /// The session that began.
    pub session_id: Id<Session>,
    /// Whether the account has other devices and this one is new.
    pub new_device: bool,
    /// What was asked for besides the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_factor: Option<Factor>,
}

/// Somebody did not get in.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SignInFailed {
    /// The account.
    pub user_id: Id<Account>,
    /// Its version.
    pub version: i64,
    /// Whether there is such an account; if not, `user_id` is a pseudonym of the address.
    pub known: bool,
    /// Why.
    pub reason: FailedBecause,
}

/// A session was ended by its owner.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SignedOut {
    /// The account.
    pub user_id: Id<Account>,
    /// Its version.
    pub version: i64,
    /// The session that ended.
    pub session_id: Id<Session>,
}

/// A forgotten password was replaced with a link from a mail.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PasswordReset {
    /// The account.
    pub user_id: Id<Account>,
    /// Its version.
    pub version: i64,
}

/// What can change about an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Changed {
    /// The name.
    Name,
    /// The language and region.
    Locale,
    /// The time zone.
    TimeZone,
    /// The default currency.
    Currency,
    /// The address.
    Email,
    /// What its owner may do.
    Role,
    /// An authenticator app was added.
    AuthenticatorAdded,
    /// The authenticator app was removed.
    AuthenticatorRemoved,
    /// A passkey was added.
    PasskeyAdded,
    /// A passkey was removed.
    PasskeyRemoved,
    /// The recovery codes were replaced.
    RecoveryCodes,
    /// An API token was made.
    ApiTokenCreated,
    /// An API token was revoked.
    ApiTokenRevoked,
    /// Its owner wants it erased.
    DeletionScheduled,
    /// Its owner wants to keep it after all.
    DeletionCancelled,
}

/// What is asked for besides the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    /// A code of an authenticator app.
    Authenticator,
    /// A passkey.
    Passkey,
    /// A recovery code.
    RecoveryCode,
}

/// Why somebody did not get in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailedBecause {
    /// There is no such account.
    Unknown,
    /// The password is another one.
    Password,
    /// The address is not confirmed yet.
    NotActive,
    /// The second factor was not right.
    SecondFactor,
}

impl From<&Account> for UserCreated {
    fn from(account: &Account) -> Self {
        Self {
            user_id: account.id,
            version: account.version,
        }
    }
}
