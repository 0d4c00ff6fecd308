//! The consumer `reports`: keeps the totals of days in line with the ledger.

use std::collections::BTreeSet;

use async_trait::async_trait;
use chrono::NaiveDate;
use uuid::Uuid;

use crate::flow::ctx::Tx;
use crate::flow::event::{CloudEvent, Event, Topic};
use crate::flow::reaction::{Reaction, Wanted};
use crate::ledger::events::{
    TRANSACTION_EVENTS, TransactionCreated, TransactionDeleted, TransactionFacts,
    TransactionUpdated,
};
use crate::ledger::reports::cells;

/// The consumer's frozen name.
pub const CONSUMER: &str = "reports";
/// Where its events are.
pub const TOPICS: &[Topic] = &[TRANSACTION_EVENTS];

/// Makes the totals of those days anew that an event touches, from what the ledger holds now. So it does not matter how
/// often an event comes, or which of several comes first.
pub struct Reports;

#[async_trait]
impl Reaction for Reports {
    fn consumer(&self) -> &'static str {
        CONSUMER
    }

    fn summary(&self) -> &'static str {
        "Keeps the totals of each day by category, wallet and currency, from which reports are read."
    }

    fn topics(&self) -> &'static [Topic] {
        TOPICS
    }

    fn wanted(&self) -> Wanted {
        Wanted::Types(&[
            TransactionCreated::TYPE,
            TransactionUpdated::TYPE,
            TransactionDeleted::TYPE,
        ])
    }

    async fn prepare(&self, tx: &mut Tx, events: &[&CloudEvent]) -> anyhow::Result<()> {
        // What cannot be read fails by itself later.
        let touched = events.iter().filter_map(|event| Touched::by(event).ok());
        let books: Vec<Uuid> = touched.flatten().map(|touched| touched.book).collect();
        cells::lock_books(tx, &books).await?;
        Ok(())
    }

    async fn react(&self, tx: &mut Tx, event: &CloudEvent) -> anyhow::Result<()> {
        let Some(touched) = Touched::by(event)? else {
            return Ok(());
        };
        // Two members of the group may have events of one book in hand. Whoever has the lock recomputes in a statement that
        // begins after the other has committed, so nothing new is ever replaced by something old.
        if cells::lock_books(tx, &[touched.book]).await? == 0 {
            // Erased meanwhile, and its totals with it.
            return Ok(());
        }
        cells::recompute_wallets(tx, touched.book, &touched.wallets).await?;
        cells::recompute_categories(tx, touched.book, &touched.categories).await?;
        Ok(())
    }

    async fn rebuild(&self, tx: &mut Tx) -> anyhow::Result<()> {
        cells::rebuild(tx).await?;
        Ok(())
    }
}

/// The cells that an event touches: those of what was, and those of what is.
#[derive(Debug, PartialEq, Eq)]
struct Touched {
    book: Uuid,
    wallets: BTreeSet<(NaiveDate, Uuid)>,
    categories: BTreeSet<(NaiveDate, Option<Uuid>)>,
}

impl Touched {
    fn by(event: &CloudEvent) -> serde_json::Result<Option<Self>> {
        if let Some(created) = event.decode::<TransactionCreated>()? {
            return Ok(Some(Self::of(created.book_id, &[created.after])));
        }
        if let Some(updated) = event.decode::<TransactionUpdated>()? {
            let facts = [updated.before, updated.after];
            return Ok(Some(Self::of(updated.book_id, &facts)));
        }
        if let Some(deleted) = event.decode::<TransactionDeleted>()? {
            return Ok(Some(Self::of(deleted.book_id, &[deleted.before])));
        }
        Ok(None)
    }

    fn of(book: Uuid, facts: &[TransactionFacts]) -> Self {
        let wallets = facts.iter().flat_map(|facts| {
            let entries = facts.entries.iter();
            entries.map(|entry| (facts.date, entry.wallet_id))
        });
        let categories = facts.iter().flat_map(|facts| {
            let lines = facts.lines.iter();
            lines.map(|line| (facts.date, line.category_id))
        });
        Self {
            book,
            wallets: wallets.collect(),
            categories: categories.collect(),
        }
    }
}
