//! Erasing: an account and all that is held about its owner go in one transaction; ids stay as pseudonyms.

use crate::accounts::account::Account;
use crate::accounts::data::repo;
use crate::accounts::events::UserDeleted;
use crate::flow::ctx::Tx;
use crate::flow::outbox::{self, Refused};
use crate::flow::personal_data::Held;
use crate::kernel::id::Id;

/// Erases an account, if it is due at the moment in which its row is locked: whoever cancelled before that keeps it. Says
/// whether it is gone.
pub async fn erase_account(
    tx: &mut Tx,
    held: &Held,
    account: Id<Account>,
) -> Result<bool, Refused> {
    let Some(version) = repo::lock_due(tx, account).await? else {
        return Ok(false);
    };
    erase(tx, held, account, version).await?;
    Ok(true)
}

/// Erases an account at once, for those who keep the machine. Says whether it was there.
pub async fn erase_now(tx: &mut Tx, held: &Held, account: Id<Account>) -> Result<bool, Refused> {
    let Some(version) = repo::lock(tx, account).await? else {
        return Ok(false);
    };
    erase(tx, held, account, version).await?;
    Ok(true)
}

/// Erases an account whose row is locked, at this version. There is no other way to remove one.
pub async fn erase(
    tx: &mut Tx,
    held: &Held,
    account: Id<Account>,
    version: i64,
) -> Result<(), Refused> {
    for part in held.iter() {
        part.erase(tx, account.uuid()).await?;
    }
    let event = UserDeleted {
        user_id: account,
        version: version + 1,
    };
    outbox::emit(tx, &event).await?;
    repo::delete_account(tx, account).await?;
    Ok(())
}
