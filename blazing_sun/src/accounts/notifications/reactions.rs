//! The consumer `notify`: an event becomes mails to those who should know of it, one job a recipient.

use async_trait::async_trait;

use crate::accounts::events::{
    AUTH_EVENTS, Changed, Factor, FailedBecause, SignInFailed, SignedIn, USER_EVENTS,
    UserPasswordChanged, UserUpdated,
};
use crate::accounts::notifications::mails::{
    EmailChanged, NewSignIn, Recipient, SecondFactorChanged, What,
};
use crate::accounts::notifications::wrong_codes::{self, WrongCodes};
use crate::accounts::passwords::PasswordChanged;
use crate::flow::ctx::Tx;
use crate::flow::event::{CloudEvent, Event, Topic};
use crate::flow::outbox;
use crate::flow::reaction::{Reaction, Wanted};
use crate::mail::{Mail, SendEmail};

/// Writes to people.
pub struct Notify;

#[async_trait]
impl Reaction for Notify {
    fn consumer(&self) -> &'static str {
        "notify"
    }

    fn summary(&self) -> &'static str {
        "Tells people by mail what happened to their accounts."
    }

    fn topics(&self) -> &'static [Topic] {
        &[USER_EVENTS, AUTH_EVENTS]
    }

    fn wanted(&self) -> Wanted {
        Wanted::Types(&[
            UserPasswordChanged::TYPE,
            UserUpdated::TYPE,
            SignedIn::TYPE,
            SignInFailed::TYPE,
        ])
    }

    async fn react(&self, tx: &mut Tx, event: &CloudEvent) -> anyhow::Result<()> {
        if let Some(changed) = event.decode::<UserPasswordChanged>()? {
            return password_changed(tx, event, &changed).await;
        }
        if let Some(updated) = event.decode::<UserUpdated>()? {
            return updated_something(tx, event, &updated).await;
        }
        if let Some(signed_in) = event.decode::<SignedIn>()? {
            return somebody_signed_in(tx, event, &signed_in).await;
        }
        if let Some(failed) = event.decode::<SignInFailed>()? {
            return somebody_did_not(tx, event, &failed).await;
        }
        Ok(())
    }
}

async fn password_changed(
    tx: &mut Tx,
    event: &CloudEvent,
    changed: &UserPasswordChanged,
) -> anyhow::Result<()> {
    let mail = PasswordChanged {
        user_id: changed.user_id,
        at: event.time,
    };
    send(tx, &mail).await
}

/// A change of address and of the second factor; the rest of a profile is no matter for mails.
async fn updated_something(
    tx: &mut Tx,
    event: &CloudEvent,
    updated: &UserUpdated,
) -> anyhow::Result<()> {
    if let Some(change_id) = updated.email_change_id {
        for recipient in [Recipient::Old, Recipient::New] {
            send(
                tx,
                &EmailChanged {
                    change_id,
                    recipient,
                },
            )
            .await?;
        }
    }
    let what: Vec<What> = updated
        .changed
        .iter()
        .filter_map(|one| what(*one))
        .collect();
    if what.is_empty() {
        return Ok(());
    }
    let mail = SecondFactorChanged {
        user_id: updated.user_id,
        what,
        at: event.time,
    };
    send(tx, &mail).await
}

/// What a change is to the second factor.
fn what(changed: Changed) -> Option<What> {
    match changed {
        Changed::AuthenticatorAdded => Some(What::AuthenticatorAdded),
        Changed::AuthenticatorRemoved => Some(What::AuthenticatorRemoved),
        Changed::PasskeyAdded => Some(What::PasskeyAdded),
        Changed::PasskeyRemoved => Some(What::PasskeyRemoved),
        Changed::RecoveryCodes => Some(What::RecoveryCodes),
        Changed::Name
        | Changed::Locale
        | Changed::TimeZone
        | Changed::Currency
        | Changed::Email
        | Changed::Role
        | Changed::ApiTokenCreated
        | Changed::ApiTokenRevoked
        | Changed::DeletionScheduled
        | Changed::DeletionCancelled => None,
    }
}

/// A device that is new, and a recovery code, which there is one less of.
async fn somebody_signed_in(
    tx: &mut Tx,
    event: &CloudEvent,
    signed_in: &SignedIn,
) -> anyhow::Result<()> {
    let user_id = signed_in.user_id;
    if signed_in.new_device {
        let mail = NewSignIn {
            user_id,
            session_id: signed_in.session_id,
            at: event.time,
        };
        send(tx, &mail).await?;
    }
    if signed_in.second_factor == Some(Factor::RecoveryCode) {
        let mail = SecondFactorChanged {
            user_id,
            what: vec![What::RecoveryCodeUsed],
            at: event.time,
        };
        send(tx, &mail).await?;
    }
    Ok(())
}

/// Wrong second factors, when they are several. A wrong password is no matter for a mail: anybody can give one.
async fn somebody_did_not(
    tx: &mut Tx,
    event: &CloudEvent,
    failed: &SignInFailed,
) -> anyhow::Result<()> {
    if failed.reason != FailedBecause::SecondFactor {
        return Ok(());
    }
    let (user_id, at) = (failed.user_id, event.time);
    if wrong_codes::count(tx, user_id, at).await? {
        send(tx, &WrongCodes { user_id, at }).await?;
    }
    Ok(())
}

async fn send<M: Mail>(tx: &mut Tx, mail: &M) -> anyhow::Result<()> {
    outbox::enqueue(tx, &SendEmail::of(mail)?).await?;
    Ok(())
}
