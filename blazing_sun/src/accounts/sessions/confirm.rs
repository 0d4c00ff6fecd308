//! Proving once more who one is, before sensitive changes.

use crate::accounts::account::Account;
use crate::accounts::sessions::repo;
use crate::accounts::sessions::session::{Session, SessionKey, Token};
use crate::accounts::sessions::sign_in::SignInError;
use crate::flow::ctx::Tx;
use crate::kernel::id::Id;

/// What a confirmation leaves.
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
    Ok(Renewed {
        token: matches!(changed, SessionKey::Browser(_)).then_some(token),
        changed,
    })
}
