//! What stands in a feed: an event as a sentence. The one place that knows what each type of event is to a person.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::accounts::events::{
    Changed, Factor, FailedBecause, PasswordReset, SignInFailed, SignedIn, SignedOut,
    UserActivated, UserCreated, UserDeleted, UserPasswordChanged, UserUpdated,
};
use crate::feed::item::money::{capitalised, moved};
use crate::flow::dead_letter::DeadLettered;
use crate::flow::event::{CloudEvent, Event};
use crate::ledger::events::{
    CategoryCreated, CategoryDeleted, CategoryFacts, CategoryUpdated, TransactionCreated,
    TransactionDeleted, TransactionUpdated,
};
use crate::monitor::events::{HealthChecked, LogLevelChanged, RequestFailed, Warned};

mod money;

/// The types of events that have a sentence. Each event of them has one, so that a feed can be counted by type.
pub const SHOWN: [&str; 14] = [
    UserCreated::TYPE,
    UserActivated::TYPE,
    UserUpdated::TYPE,
    UserPasswordChanged::TYPE,
    SignedIn::TYPE,
    SignInFailed::TYPE,
    SignedOut::TYPE,
    PasswordReset::TYPE,
    TransactionCreated::TYPE,
    TransactionUpdated::TYPE,
    TransactionDeleted::TYPE,
    CategoryCreated::TYPE,
    CategoryUpdated::TYPE,
    CategoryDeleted::TYPE,
];

/// The types that nobody is shown: when an account is erased nobody is left to read it, and what the system says about itself is
/// the operators'.
pub const NOT_SHOWN: [&str; 6] = [
    UserDeleted::TYPE,
    DeadLettered::TYPE,
    HealthChecked::TYPE,
    RequestFailed::TYPE,
    Warned::TYPE,
    LogLevelChanged::TYPE,
];

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = FeedItem)]
pub struct Item {
    /// Which event it is; the same thing never comes with another id.
    pub id: Uuid,
    /// What kind of event, such as `transaction.created.v1`.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// What it happened to: a transaction, a category or the account.
    pub about: Uuid,
    /// What happened, in a sentence.
    pub text: String,
}

/// An event, wherever it is read from.
#[derive(Debug)]
pub struct Happened {
    /// The event.
    pub id: Uuid,
    /// Its frozen name.
    pub kind: String,
    /// Its aggregate.
    pub subject: Uuid,
    /// Who set it off, if somebody did.
    pub actor: Option<Uuid>,
    /// When.
    pub at: DateTime<Utc>,
    /// What its type says.
    pub data: Value,
}

impl From<&CloudEvent> for Happened {
    fn from(event: &CloudEvent) -> Self {
        Self {
            id: event.id,
            kind: event.kind.clone(),
            subject: event.subject,
            actor: event.actorid,
            at: event.time,
            data: event.data.clone(),
        }
    }
}

impl Happened {
    /// What it is to the one whose feed it is in; none if its type is not shown. An error means that its data are not what
    /// its type says.
    pub fn tell(&self, owner: Uuid) -> serde_json::Result<Option<Item>> {
        let Some(text) = self.sentence()? else {
            return Ok(None);
        };
        let by_another = self.actor.is_some_and(|actor| actor != owner);
        let by = if by_another {
            ", by an administrator"
        } else {
            ""
        };
        Ok(Some(Item {
            id: self.id,
            kind: self.kind.clone(),
            at: self.at,
            about: self.subject,
            text: format!("{text}{by}"),
        }))
    }

