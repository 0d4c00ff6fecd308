//! Which transactions somebody looks for, and where a page of them begins.

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use crate::kernel::day::Day;
use crate::kernel::id::Id;
use crate::ledger::books::Owner;
use crate::ledger::transactions::transaction::{Status, Transaction};

/// The place in a list behind a transaction: its day and its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The day.
    pub date: NaiveDate,
    /// The transaction.
    pub id: Uuid,
}

/// A text that is no such place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not the `next` of a page")]
pub struct NotACursor;

impl Cursor {
    /// The place behind a transaction.
    #[must_use]
    pub fn behind(transaction: &Transaction) -> Self {
        Self {
            date: transaction.date,
            id: transaction.id,
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.date, self.id)
    }
}

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let (date, id) = text.split_once('.').ok_or(NotACursor)?;
        let date: Day = date.parse().map_err(|_| NotACursor)?;
        Ok(Self {
            date: date.date(),
            id: id.parse().map_err(|_| NotACursor)?,
        })
    }
}

/// A text to look for, long enough for an index.
#[derive(Clone, Debug)]
pub struct Words(String);

/// Why a text is not looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("does not have 3 to 100 characters, none of them a control character")]
pub struct NotWords;

impl FromStr for Words {
    type Err = NotWords;

    fn from_str(text: &str) -> Result<Self, NotWords> {
        let text = text.trim();
        // The database has no text with a zero in it.
        let is_words =
            (3..=100).contains(&text.chars().count()) && !text.contains(char::is_control);
        is_words.then(|| Self(text.to_owned())).ok_or(NotWords)
    }
}

impl Words {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn pattern(&self) -> String {
        pattern(&self.0)
    }
}

/// As a pattern that finds a text anywhere, and takes none of its signs for more than they are.
#[must_use]
pub fn pattern(text: &str) -> String {
    let plain = text.replace('\\', "\\\\");
    format!("%{}%", plain.replace('%', "\\%").replace('_', "\\_"))
}

/// What transactions have to be like. Each part narrows the others down.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// On this day or later.
    pub from: Option<Day>,
    /// On this day or earlier.
    pub to: Option<Day>,
    /// Something moves in this wallet.
    pub wallet_id: Option<Uuid>,
    /// Something is for this category, its parts, or what was merged into them.
    pub category_id: Option<Uuid>,
    /// It goes to or comes from this payee.
    pub payee_id: Option<Uuid>,
    /// It has this tag.
    pub tag_id: Option<Uuid>,
    /// A movement of it is this sure.
    pub status: Option<Status>,
    /// A movement of it is at least this.
    pub least: Option<i64>,
    /// A movement of it is at most this.
    pub most: Option<i64>,
    /// Its note or the name of its payee has this in it.
    pub words: Option<Words>,
}

impl Filter {
    /// Narrows a question about transactions `t` down.
    pub fn push(&self, query: &mut QueryBuilder<Postgres>, owner: Id<Owner>) {
        if let Some(from) = self.from {
            query.push(" AND t.date >= ").push_bind(from.date());
        }
        if let Some(to) = self.to {
            query.push(" AND t.date <= ").push_bind(to.date());
        }
        if let Some(payee) = self.payee_id {
            query.push(" AND t.payee_id = ").push_bind(payee);
        }
        if let Some(tag) = self.tag_id {
            query
                .push(" AND t.id IN (SELECT transaction_id FROM transaction_tags WHERE tag_id = ")
                .push_bind(tag)
                .push(")");
        }
        if let Some(category) = self.category_id {
            // Its parts, and whatever counts as one of them.
            query
                .push(
                    " AND t.id IN (SELECT l.transaction_id FROM lines l JOIN categories c ON c.id = l.category_id
                                   JOIN categories r ON r.id = c.counts_as
                                   WHERE l.book_id = t.book_id AND ",
                )
                .push_bind(category)
                .push(" IN (r.id, r.parent_id))");
        }
        self.push_entry(query);
        if let Some(words) = &self.words {
            query
                .push(" AND (t.note ILIKE ")
                .push_bind(words.pattern())
                .push(
                    " OR t.payee_id IN (SELECT p.id FROM payees p JOIN books pb ON pb.id = p.book_id
                                        WHERE pb.owner_id = ",
                )
                .push_bind(owner.uuid())
                .push(" AND p.name ILIKE ")
                .push_bind(words.pattern())
                .push("))");
        }
    }

    /// What has to be true of one and the same movement.
    fn push_entry(&self, query: &mut QueryBuilder<Postgres>) {
        let Self {
            wallet_id,
            status,
            least,
            most,
            ..
        } = self;
        if wallet_id.is_none() && status.is_none() && least.is_none() && most.is_none() {
            return;
        }
        query.push(" AND EXISTS (SELECT FROM entries e WHERE e.transaction_id = t.id");
        if let Some(wallet) = wallet_id {
            query.push(" AND e.wallet_id = ").push_bind(*wallet);
        }
        if let Some(status) = status {
            query.push(" AND e.status = ").push_bind(status.name());
        }
        if let Some(least) = least {
            query.push(" AND e.amount >= ").push_bind(*least);
        }
        if let Some(most) = most {
            query.push(" AND e.amount <= ").push_bind(*most);
        }
        query.push(")");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn signs_of_patterns_are_looked_for_as_they_are() {
        let words: Words = " 100%_\\ ".parse().expect("words");
        assert_eq!(words.pattern(), "%100\\%\\_\\\\%");
        assert_eq!("ab".parse::<Words>().err(), Some(NotWords));
        assert_eq!("a\0bc".parse::<Words>().err(), Some(NotWords));
    }

    proptest! {
        #[test]
        fn a_place_reads_back_as_it_was_written(days in 0..100_000_u64, id: u128) {
            let date = NaiveDate::from_ymd_opt(1900, 1, 1).expect("a date") + chrono::Days::new(days);
            let cursor = Cursor { date, id: Uuid::from_u128(id) };
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }

        #[test]
        fn any_text_is_answered(text in "\\PC*") {
            let _: Result<Cursor, NotACursor> = text.parse();
        }
    }
}
