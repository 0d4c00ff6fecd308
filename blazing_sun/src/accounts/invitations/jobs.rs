//! The job that makes an account of an invitation.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::accounts::account::{Account, Status};
use crate::accounts::events::UserCreated;
use crate::accounts::invitations::invitation::{INVITATION, Invitation, State};
use crate::accounts::invitations::mails::InvitationMail;
use crate::accounts::invitations::repo::{self, Locked};
use crate::accounts::link::Purpose;
use crate::accounts::repo as accounts;
use crate::flow::ctx::Tx;
use crate::flow::job::{Job, JobError, Run};
use crate::flow::outbox::{self, Refused};
use crate::kernel::id::Id;
use crate::mail::SendEmail;

/// Makes the account that an invitation offers, and writes to its owner.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct CreateUser {
    /// The invitation.
    pub invitation_id: Id<Invitation>,
}

#[async_trait]
impl Job for CreateUser {
    const NAME: &'static str = "create_user";
    const SUMMARY: &'static str = "Opens the account that an invitation offers, and mails the link with which its owner chooses a password.";
    const PRIORITY: i16 = 3;

    type Tools = ();

    async fn run(&self, (): &(), run: &mut Run) -> Result<(), JobError> {
        let tx = run.tx().await?;
        let invitation = repo::lock(tx, self.invitation_id).await?;
        // Withdrawn, or dealt with by an operator who had it run twice.
        let Some(invitation) = invitation.filter(|found| found.state == State::Pending) else {
            return Ok(());
        };
        create(tx, self.invitation_id, invitation)
            .await
            .map_err(|error| match error {
                NotCreated::Database(error) => error.into(),
                other => JobError::Retry(other.to_string()),
            })
    }
}

/// Why no account was made. (The text is kept in the job's history.)
#[derive(Debug, thiserror::Error)]
enum NotCreated {
    #[error("the address is not valid any more: {0}")]
    Address(#[from] crate::kernel::email::NotAnEmail),
    #[error("the mail cannot be described: {0}")]
    Mail(#[from] serde_json::Error),
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// An account that nobody can sign in to yet is offered to the owner of its address, whoever opened it: the link of the mail
/// shows that the address is theirs, and what somebody else had chosen for it counts no more. One that is active stays as it
/// is.
async fn create(tx: &mut Tx, id: Id<Invitation>, invitation: Locked) -> Result<(), NotCreated> {
    let email = invitation.email.parse()?;
    let account = Account::pending(email, invitation.name.parse().ok(), tx.now());
    let account_id = if accounts::insert(tx, &account, None).await? {
        outbox::emit(tx, &UserCreated::from(&account)).await?;
        account.id
    } else {
        match accounts::lock_by_email(tx, &account.email.key()).await? {
            Some((found, Status::Pending)) => found,
            Some((found, Status::Active)) => {
                repo::settle(tx, id, State::Registered, Some(found)).await?;
                return Ok(());
            }
            // Erased in this very moment.
            None => return Err(sqlx::Error::RowNotFound.into()),
        }
    };
    // A newer invitation counts, with the role that it offers.
    accounts::void_tokens(tx, account_id, Purpose::Invitation).await?;
    repo::insert_token(tx, id, account_id, tx.now() + INVITATION).await?;
    repo::settle(tx, id, State::Invited, Some(account_id)).await?;
    let mail = InvitationMail { invitation_id: id };
    outbox::enqueue(tx, &SendEmail::of(&mail)?).await?;
    Ok(())
}
