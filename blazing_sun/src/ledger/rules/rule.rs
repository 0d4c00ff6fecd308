//! The rule.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use uuid::Uuid;

use crate::kernel::id::Id;
use crate::kernel::name::Label;
use crate::ledger::categories::Category;
use crate::ledger::transactions::{Edit, Kind, MAX_TAGS, Named, Reconciled, Transaction, Words};

/// How many rules a book may have.
pub const MAX_RULES: i64 = 500;

/// "What has this text in it is from this payee, for this category and has these tags."
#[derive(Clone, Debug)]
pub struct Rule {
    /// Which one.
    pub id: Id<Rule>,
    /// Its place among the others, from 1: the first that says something counts.
    pub position: i32,
    /// What a note or a payee's name has to have in it.
    pub contains: String,
    /// Whom such a transaction goes to or comes from, if the rule says that.
    pub payee: Option<Named>,
    /// What it is for, if the rule says that.
    pub category: Option<Sorted>,
    /// The tags that it gets, besides those that it has.
    pub tags: Vec<Named>,
    /// Rises with each change.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// A category that a rule names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Sorted {
    /// The category that was said.
    pub id: Uuid,
    /// The one that counts for it, after all merging.
    pub counts_as: Uuid,
}

/// What a rule is to be.
pub struct NewRule {
    /// What a note or a payee's name has to have in it.
    pub contains: Words,
    /// The payee, by one of their names.
    pub payee: Option<Label>,
    /// The category.
    pub category_id: Option<Id<Category>>,
    /// The tags, by their names.
    pub tags: Vec<Label>,
}

impl Rule {
    /// What becomes of a transaction that has the text in it; nothing, if it is so already or has to stay as it is. The category
    /// of a transfer or of a split stays, and so do tags that would be too many.
    #[must_use]
    pub fn sort(
        &self,
        before: &Transaction,
        reconciled: Reconciled,
        now: DateTime<Utc>,
    ) -> Option<Transaction> {
        if before.kind != Kind::Normal {
            return None;
        }
        let is_single = before.lines.len() == 1;
        let missing = self.tags.iter().filter(|tag| {
            let mut has = before.tags.iter();
            has.all(|has| has.id != tag.id)
        });
        let fits = before.tags.len() + missing.count() <= MAX_TAGS;
        let edit = Edit {
            payee: self.payee.clone().map(Some),
            category: self
                .category
                .filter(|_| is_single)
                .map(|category| Some(category.counts_as)),
            add_tags: if fits { self.tags.clone() } else { Vec::new() },
            ..Edit::default()
        };
        edit.of(before, reconciled, now).ok().flatten()
    }
}
