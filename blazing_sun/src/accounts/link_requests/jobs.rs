//! The job `answer_link_request`.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::accounts::account::Account;
use crate::accounts::invitations::InvitationMail;
use crate::accounts::link::Purpose;
use crate::accounts::link_requests::repo;
use crate::accounts::link_requests::request_link::Wish;
use crate::accounts::mails::AlreadyRegistered;
use crate::accounts::passwords::{RESET, ResetLink};
use crate::accounts::registration::{SignUpError, send_activation};
use crate::accounts::repo as accounts;
use crate::flow::ctx::Tx;
use crate::flow::job::{Job, JobError, Run};
use crate::flow::outbox::{self, Refused};
use crate::kernel::id::Id;
use crate::mail::SendEmail;

/// Sends the link that somebody asked for, if there is an account that it fits.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct AnswerLinkRequest {
    /// The request.
    pub request_id: Uuid,
}

#[async_trait]
impl Job for AnswerLinkRequest {
    const NAME: &'static str = "answer_link_request";
    const SUMMARY: &'static str = "Finds out whether an address that a link was asked for has an account, and sends the link if so.";
    const PRIORITY: i16 = 5;

    type Tools = ();

    async fn run(&self, _: &(), run: &mut Run) -> Result<(), JobError> {
        answer(run.tx().await?, self.request_id)
            .await
            .map_err(|error| JobError::Retry(error.to_string()))
    }
}

/// Why a request was not answered. (The text is kept in the job's history.)
#[derive(Debug, thiserror::Error)]
enum Unanswered {
    #[error("the mail cannot be described: {0}")]
    Mail(#[from] serde_json::Error),
    #[error(transparent)]
    SignUp(#[from] SignUpError),
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("PostgreSQL: {0}")]
    Database(#[from] sqlx::Error),
}

/// Answers a request: the newest link is the only one that is good.
///
/// Who is invited, and has not accepted, gets the invitation once more, whichever link they ask for: activated otherwise the
/// account would have no password, and what was offered with it would be lost.
async fn answer(tx: &mut Tx, request: Uuid) -> Result<(), Unanswered> {
    let Some((wish, email_key)) = repo::take(tx, request).await? else {
        return Ok(());
    };
    let Some(found) = repo::lock_account(tx, &email_key).await? else {
        return Ok(());
    };
    if !found.is_active && !found.has_password {
        return send_invitation(tx, found.id).await;
    }
    match (wish, found.is_active) {
        (Wish::Password, true) => send_reset(tx, found.id).await,
        (Wish::Activation, true) => {
            let mail = AlreadyRegistered { user_id: found.id };
            outbox::enqueue(tx, &SendEmail::of(&mail)?).await?;
            Ok(())
        }
        (Wish::Activation, false) => {
            accounts::void_tokens(tx, found.id, Purpose::Activation).await?;
            Ok(send_activation(tx, found.id).await?)
        }
        // A link to a new password must not be a way around the activation.
        (Wish::Password, false) => Ok(()),
    }
}

async fn send_invitation(tx: &mut Tx, account: Id<Account>) -> Result<(), Unanswered> {
    if let Some(invitation) = repo::open_invitation(tx, account).await? {
        let mail = InvitationMail {
            invitation_id: invitation.into(),
        };
        outbox::enqueue(tx, &SendEmail::of(&mail)?).await?;
    }
    Ok(())
}

async fn send_reset(tx: &mut Tx, account: Id<Account>) -> Result<(), Unanswered> {
    accounts::void_tokens(tx, account, Purpose::Reset).await?;
    let expires_at = tx.now() + RESET;
    let token_id = accounts::insert_token(tx, account, Purpose::Reset, expires_at).await?;
    let mail = ResetLink {
        user_id: account,
        token_id,
    };
    outbox::enqueue(tx, &SendEmail::of(&mail)?).await?;
    Ok(())
}
