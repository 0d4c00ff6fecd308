//! Choosing another password, for somebody who is signed in and knows the one they have.

use crate::accounts::account::Account;
use crate::accounts::events::UserPasswordChanged;
use crate::accounts::link::Purpose;
use crate::accounts::passwords::{PasswordHash, repo};
use crate::accounts::repo as accounts;
use crate::accounts::sessions::{self, RenewError, Session, SessionKey, Token, Which, renew};
use crate::flow::ctx::Tx;
use crate::flow::outbox::{self, Refused};
use crate::kernel::id::Id;

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The session ended meanwhile, as it does when the password is changed elsewhere.
    #[error("the session has ended")]
    SessionEnded,
    /// The session could not be given another token.
    #[error(transparent)]
    Renew(#[from] RenewError),
    /// It could not be written down.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// A password that was changed.
pub struct Changed {
    /// What a browser holds from now on; a client keeps what it has.
    pub token: Option<Token>,
    /// Where sessions may be cached that ended, and this one as it was.
    pub gone: Vec<SessionKey>,
}

/// Changes the password of an account. The other sessions end, and so does what was begun with the old password; this
/// session goes on under another token.
pub async fn change(
    tx: &mut Tx,
    account: Id<Account>,
    session: Id<Session>,
    password: &PasswordHash,
) -> Result<Changed, ChangeError> {
    sessions::lock(tx, account)
        .await?
        .ok_or(ChangeError::SessionEnded)?;
    // Under the lock: whoever changed the password since the current one was compared has ended this session.
    let renewed = renew(tx, session).await?.ok_or(ChangeError::SessionEnded)?;
    let version = accounts::set_password(tx, account, password).await?;
    let event = UserPasswordChanged {
        user_id: account,
        version,
    };
    outbox::emit(tx, &event).await?;
    accounts::void_tokens(tx, account, Purpose::Reset).await?;
    repo::end_challenges(tx, account).await?;
    let ended = sessions::end(tx, account, Which::Others(session)).await?;
    let ended = ended.into_iter().map(|ended| ended.key);
    Ok(Changed {
        token: renewed.token,
        gone: ended.chain([renewed.changed]).collect(),
    })
}
