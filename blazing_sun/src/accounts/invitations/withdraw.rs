//! Taking an invitation back that nobody has accepted.

use crate::accounts::invitations::invitation::{Batch, Invitation};
use crate::accounts::invitations::repo;
use crate::flow::ctx::Tx;
use crate::kernel::id::Id;

/// Why an invitation was not taken back.
#[derive(Debug, thiserror::Error)]
pub enum WithdrawError {
    /// There is no such invitation in this batch, or it was accepted, or led to nothing.
    #[error("there is no such invitation that could be taken back")]
    NoSuchInvitation,
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Takes an invitation back: its link is good no more.
pub async fn withdraw(
    tx: &mut Tx,
    batch: Id<Batch>,
    invitation: Id<Invitation>,
) -> Result<(), WithdrawError> {
    if repo::delete_open(tx, batch, invitation).await? {
        Ok(())
    } else {
        Err(WithdrawError::NoSuchInvitation)
    }
}
