//! Deleting a wallet that was never used.

use crate::flow::ctx::Tx;
use crate::infra::postgres;
use crate::kernel::id::Id;
use crate::ledger::books::Owner;
use crate::ledger::wallets::repo;
use crate::ledger::wallets::wallet::Wallet;

/// Why it is still there.
#[derive(Debug, thiserror::Error)]
pub enum DeleteWalletError<E> {
    /// There is no such wallet.
    #[error("there is no such wallet")]
    Gone,
    /// It was made of another version.
    #[error("it was made of another version")]
    Version(E),
    /// Money moved in it.
    #[error("something moved in it")]
    InUse,
    /// The database did not answer.
    #[error(transparent)]
    Database(sqlx::Error),
}

impl<E> From<sqlx::Error> for DeleteWalletError<E> {
    fn from(error: sqlx::Error) -> Self {
        match postgres::violated(&error) {
            Some(_) => Self::InUse,
            None => Self::Database(error),
        }
    }
}

/// Deletes a wallet whose version passes `check`.
pub async fn delete_wallet<E>(
    tx: &mut Tx,
    owner: Id<Owner>,
    id: Id<Wallet>,
    check: impl FnOnce(i64) -> Result<(), E>,
) -> Result<(), DeleteWalletError<E>> {
    let wallet = repo::lock(tx, owner, id)
        .await?
        .ok_or(DeleteWalletError::Gone)?;
    check(wallet.version).map_err(DeleteWalletError::Version)?;
    repo::delete(tx, wallet.id).await?;
    Ok(())
}
