//! From a draft to the transaction that it became, or to what was wrong with it.

use crate::flow::ctx::Tx;
use crate::infra::postgres;
use crate::kernel::id::Id;
use crate::ledger::books::Owner;
use crate::ledger::transactions::draft::{Draft, NotAMovement};
use crate::ledger::transactions::repo::{self, Stamp, Written};
use crate::ledger::transactions::transaction::{Entry, Kind, Line, Transaction};

/// Why a draft is not written down.
#[derive(Debug, thiserror::Error)]
pub enum NotWritten {
    /// The entry at this place, from 0, is in no wallet of theirs.
    #[error("the wallet of entry {0} is not known")]
    UnknownWallet(usize),
    /// The entry at this place, from 0, is in a wallet that was put away.
    #[error("the wallet of entry {0} is archived")]
    ArchivedWallet(usize),
    /// The line at this place, from 0, is in no category of theirs.
    #[error("the category of line {0} is not known")]
    UnknownCategory(usize),
    /// It does not add up.
    #[error(transparent)]
    Movement(#[from] NotAMovement),
    /// A wallet would hold more than can be counted.
    #[error("a balance would be out of bounds")]
    WalletFull,
    /// Something that it names was deleted or merged at the same time.
    #[error("something that it names is gone meanwhile")]
    GoneMeanwhile,
    /// The database did not answer.
    #[error(transparent)]
    Database(sqlx::Error),
}

impl From<sqlx::Error> for NotWritten {
    fn from(error: sqlx::Error) -> Self {
        match postgres::violated(&error) {
            Some("wallet_full") => Self::WalletFull,
            Some(key) if key.ends_with("_fkey") => Self::GoneMeanwhile,
            _ => Self::Database(error),
        }
    }
}

/// Writes a draft down as `stamp` says. After an error the transaction has to be rolled back.
pub async fn write(
    tx: &mut Tx,
    owner: Id<Owner>,
    stamp: Stamp,
    draft: &Draft,
) -> Result<Transaction, NotWritten> {
    let now = tx.now();
    let written = repo::write(tx, owner, stamp, draft)
        .await?
        .ok_or(NotWritten::UnknownWallet(0))?;
    check(draft, &written)?;
    let currency = written
        .wallets
        .first()
        .map_or_else(String::new, |wallet| wallet.currency.clone());
    let entries = draft.movement.entries().iter().zip(written.wallets);
    let counts_as = |place| {
        let mut found = written.categories.iter();
        found.find(|found| found.no == place + 1)
    };
    let lines = draft.movement.lines().iter().enumerate();
    Ok(Transaction {
        id: stamp.id,
        book_id: written.book_id,
        date: draft.date.date(),
        kind: draft.kind,
        payee: written.payee,
        note: draft.note.as_str().to_owned(),
        tags: written.tags,
        entries: entries
            .map(|(entry, wallet)| Entry {
                wallet_id: entry.wallet_id.uuid(),
                currency: wallet.currency,
                exponent: wallet.exponent,
                amount: entry.amount.minor(),
                status: entry.status,
            })
            .collect(),
        lines: lines
            .map(|(place, line)| Line {
                category_id: line.category_id.map(Id::uuid),
                counts_as: counts_as(place).map(|found| found.counts_as),
                currency: currency.clone(),
                amount: line.amount.minor(),
            })
            .collect(),
        version: stamp.version,
        created_at: stamp.created_at,
        updated_at: now,
    })
}

/// Whether all of a draft was found, and adds up now that the currencies are known.
pub fn check(draft: &Draft, written: &Written) -> Result<(), NotWritten> {
    for place in 0..draft.movement.entries().len() {
        let mut found = written.wallets.iter();
        let wallet = found
            .find(|wallet| wallet.no == place + 1)
            .ok_or(NotWritten::UnknownWallet(place))?;
        if wallet.archived {
            return Err(NotWritten::ArchivedWallet(place));
        }
    }
    for (place, line) in draft.movement.lines().iter().enumerate() {
        let is_found = written.categories.iter().any(|found| found.no == place + 1);
        if line.category_id.is_some() && !is_found {
            return Err(NotWritten::UnknownCategory(place));
        }
    }
    if draft.kind == Kind::Normal {
        let currencies: Vec<&str> = written
            .wallets
            .iter()
            .map(|wallet| wallet.currency.as_str())
            .collect();
        draft.movement.suits(&currencies)?;
    }
    Ok(())
}
