//! Changing a wallet: its name, its kind, and whether it is in use.

use crate::flow::ctx::Tx;
use crate::infra::postgres;
use crate::kernel::id::Id;
use crate::kernel::name::Label;
use crate::ledger::books::Owner;
use crate::ledger::wallets::repo;
use crate::ledger::wallets::wallet::{Wallet, WalletKind};

/// What is to change; the rest stays.
pub struct Changes {
    /// What it is called.
    pub name: Option<Label>,
    /// What it is.
    pub kind: Option<WalletKind>,
    /// Whether it is put away.
    pub archived: Option<bool>,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeWalletError<E> {
    /// There is no such wallet.
    #[error("there is no such wallet")]
    Gone,
    /// It was made of another version.
    #[error("it was made of another version")]
    Version(E),
    /// Another wallet is called so.
    #[error("another wallet is called so")]
    NameTaken,
    /// The database did not answer.
    #[error(transparent)]
    Database(sqlx::Error),
}

impl<E> From<sqlx::Error> for ChangeWalletError<E> {
    fn from(error: sqlx::Error) -> Self {
        match postgres::violated(&error) {
            Some("wallets_name") => Self::NameTaken,
            _ => Self::Database(error),
        }
    }
}

/// Changes a wallet whose version passes `check`, and returns it as it is then.
pub async fn change_wallet<E>(
    tx: &mut Tx,
    owner: Id<Owner>,
    id: Id<Wallet>,
    changes: Changes,
    check: impl FnOnce(i64) -> Result<(), E>,
) -> Result<Wallet, ChangeWalletError<E>> {
    let now = tx.now();
    let wallet = repo::lock(tx, owner, id)
        .await?
        .ok_or(ChangeWalletError::Gone)?;
    check(wallet.version).map_err(ChangeWalletError::Version)?;
    let archived_at = match changes.archived {
        Some(true) => wallet.archived_at.or(Some(now)),
        Some(false) => None,
        None => wallet.archived_at,
    };
    let wallet = Wallet {
        name: changes
            .name
            .map_or(wallet.name, |name| name.as_str().to_owned()),
        kind: changes.kind.unwrap_or(wallet.kind),
        archived_at,
        version: wallet.version + 1,
        ..wallet
    };
    repo::update(tx, &wallet).await?;
    Ok(wallet)
}
