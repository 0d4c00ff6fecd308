//! Changing what is said of a transaction, and not what it moves: who, what for, which tags, how sure.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::ledger::transactions::change_transaction::Reconciled;
use crate::ledger::transactions::draft::MAX_TAGS;
use crate::ledger::transactions::transaction::{Kind, Named, Status, Transaction};

/// What is to be said of a transaction; the rest stays.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    /// Whom it goes to or comes from; `Some(None)`: that is not said any more.
    pub payee: Option<Option<Named>>,
    /// What all of it is for: a category that counts, and not one that was merged.
    pub category: Option<Option<Uuid>>,
    /// Tags that it gets, if it has them not.
    pub add_tags: Vec<Named>,
    /// Tags that it loses, if it has them.
    pub remove_tags: Vec<Uuid>,
    /// How sure all that moves is.
    pub status: Option<Status>,
}

/// Why that cannot be said of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotEditable {
    /// It says what a wallet held.
    #[error("is an opening or an adjustment: only its status can be set")]
    NotNormal,
    /// It was compared with what the bank says.
    #[error("is reconciled: say `reconciled` to touch it nevertheless")]
    Reconciled,
    /// It is for nothing or for several things.
    #[error("is a transfer, or is for several categories: it has no single one that could be set")]
    NotSingle,
    /// So many tags nothing has.
    #[error("would have more than {MAX_TAGS} tags")]
    TooManyTags,
}

impl Edit {
    /// The transaction as it is to be; nothing, if it is so already.
    pub fn of(
        &self,
        before: &Transaction,
        reconciled: Reconciled,
        now: DateTime<Utc>,
    ) -> Result<Option<Transaction>, NotEditable> {
        if before.kind != Kind::Normal && !self.is_status_only() {
            return Err(NotEditable::NotNormal);
        }
        let mut after = before.clone();
        if let Some(payee) = &self.payee
            && payee.as_ref().map(|payee| payee.id) != before.payee.as_ref().map(|payee| payee.id)
        {
            after.payee.clone_from(payee);
        }
        if let Some(category) = self.category {
            let [line] = after.lines.as_mut_slice() else {
                return Err(NotEditable::NotSingle);
            };
            if line.counts_as != category {
                line.category_id = category;
                line.counts_as = category;
            }
        }
        self.tag(&mut after)?;
        if let Some(status) = self.status {
            for entry in &mut after.entries {
                entry.status = status;
            }
        }
        if after == *before {
            return Ok(None);
        }
        if !reconciled.allows(before) {
            return Err(NotEditable::Reconciled);
        }
        after.version += 1;
        after.updated_at = now;
        Ok(Some(after))
    }

    fn is_status_only(&self) -> bool {
        self.payee.is_none()
            && self.category.is_none()
            && self.add_tags.is_empty()
            && self.remove_tags.is_empty()
    }

    fn tag(&self, after: &mut Transaction) -> Result<(), NotEditable> {
        after.tags.retain(|tag| !self.remove_tags.contains(&tag.id));
        let mut added = false;
        for tag in &self.add_tags {
            if after.tags.iter().all(|has| has.id != tag.id) {
                after.tags.push(tag.clone());
                added = true;
            }
        }
        if added {
            after.tags.sort_by_cached_key(|tag| tag.name.to_lowercase());
            if after.tags.len() > MAX_TAGS {
                return Err(NotEditable::TooManyTags);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::transactions::transaction::{Entry, Line};

    fn named(id: u8) -> Named {
        Named {
            id: Uuid::from_u128(id.into()),
            name: format!("n{id}"),
        }
    }

    fn transaction(
        lines: &[Option<u8>],
        tags: &[u8],
        payee: Option<u8>,
        status: Status,
    ) -> Transaction {
        let line = |category: &Option<u8>| Line {
            category_id: category.map(|id| named(id).id),
            counts_as: category.map(|id| named(id).id),
            currency: "EUR".to_owned(),
            amount: -1,
        };
        Transaction {
            id: Uuid::nil(),
            book_id: Uuid::nil(),
            date: chrono::NaiveDate::default(),
            kind: Kind::Normal,
            payee: payee.map(named),
            note: String::new(),
            tags: tags.iter().copied().map(named).collect(),
            entries: vec![Entry {
                wallet_id: Uuid::nil(),
                currency: "EUR".to_owned(),
                exponent: 2,
                amount: -1,
                status,
            }],
            lines: lines.iter().map(line).collect(),
            version: 1,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
        }
    }

    fn some_edit() -> impl Strategy<Value = Edit> {
        let id = prop::option::of(0_u8..3);
        let tags = prop::collection::vec(0_u8..4, 0..3);
        let status = prop::option::of(prop::sample::select(Status::ALL.to_vec()));
        (
            prop::option::of(id.clone()),
            prop::option::of(id),
            tags.clone(),
            tags,
            status,
        )
            .prop_map(|(payee, category, add, remove, status)| Edit {
                payee: payee.map(|payee| payee.map(named)),
                category: category.map(|category| category.map(|id| named(id).id)),
                // What is added and removed at once would be added each time.
                remove_tags: remove
                    .into_iter()
                    .filter(|tag| !add.contains(tag))
                    .map(|tag| named(tag).id)
                    .collect(),
                add_tags: add.into_iter().map(named).collect(),
                status,
            })
    }

    proptest! {
        #[test]
        fn the_same_edit_twice_is_the_same_as_once(
            edit in some_edit(),
            category in prop::option::of(0_u8..3),
            tags in prop::collection::btree_set(0_u8..4, 0..4),
            payee in prop::option::of(0_u8..3),
        ) {
            let tags: Vec<u8> = tags.into_iter().collect();
            let before = transaction(&[category], &tags, payee, Status::Cleared);
            let now = DateTime::UNIX_EPOCH;
            if let Some(after) = edit.of(&before, Reconciled::Touch, now).expect("an edit") {
                prop_assert_eq!(after.version, 2);
                prop_assert_eq!(edit.of(&after, Reconciled::Touch, now), Ok(None));
                prop_assert_eq!(&after.entries[0].amount, &before.entries[0].amount);
            }
        }
    }

    #[test]
    fn what_cannot_be_said_of_a_transaction_is_refused() {
        let now = DateTime::UNIX_EPOCH;
        let to = Edit {
            category: Some(Some(named(1).id)),
            ..Edit::default()
        };
        let keep = Reconciled::Keep;
        let split = transaction(&[None, None], &[], None, Status::Cleared);
        assert_eq!(to.of(&split, keep, now), Err(NotEditable::NotSingle));
        let transfer = transaction(&[], &[], None, Status::Cleared);
        assert_eq!(to.of(&transfer, keep, now), Err(NotEditable::NotSingle));
        let sure = transaction(&[None], &[], None, Status::Reconciled);
        assert_eq!(to.of(&sure, keep, now), Err(NotEditable::Reconciled));
        assert!(to.of(&sure, Reconciled::Touch, now).is_ok());
        let opening = Transaction {
            kind: Kind::Opening,
            ..transaction(&[None], &[], None, Status::Cleared)
        };
        assert_eq!(to.of(&opening, keep, now), Err(NotEditable::NotNormal));
        let many: Vec<u8> = (0..20).collect();
        let tagged = transaction(&[None], &many, None, Status::Cleared);
        let more = Edit {
            add_tags: vec![named(30)],
            ..Edit::default()
        };
        assert_eq!(more.of(&tagged, keep, now), Err(NotEditable::TooManyTags));
    }
}
