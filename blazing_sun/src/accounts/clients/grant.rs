//! What a client is given: the next refresh token of its session, and whom the access token is for.

use uuid::Uuid;

use crate::accounts::account::Account;
use crate::accounts::clients::repo;
use crate::accounts::sessions::Session;
use crate::flow::ctx::Tx;
use crate::kernel::id::Id;
use crate::web::access::Role;

/// What a client is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Whose session it is.
    pub account_id: Id<Account>,
    /// The session.
    pub session_id: Id<Session>,
    /// What its owner is.
    pub role: Role,
    /// The refresh token.
    pub refresh_id: Uuid,
}

/// Begins the line of refresh tokens of a session that a client has just opened.
pub async fn begin(
    tx: &mut Tx,
    account_id: Id<Account>,
    session_id: Id<Session>,
) -> sqlx::Result<Grant> {
    let (refresh_id, role) = repo::insert_first(tx, session_id).await?;
    Ok(Grant {
        account_id,
        session_id,
        role,
        refresh_id,
    })
}
