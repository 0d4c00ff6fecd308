//! Inviting people: all of them, or nobody.

use crate::accounts::account::Account;
use crate::accounts::invitations::invitation::{Batch, NewInvitation};
use crate::accounts::invitations::jobs::CreateUser;
use crate::accounts::invitations::repo;
use crate::flow::ctx::Tx;
use crate::flow::outbox::{self, Refused};
use crate::kernel::id::Id;

/// Why nobody was invited.
#[derive(Debug, thiserror::Error)]
pub enum InviteError {
    /// It could not be written down.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Writes invitations down, each with the job that makes an account of it. Who invites is an administrator; none at the
/// command line.
pub async fn invite(
    tx: &mut Tx,
    by: Option<Id<Account>>,
    invitations: &[NewInvitation],
) -> Result<Id<Batch>, InviteError> {
    let batch = Id::new();
    repo::insert_batch(tx, batch, by).await?;
    for invitation_id in repo::insert(tx, batch, invitations).await? {
        outbox::enqueue(tx, &CreateUser { invitation_id }).await?;
    }
    Ok(batch)
}
