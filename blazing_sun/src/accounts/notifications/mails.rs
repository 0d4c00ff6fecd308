//! The mails that tell of a new device, of another address, and of changes to the second factor.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use minijinja::context;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::accounts::account::Account;
use crate::accounts::notifications::repo::{self, Place};
use crate::accounts::repo as accounts;
use crate::accounts::sessions::{Session, device_name};
use crate::flow::ctx::Ctx;
use crate::infra::smtp::Mailbox;
use crate::kernel::id::Id;
use crate::kernel::time_zone::TimeZone;
use crate::mail::{ComposeError, Mail, Message, somebody};

/// A moment for samples.
fn some_time() -> String {
    TimeZone::default().tell(DateTime::UNIX_EPOCH)
}

/// Somebody signed in with a device that the account did not know.
#[derive(Serialize, Deserialize)]
pub struct NewSignIn {
    /// The account.
    pub user_id: Id<Account>,
    /// The session that began.
    pub session_id: Id<Session>,
    /// When.
    pub at: DateTime<Utc>,
}

#[async_trait]
impl Mail for NewSignIn {
    const NAME: &'static str = "new_sign_in";
    const SUMMARY: &'static str = "Tells somebody that their account was used on a new device.";

    type Tools = ();

    /// Is sent even if the session has ended meanwhile: whoever signs out quickly is not hidden by that.
    async fn compose(&self, _: &(), ctx: &Ctx) -> Result<Option<Message>, ComposeError> {
        let Some(owner) = accounts::acquaintance(ctx.pool(), self.user_id).await? else {
            return Ok(None);
        };
        let place = repo::place(ctx.pool(), self.user_id, self.session_id).await?;
        let to = Mailbox::new(None, owner.email.parse()?);
        Ok(Some(new_sign_in(to, place.as_ref(), &owner.tell(self.at))))
    }

    fn sample(_: &()) -> Message {
        let place = Place {
            agent: "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
                .to_owned(),
            address: "203.0.113.9".to_owned(),
        };
        new_sign_in(somebody(), Some(&place), &some_time())
    }
}

fn new_sign_in(to: Mailbox, place: Option<&Place>, when: &str) -> Message {
    let (device, address) = match place {
        Some(place) if place.agent.is_empty() => {
            ("one that says nothing of itself".into(), &*place.address)
        }
        Some(place) => (device_name(&place.agent), &*place.address),
        None => (
            "one whose session has ended already".into(),
            "not known any more",
        ),
    };
    Message {
        to,
        subject: "Somebody signed in to your account on a new device".to_owned(),
        template: "new_sign_in",
        context: context! { device, address, when },
    }
}

/// Which of the two addresses is written to.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recipient {
    /// The one that the account had.
    Old,
    /// The one that it has.
    New,
}

/// The address of an account has changed.
#[derive(Serialize, Deserialize)]
pub struct EmailChanged {
    /// The change.
    pub change_id: Uuid,
    /// Whom this mail is for.
    pub recipient: Recipient,
}

#[async_trait]
impl Mail for EmailChanged {
    const NAME: &'static str = "email_changed";
    const SUMMARY: &'static str = "Tells both addresses that an account has moved to another one.";

    type Tools = ();

    async fn compose(&self, _: &(), ctx: &Ctx) -> Result<Option<Message>, ComposeError> {
        let Some(moved) = repo::moved(ctx.pool(), self.change_id).await? else {
            return Ok(None);
        };
        let Some(owner) = accounts::acquaintance(ctx.pool(), moved.account).await? else {
            return Ok(None);
        };
        let to = match self.recipient {
            Recipient::Old => &moved.old_email,
            Recipient::New => &moved.new_email,
        };
        let to = Mailbox::new(None, to.parse()?);
        let addresses = (moved.old_email.as_str(), moved.new_email.as_str());
        Ok(Some(email_changed(to, addresses, &owner.tell(moved.at))))
    }

    fn sample(_: &()) -> Message {
        let addresses = ("ada@example.org", "lovelace@example.org");
        email_changed(somebody(), addresses, &some_time())
    }
}

fn email_changed(to: Mailbox, (old_email, new_email): (&str, &str), when: &str) -> Message {
    Message {
        to,
        subject: "The address of your account has changed".to_owned(),
        template: "email_changed",
        context: context! { when, old_email, new_email },
    }
}

/// What happened to the second factor.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
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
    /// A recovery code was used to sign in.
    RecoveryCodeUsed,
}

impl What {
    /// As a main clause.
    fn clause(self) -> &'static str {
        match self {
            Self::AuthenticatorAdded => "an authenticator app was added",
            Self::AuthenticatorRemoved => "the authenticator app was removed",
            Self::PasskeyAdded => "a passkey was added",
            Self::PasskeyRemoved => "a passkey was removed",
            Self::RecoveryCodes => "new recovery codes were made",
            Self::RecoveryCodeUsed => "a recovery code was used to sign in",
        }
    }
}

/// The second factor of an account has changed.
#[derive(Serialize, Deserialize)]
pub struct SecondFactorChanged {
    /// The account.
    pub user_id: Id<Account>,
    /// What happened.
    pub what: Vec<What>,
    /// When.
    pub at: DateTime<Utc>,
}

#[async_trait]
impl Mail for SecondFactorChanged {
    const NAME: &'static str = "second_factor_changed";
    const SUMMARY: &'static str =
        "Tells somebody that the second factor of their account has changed.";

    type Tools = ();

    async fn compose(&self, _: &(), ctx: &Ctx) -> Result<Option<Message>, ComposeError> {
        let Some(owner) = accounts::acquaintance(ctx.pool(), self.user_id).await? else {
            return Ok(None);
        };
        let to = Mailbox::new(None, owner.email.parse()?);
        Ok(Some(second_factor_changed(
            to,
            &self.what,
            &owner.tell(self.at),
        )))
    }

    fn sample(_: &()) -> Message {
        let what = [What::AuthenticatorAdded, What::RecoveryCodes];
        second_factor_changed(somebody(), &what, &some_time())
    }
}

fn second_factor_changed(to: Mailbox, what: &[What], when: &str) -> Message {
    let clauses: Vec<&str> = what.iter().map(|what| what.clause()).collect();
    Message {
        to,
        subject: "The second factor of your account has changed".to_owned(),
        template: "second_factor_changed",
        context: context! { what => listed(&clauses), when },
    }
}

/// Clauses in a row: "a, b and c".
fn listed(clauses: &[&str]) -> String {
    match clauses {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [before @ .., last] => format!("{} and {last}", before.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_are_listed_as_in_a_sentence() {
        assert_eq!(listed(&["a"]), "a");
        assert_eq!(listed(&["a", "b"]), "a and b");
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
    }
}
