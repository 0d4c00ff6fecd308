//! Revoking an API token.

use uuid::Uuid;

use crate::accounts::account::Account;
use crate::accounts::events::Changed;
use crate::accounts::sessions;
use crate::accounts::tokens::change::tell;
use crate::accounts::tokens::repo;
use crate::flow::ctx::Tx;
use crate::flow::outbox::Refused;
use crate::kernel::id::Id;

/// Why no token was revoked.
#[derive(Debug, thiserror::Error)]
pub enum RevokeTokenError {
    /// The account has no such token.
    #[error("there is no such token")]
    NoSuchToken,
    /// It could not be written down.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Revokes a token of an account: from then on it is a text like any other.
pub async fn revoke_token(
    tx: &mut Tx,
    account: Id<Account>,
    id: Uuid,
) -> Result<(), RevokeTokenError> {
    sessions::lock(tx, account).await?;
    if !repo::delete(tx, account, id).await? {
        return Err(RevokeTokenError::NoSuchToken);
    }
    tell(tx, account, Changed::ApiTokenRevoked).await?;
    Ok(())
}
