//! Deleting many transactions: all of them go to the trash, or none.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::flow::ctx::Tx;
use crate::flow::outbox::{self, Refused};
use crate::kernel::id::Id;
use crate::ledger::books::{Book, Owner};
use crate::ledger::bulk::change_many::{Fault, locked};
use crate::ledger::bulk::repo;
use crate::ledger::transactions::{NotEditable, NotWritten, Reconciled, Transaction};
use crate::ledger::wallets;

/// Why all of them are still there.
#[derive(Debug, thiserror::Error)]
pub enum DeleteManyError {
    /// All that is wrong.
    #[error("something that was asked is wrong")]
    Faults(Vec<Fault>),
    /// An event could not be written down.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// A wallet cannot do without them, or the database did not answer.
    #[error(transparent)]
    NotWritten(#[from] NotWritten),
}

impl From<sqlx::Error> for DeleteManyError {
    fn from(error: sqlx::Error) -> Self {
        NotWritten::from(error).into()
    }
}

/// Deletes transactions of a book that is locked. Returns them as they are in the trash; after an error all has to be rolled back.
pub async fn delete_many(
    tx: &mut Tx,
    owner: Id<Owner>,
    book: Id<Book>,
    ids: &[Uuid],
    reconciled: Reconciled,
) -> Result<Vec<Transaction>, DeleteManyError> {
    let mut found = locked(tx, owner, ids).await?;
    let (mut faults, mut gone) = (Vec::new(), Vec::new());
    for (place, id) in ids.iter().enumerate() {
        match found.remove(id) {
            None => faults.push(Fault::UnknownTransaction(place)),
            Some(before) if !reconciled.allows(&before) => {
                faults.push(Fault::NotEditable(place, NotEditable::Reconciled));
            }
            Some(before) => gone.push(Transaction {
                version: before.version + 1,
                ..before
            }),
        }
    }
    if !faults.is_empty() {
        return Err(DeleteManyError::Faults(faults));
    }
    let entries = gone.iter().flat_map(|gone| &gone.entries);
    let touched: BTreeSet<Uuid> = entries.map(|entry| entry.wallet_id).collect();
    let touched: Vec<Uuid> = touched.into_iter().collect();
    wallets::repo::lock_all(tx, book, &touched).await?;
    repo::throw_away(tx, &gone).await?;
    for gone in &gone {
        outbox::emit(tx, &gone.deleted()).await?;
    }
    Ok(gone)
}
