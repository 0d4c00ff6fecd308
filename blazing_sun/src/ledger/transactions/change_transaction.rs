//! Changing a transaction: another takes its place under the same id.

use uuid::Uuid;

use crate::flow::ctx::Tx;
use crate::flow::outbox::{self, Refused};
use crate::kernel::id::Id;
use crate::ledger::books::Owner;
use crate::ledger::transactions::draft::Draft;
use crate::ledger::transactions::repo::{self, Stamp};
use crate::ledger::transactions::transaction::{Kind, Transaction};
use crate::ledger::transactions::written::{NotWritten, write};
use crate::ledger::wallets;

/// Whether rows may be touched that were compared with what the bank says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reconciled {
    /// They stay as they are.
    Keep,
    /// Whoever asks said that they know.
    Touch,
}

impl From<bool> for Reconciled {
    fn from(may_touch: bool) -> Self {
        if may_touch { Self::Touch } else { Self::Keep }
    }
}

impl Reconciled {
    /// Whether a transaction may be touched.
    #[must_use]
    pub fn allows(self, transaction: &Transaction) -> bool {
        self == Self::Touch || !transaction.is_reconciled()
    }
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeTransactionError<E> {
    /// There is no such transaction.
    #[error("there is no such transaction")]
    Gone,
    /// It was made of another version.
    #[error("it was made of another version")]
    Version(E),
    /// It was compared with what the bank says.
    #[error("it is reconciled")]
    Reconciled,
    /// It says what a wallet held, and is changed by an adjustment of that wallet.
    #[error("it is an opening or an adjustment")]
    NotNormal,
    /// Something about what it shall be is wrong, or the database did not answer.
    #[error(transparent)]
    NotWritten(#[from] NotWritten),
    /// Its event could not be written down.
    #[error(transparent)]
    Refused(#[from] Refused),
}

impl<E> From<sqlx::Error> for ChangeTransactionError<E> {
    fn from(error: sqlx::Error) -> Self {
        NotWritten::from(error).into()
    }
}

/// Changes a transaction whose version passes `check`, and returns it as it is then.
pub async fn change_transaction<E>(
    tx: &mut Tx,
    owner: Id<Owner>,
    id: Id<Transaction>,
    draft: &Draft,
    reconciled: Reconciled,
    check: impl FnOnce(i64) -> Result<(), E>,
) -> Result<Transaction, ChangeTransactionError<E>> {
    repo::make_names(tx, owner, draft).await?;
    let before = repo::lock(tx, owner, id)
        .await?
        .ok_or(ChangeTransactionError::Gone)?;
    check(before.version).map_err(ChangeTransactionError::Version)?;
    if before.kind != Kind::Normal {
        return Err(ChangeTransactionError::NotNormal);
    }
    if !reconciled.allows(&before) {
        return Err(ChangeTransactionError::Reconciled);
    }
    // What moves out and what moves in are two statements: both wallets are locked before the first.
    let old = before.entries.iter().map(|entry| entry.wallet_id);
    let new = draft.movement.entries().iter();
    let touched: Vec<Uuid> = old.chain(new.map(|entry| entry.wallet_id.uuid())).collect();
    wallets::repo::lock_all(tx, before.book_id.into(), &touched).await?;
    repo::clear(tx, before.id).await?;
    let stamp = Stamp {
        id: before.id,
        version: before.version + 1,
        created_at: before.created_at,
    };
    let after = write(tx, owner, stamp, draft).await?;
    outbox::emit(tx, &after.updated(&before)).await?;
    Ok(after)
}