    fn sentence(&self) -> serde_json::Result<Option<String>> {
        let text = match self.kind.as_str() {
            UserCreated::TYPE => "Opened the account".to_owned(),
            UserActivated::TYPE => "Confirmed the e-mail address".to_owned(),
            UserUpdated::TYPE => changes(&self.read::<UserUpdated>()?.changed),
            UserPasswordChanged::TYPE => "Changed the password".to_owned(),
            PasswordReset::TYPE => "Set a new password with a link from a mail".to_owned(),
            SignedIn::TYPE => signed_in(&self.read()?),
            SignInFailed::TYPE => did_not_get_in(self.read::<SignInFailed>()?.reason).to_owned(),
            SignedOut::TYPE => "Signed out".to_owned(),
            TransactionCreated::TYPE => {
                capitalised(&moved(&self.read::<TransactionCreated>()?.after))
            }
            TransactionUpdated::TYPE => transaction_changed(&self.read()?),
            TransactionDeleted::TYPE => {
                let before = self.read::<TransactionDeleted>()?.before;
                format!("Deleted a transaction: {}", moved(&before))
            }
            CategoryCreated::TYPE => {
                let kind = self.read::<CategoryCreated>()?.after.kind;
                format!("Added a category of {}", plural(&kind))
            }
            CategoryUpdated::TYPE => {
                let updated: CategoryUpdated = self.read()?;
                category_changed(&updated.before, &updated.after).to_owned()
            }
            CategoryDeleted::TYPE => {
                let kind = self.read::<CategoryDeleted>()?.before.kind;
                format!("Deleted a category of {}", plural(&kind))
            }
            _ => return Ok(None),
        };
        Ok(Some(text))
    }

    fn read<E: Event>(&self) -> serde_json::Result<E> {
        E::deserialize(&self.data)
    }
}

fn changes(changed: &[Changed]) -> String {
    let parts: Vec<&str> = changed.iter().map(|one| change(*one)).collect();
    if parts.is_empty() {
        return "Changed the account".to_owned();
    }
    capitalised(&parts.join(", "))
}

fn change(changed: Changed) -> &'static str {
    match changed {
        Changed::Name => "changed the name",
        Changed::Locale => "changed the language",
        Changed::TimeZone => "changed the time zone",
        Changed::Currency => "changed the default currency",
        Changed::Email => "changed the e-mail address",
        Changed::Role => "changed the role",
        Changed::AuthenticatorAdded => "added an authenticator app",
        Changed::AuthenticatorRemoved => "removed the authenticator app",
        Changed::PasskeyAdded => "added a passkey",
        Changed::PasskeyRemoved => "removed a passkey",
        Changed::RecoveryCodes => "made new recovery codes",
        Changed::ApiTokenCreated => "made an API token",
        Changed::ApiTokenRevoked => "revoked an API token",
        Changed::DeletionScheduled => "asked for the account to be deleted",
        Changed::DeletionCancelled => "decided to keep the account",
    }
}

fn signed_in(signed_in: &SignedIn) -> String {
    let device = if signed_in.new_device {
        " from a new device"
    } else {
        ""
    };
    let factor = match signed_in.second_factor {
        Some(Factor::Authenticator) => " with a code of the authenticator app",
        Some(Factor::Passkey) => " with a passkey",
        Some(Factor::RecoveryCode) => " with a recovery code",
        None => "",
    };
    format!("Signed in{device}{factor}")
}

fn did_not_get_in(reason: FailedBecause) -> &'static str {
    match reason {
        FailedBecause::Password => "Somebody tried to sign in with a wrong password",
        FailedBecause::SecondFactor => {
            "Somebody knew the password and did not pass the second factor"
        }
        FailedBecause::NotActive => "Tried to sign in before the e-mail address was confirmed",
        FailedBecause::Unknown => "Somebody tried to sign in",
    }
}

fn transaction_changed(updated: &TransactionUpdated) -> String {
    let (before, after) = (moved(&updated.before), moved(&updated.after));
    if before == after {
        format!("Changed a transaction: {after}")
    } else {
        format!("Changed a transaction: {after}, not {before}")
    }
}

fn category_changed(before: &CategoryFacts, after: &CategoryFacts) -> &'static str {
    if before.merged_into != after.merged_into {
        return match after.merged_into {
            Some(_) => "Merged a category into another",
            None => "Separated a category that was merged into another",
        };
    }
    match (before.archived, after.archived) {
        (false, true) => "Archived a category",
        (true, false) => "Brought a category back from the archive",
        _ => "Changed a category",
    }
}

/// What a category of a kind is for.
fn plural(kind: &str) -> &'static str {
    match kind {
        "income" => "income",
        _ => "expenses",
    }
}

#[cfg(test)]
mod tests;
