//! Accepting an invitation: choosing a password with the link of the mail.

use crate::accounts::account::Account;
use crate::accounts::events::{Changed, UserActivated, UserUpdated};
use crate::accounts::invitations::invitation::{Invitation, State};
use crate::accounts::invitations::repo::{self, Open};
use crate::accounts::link::{Links, Purpose};
use crate::accounts::passwords::PasswordHash;
use crate::accounts::{people, repo as accounts, sessions};
use crate::flow::ctx::{Ctx, Tx};
use crate::flow::outbox::{self, Refused};
use crate::kernel::id::Id;
use crate::kernel::name::PersonName;
use crate::web::access::Role;

/// What somebody accepts with.
pub struct Acceptance {
    /// The invitation.
    pub invitation: Id<Invitation>,
    /// How they want to be called; none keeps what the invitation says.
    pub name: Option<PersonName>,
    /// What is kept of their password.
    pub password: PasswordHash,
}

/// Why an invitation was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// The link was not made here, has expired, was used, or the account was opened in another way.
    #[error("the link is not good, or not any more")]
    BadLink,
    /// It could not be written down.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// The invitation that a token is good for, to be looked at.
pub async fn look_up(
    ctx: &Ctx,
    links: &Links,
    token: &str,
) -> Result<(Id<Invitation>, Open), AcceptError> {
    let token = links
        .open(Purpose::Invitation, token)
        .ok_or(AcceptError::BadLink)?;
    let invitation = token.into();
    let open = repo::find_open(ctx.pool(), invitation, ctx.now()).await?;
    Ok((invitation, open.ok_or(AcceptError::BadLink)?))
}

/// Gives the account to whoever has the link. It is good once; here, and not before, the role is given that was offered.
pub async fn accept(tx: &mut Tx, acceptance: Acceptance) -> Result<Id<Account>, AcceptError> {
    let id = acceptance.invitation;
    let invitation = repo::lock(tx, id).await?.ok_or(AcceptError::BadLink)?;
    let user_id = invitation
        .account
        .filter(|_| invitation.state == State::Invited)
        .ok_or(AcceptError::BadLink)?;
    sessions::lock(tx, user_id)
        .await?
        .filter(|locked| !locked.is_active)
        .ok_or(AcceptError::BadLink)?;
    accounts::use_token(tx, id.uuid(), Purpose::Invitation)
        .await?
        .filter(|owner| *owner == user_id)
        .ok_or(AcceptError::BadLink)?;
    // Whoever else had a link to this account, or had chosen a password for it, has nothing any more.
    for purpose in [Purpose::Activation, Purpose::Reset, Purpose::Invitation] {
        accounts::void_tokens(tx, user_id, purpose).await?;
    }
    let name = acceptance.name.as_ref();
    let version = repo::hand_over(tx, user_id, &acceptance.password, name).await?;
    outbox::emit(tx, &UserActivated { user_id, version }).await?;
    if invitation.role != Role::User {
        let event = UserUpdated {
            user_id,
            version: people::raise_to(tx, user_id, invitation.role).await?,
            changed: vec![Changed::Role],
            email_change_id: None,
        };
        outbox::emit(tx, &event).await?;
    }
    repo::settle(tx, id, State::Accepted, Some(user_id)).await?;
    Ok(user_id)
}
