//! Giving up a change of address that is under way.

use crate::accounts::account::Account;
use crate::accounts::email_change::repo;
use crate::flow::ctx::Tx;
use crate::kernel::id::Id;

/// Ends the change of an account that is under way; `false`: there was none.
pub async fn cancel(tx: &mut Tx, account: Id<Account>) -> sqlx::Result<bool> {
    repo::lock(tx, account).await?;
    Ok(repo::end_open(tx, account).await? > 0)
}
