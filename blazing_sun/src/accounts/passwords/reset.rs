//! Replacing a forgotten password, with the link of a mail.

use chrono::TimeDelta;
use uuid::Uuid;

use crate::accounts::events::{PasswordReset, UserPasswordChanged};
use crate::accounts::link::{Links, Purpose};
use crate::accounts::passwords::PasswordHash;
use crate::accounts::passwords::repo::{self, Owner};
use crate::accounts::repo as accounts;
use crate::accounts::sessions::{self, SessionKey, Which};
use crate::flow::ctx::{Ctx, Tx};
use crate::flow::outbox::{self, Refused};

/// How long the link is good.
pub const RESET: TimeDelta = TimeDelta::hours(1);

/// Why nothing was replaced.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    /// The link was not made here, has expired, was used, or a newer one was asked for.
    #[error("the link is not good, or not any more")]
    BadLink,
    /// It could not be written down.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// A link that was good when it was looked at.
pub struct GoodLink {
    /// Whose password it replaces.
    pub owner: Owner,
    token: Uuid,
}

/// Looks at a link without using it up: the new password may still be refused.
pub async fn look_up(ctx: &Ctx, links: &Links, token: &str) -> Result<GoodLink, ResetError> {
    let token = links
        .open(Purpose::Reset, token)
        .ok_or(ResetError::BadLink)?;
    let owner = repo::owner_of(ctx.pool(), token, ctx.now()).await?;
    let owner = owner.ok_or(ResetError::BadLink)?;
    Ok(GoodLink { owner, token })
}

/// Replaces the password. The link is good once, and whatever the old password opened is shut: sessions, the tokens of
/// programs, sign-ins that wait for their second factor, other links. The second factor stays as it is, and nobody is
/// signed in. Returns where the sessions may be cached.
pub async fn reset(
    tx: &mut Tx,
    link: &GoodLink,
    password: &PasswordHash,
) -> Result<Vec<SessionKey>, ResetError> {
    let account = link.owner.id;
    // In this order everywhere: the account, then what belongs to it.
    sessions::lock(tx, account)
        .await?
        .filter(|locked| locked.is_active)
        .ok_or(ResetError::BadLink)?;
    accounts::use_token(tx, link.token, Purpose::Reset)
        .await?
        .filter(|owner| *owner == account)
        .ok_or(ResetError::BadLink)?;
    accounts::void_tokens(tx, account, Purpose::Reset).await?;
    let version = accounts::set_password(tx, account, password).await?;
    let changed = UserPasswordChanged {
        user_id: account,
        version,
    };
    outbox::emit(tx, &changed).await?;
    let reset = PasswordReset {
        user_id: account,
        version,
    };
    outbox::emit(tx, &reset).await?;
    repo::end_challenges(tx, account).await?;
    repo::end_api_tokens(tx, account).await?;
    let ended = sessions::end(tx, account, Which::All).await?;
    Ok(ended.into_iter().map(|ended| ended.key).collect())
}
