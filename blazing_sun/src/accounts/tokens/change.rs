//! What making and revoking a token have in common: the account's version rises, and it is told.

use crate::accounts::account::Account;
use crate::accounts::events::{Changed, UserUpdated};
use crate::accounts::tokens::repo;
use crate::flow::ctx::Tx;
use crate::flow::outbox::{self, Refused};
use crate::kernel::id::Id;

/// Tells that the tokens of an account have changed, whose row is locked.
pub async fn tell(tx: &mut Tx, account: Id<Account>, changed: Changed) -> Result<(), Refused> {
    let event = UserUpdated {
        user_id: account,
        version: repo::raise_version(tx, account).await?,
        changed: vec![changed],
        email_change_id: None,
    };
    outbox::emit(tx, &event).await?;
    Ok(())
}
