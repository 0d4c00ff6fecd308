//! Proving once more who one is, before sensitive changes, and going on under another token.

use crate::accounts::account::Account;
use crate::accounts::sessions::repo;
use crate::accounts::sessions::session::{Session, SessionKey, Token};
use crate::accounts::sessions::sign_in::SignInError;
use crate::flow::ctx::Tx;
use crate::kernel::id::Id;

/// A session that goes on under another token.
pub struct Renewed {
    /// What a browser holds from now on; a client keeps what it has.
    pub token: Option<Token>,
    /// Where the session may be cached as it was.
    pub changed: SessionKey,
}

/// Notes that the owner of a session has proved who they are. The token that the browser had before is good no more.
pub async fn confirm(
    tx: &mut Tx,
    account: Id<Account>,
    session: Id<Session>,
) -> Result<Renewed, SignInError> {
    repo::lock(tx, account).await?;
    let token = Token::random()?;
    let changed = repo::confirm(tx, session, &token.hash())
        .await?
        .ok_or(SignInError::Wrong)?;
    Ok(renewed(token, changed))
}

/// Gives the browser of a session another token, of an account whose row is locked. What its owner has proved stays as it
/// was. None: the session has ended.
pub async fn renew(tx: &mut Tx, session: Id<Session>) -> Result<Option<Renewed>, RenewError> {
    let token = Token::random()?;
    let changed = repo::rotate(tx, session, &token.hash()).await?;
    Ok(changed.map(|changed| renewed(token, changed)))
}

/// Why no other token was given.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    /// No secret could be made.
    #[error("the system has no random bytes: {0}")]
    Random(#[from] getrandom::Error),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

fn renewed(token: Token, changed: SessionKey) -> Renewed {
    Renewed {
        token: matches!(changed, SessionKey::Browser(_)).then_some(token),
        changed,
    }
}
