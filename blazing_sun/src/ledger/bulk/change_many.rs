//! Changing what is said of many transactions: of all, or of none.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::flow::ctx::Tx;
use crate::flow::outbox::Refused;
use crate::kernel::id::Id;
use crate::kernel::name::Label;
use crate::ledger::books::{Book, Owner};
use crate::ledger::bulk::keep;
use crate::ledger::categories::{self, Category};
use crate::ledger::transactions::{self, Edit, NotEditable, Reconciled, Status, Transaction};
use crate::ledger::{payees, tags};

/// What is to be said of each; the rest stays.
pub struct Wish {
    /// Whom it goes to or comes from, by a name; `Some(None)`: that is not said any more.
    pub payee: Option<Option<Label>>,
    /// What all of it is for.
    pub category: Option<Option<Id<Category>>>,
    /// Tags that it gets, by their names.
    pub add_tags: Vec<Label>,
    /// Tags that it loses, by their names.
    pub remove_tags: Vec<Label>,
    /// How sure all that moves is.
    pub status: Option<Status>,
}

/// What is wrong with a part of what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There is no such category.
    UnknownCategory,
    /// There is no tag of the name at this place among those that are to be removed.
    UnknownTag(usize),
    /// There is no transaction of the id at this place.
    UnknownTransaction(usize),
    /// That cannot be said of the transaction at this place.
    NotEditable(usize, NotEditable),
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeManyError {
    /// All that is wrong.
    #[error("something that was asked is wrong")]
    Faults(Vec<Fault>),
    /// An event could not be written down.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The database did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Changes transactions of a book that is locked. Returns those that are different now; after an error all has to be rolled back.
pub async fn change_many(
    tx: &mut Tx,
    owner: Id<Owner>,
    book: Id<Book>,
    ids: &[Uuid],
    wish: Wish,
    reconciled: Reconciled,
) -> Result<Vec<Transaction>, ChangeManyError> {
    let mut faults = Vec::new();
    let edit = edit(tx, book, wish, &mut faults).await?;
    let mut found = locked(tx, owner, ids).await?;
    let mut changed = Vec::new();
    for (place, id) in ids.iter().enumerate() {
        let Some(before) = found.remove(id) else {
            faults.push(Fault::UnknownTransaction(place));
            continue;
        };
        match edit.of(&before, reconciled, tx.now()) {
            Ok(Some(after)) => changed.push((before, after)),
            Ok(None) => {}
            Err(fault) => faults.push(Fault::NotEditable(place, fault)),
        }
    }
    if !faults.is_empty() {
        return Err(ChangeManyError::Faults(faults));
    }
    keep(tx, &changed).await?;
    Ok(changed.into_iter().map(|(_, after)| after).collect())
}

/// Transactions of somebody's, locked in the order of their ids.
pub async fn locked(
    tx: &mut Tx,
    owner: Id<Owner>,
    ids: &[Uuid],
) -> sqlx::Result<BTreeMap<Uuid, Transaction>> {
    let found = transactions::repo::lock_all(tx, owner, ids).await?;
    Ok(found.into_iter().map(|found| (found.id, found)).collect())
}

/// What a wish comes to in this book. Payees and tags of new names are made.
async fn edit(
    tx: &mut Tx,
    book: Id<Book>,
    wish: Wish,
    faults: &mut Vec<Fault>,
) -> sqlx::Result<Edit> {
    let category = match wish.category {
        Some(Some(id)) => match categories::repo::of_book(tx, book, id).await? {
            Some(found) => Some(Some(found.counts_as.uuid())),
            None => {
                faults.push(Fault::UnknownCategory);
                None
            }
        },
        Some(None) => Some(None),
        None => None,
    };
    let payee = match wish.payee {
        Some(Some(name)) => Some(Some(payees::repo::named(tx, book, &name).await?)),
        Some(None) => Some(None),
        None => None,
    };
    let mut remove_tags = Vec::new();
    if !wish.remove_tags.is_empty() {
        let known = tags::repo::known(tx, book, &wish.remove_tags).await?;
        for place in 0..wish.remove_tags.len() {
            match known.iter().find(|(no, _)| *no == place + 1) {
                Some((_, id)) => remove_tags.push(*id),
                None => faults.push(Fault::UnknownTag(place)),
            }
        }
    }
    let add_tags = if wish.add_tags.is_empty() {
        Vec::new()
    } else {
        tags::repo::named(tx, book, &wish.add_tags).await?
    };
    Ok(Edit {
        payee,
        category,
        add_tags,
        remove_tags,
        status: wish.status,
    })
}
