//! The pen: what turns the names of the story into what a book has.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};

use crate::kernel::day::Day;
use crate::kernel::id::Id;
use crate::ledger::books::Owner;
use crate::ledger::categories::Category;
use crate::ledger::demo::deed::{Deed, Purse};
use crate::ledger::demo::fill::FillError;
use crate::ledger::demo::story::Story;
use crate::ledger::transactions::{Draft, DraftEntry, DraftLine, Kind, Movement, Status};
use crate::ledger::wallets::Wallet;

/// For how many days a payment with the credit card is not sure yet.
const UNSURE_DAYS: u64 = 2;

/// What the story calls things, and what they are in one book.
pub struct Pen {
    /// Whose book it is.
    pub owner: Id<Owner>,
    wallets: BTreeMap<Purse, Id<Wallet>>,
    categories: BTreeMap<String, Id<Category>>,
    reconciled_until: NaiveDate,
    sure_until: NaiveDate,
}

impl Pen {
    /// A pen for a story, in a book with these wallets and categories.
    #[must_use]
    pub fn new(
        owner: Id<Owner>,
        story: &Story,
        wallets: BTreeMap<Purse, Id<Wallet>>,
        categories: Vec<Category>,
    ) -> Self {
        let named = categories.into_iter();
        Self {
            owner,
            wallets,
            categories: named.map(|category| (category.name, category.id)).collect(),
            reconciled_until: story.reconciled_until(),
            sure_until: story.today - Days::new(UNSURE_DAYS),
        }
    }

    /// The wallet that a purse is.
    pub fn wallet(&self, purse: Purse) -> Result<Id<Wallet>, FillError> {
        let found = self.wallets.get(&purse).copied();
        found.ok_or_else(|| unwritable(purse.wallet().0))
    }

    /// The category of a name.
    pub fn category(&self, name: &str) -> Result<Id<Category>, FillError> {
        let found = self.categories.get(name).copied();
        found.ok_or_else(|| unwritable(name))
    }

    /// What is written down of a deed.
    pub fn draft(&self, deed: &Deed) -> Result<Draft, FillError> {
        let entries = deed.moves.iter().map(|(purse, amount)| {
            Ok(DraftEntry {
                wallet_id: self.wallet(*purse)?,
                amount: (*amount).try_into().map_err(unwritable)?,
                status: self.status(*purse, deed.date),
            })
        });
        let lines = deed.lines.iter().map(|(category, amount)| {
            Ok(DraftLine {
                category_id: Some(self.category(category)?),
                amount: (*amount).try_into().map_err(unwritable)?,
            })
        });
        let entries = entries.collect::<Result<_, FillError>>()?;
        let lines = lines.collect::<Result<_, FillError>>()?;
        let tags = deed.tags.iter().map(|tag| tag.parse().map_err(unwritable));
        Ok(Draft {
            kind: Kind::Normal,
            date: day(deed.date)?,
            payee: deed.payee.map(str::parse).transpose().map_err(unwritable)?,
            note: deed.note.parse().map_err(unwritable)?,
            tags: tags.collect::<Result<_, FillError>>()?,
            movement: Movement::new(entries, lines).map_err(unwritable)?,
        })
    }

    fn status(&self, purse: Purse, date: NaiveDate) -> Status {
        if purse.has_statements() && date <= self.reconciled_until {
            Status::Reconciled
        } else if purse == Purse::Card && date > self.sure_until {
            Status::Pending
        } else {
            Status::Cleared
        }
    }
}

/// A day as the ledger takes it.
pub fn day(date: NaiveDate) -> Result<Day, FillError> {
    date.try_into().map_err(unwritable)
}

/// Something in the story that the ledger does not take.
pub fn unwritable(what: impl ToString) -> FillError {
    FillError::Story(what.to_string())
}
