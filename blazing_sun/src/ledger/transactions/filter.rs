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
    /// Whether what is looked for is read off the movements.
    fn is_of_movements(&self) -> bool {
        self.wallet_id.is_some() || self.status.is_some()
    }

    /// Where a page of what is looked for is read from: `s`, the days and ids in the order of the list, and transactions `t`. PostgreSQL
    /// counts on small books, so that the way through a large one is given: what moves in a wallet or is this sure is read off
    /// its own index by day, a page at most, and each transaction is looked up by its id.
    pub fn push_source(&self, query: &mut QueryBuilder<Postgres>, owner: Id<Owner>) {
        if !self.is_of_movements() {
            query.push(" FROM transactions t CROSS JOIN LATERAL (SELECT t.date, t.id) s");
            return;
        }
        query.push(" FROM (SELECT DISTINCT e.date, e.transaction_id AS id FROM entries e WHERE ");
        if let Some(wallet) = self.wallet_id {
            query
                .push("e.wallet_id = (SELECT id FROM wallets WHERE id = ")
                .push_bind(wallet)
                // Asked of the wallet and not of the movement, which would lead to an index of the whole book.
                .push(" AND book_id = ");
            push_book(query, owner);
            query.push(")");
        } else {
            query.push("e.book_id = ");
            push_book(query, owner);
        }
        self.push_movement(query);
        query.push(
            " ORDER BY e.date DESC, e.transaction_id DESC) s
              CROSS JOIN LATERAL (SELECT * FROM transactions x WHERE x.id = s.id LIMIT 1) t",
        );
    }

    /// Narrows a question about transactions `t` down, whose days and ids are `s`.
    pub fn push(&self, query: &mut QueryBuilder<Postgres>, owner: Id<Owner>) {
        if let Some(from) = self.from {
            query.push(" AND s.date >= ").push_bind(from.date());
        }
        if let Some(to) = self.to {
            query.push(" AND s.date <= ").push_bind(to.date());
        }
        if let Some(payee) = self.payee_id {
            query.push(" AND t.payee_id = ").push_bind(payee);
        }
        // By their ids, so that something rare is not looked for day by day.
        if let Some(tag) = self.tag_id {
            query
                .push(" AND t.id = ANY(ARRAY(SELECT transaction_id FROM transaction_tags WHERE tag_id = ")
                .push_bind(tag)
                .push("))");
        }
        if let Some(category) = self.category_id {
            query.push(
                " AND t.id = ANY(ARRAY(SELECT l.transaction_id FROM lines l WHERE l.book_id = ",
            );
            push_book(query, owner);
            // Its parts, and whatever counts as one of them.
            query.push(
                " AND l.category_id = ANY(ARRAY(SELECT c.id FROM categories c JOIN categories r ON r.id = c.counts_as
                                                WHERE c.book_id = ",
            );
            push_book(query, owner);
            query
                .push(" AND ")
                .push_bind(category)
                .push(" IN (r.id, r.parent_id)))))");
        }
        if !self.is_of_movements() && (self.least.is_some() || self.most.is_some()) {
            query.push(
                " AND EXISTS (SELECT FROM entries e WHERE e.transaction_id = t.id AND e.book_id = t.book_id",
            );
            self.push_movement(query);
            query.push(")");
        }
        if let Some(words) = &self.words {
            push_words(query, owner, words.as_str());
        }
    }

    /// What has to be true of one and the same movement `e`, besides its wallet.
    fn push_movement(&self, query: &mut QueryBuilder<Postgres>) {
        if let Some(status) = self.status {
            query.push(" AND e.status = ").push_bind(status.name());
        }
        if let Some(least) = self.least {
            query.push(" AND e.amount >= ").push_bind(least);
        }
        if let Some(most) = self.most {
            query.push(" AND e.amount <= ").push_bind(most);
        }
    }
}

/// The id of somebody's book.
pub fn push_book(query: &mut QueryBuilder<Postgres>, owner: Id<Owner>) {
    query
        .push("(SELECT id FROM books WHERE owner_id = ")
        .push_bind(owner.uuid())
        .push(")");
}

/// Transactions `t` whose note or whose payee's name has a text in it. Each side alone is on an index, and so are both.
pub fn push_words(query: &mut QueryBuilder<Postgres>, owner: Id<Owner>, text: &str) {
    query
        .push(" AND (t.note <> '' AND t.note ILIKE ")
        .push_bind(pattern(text))
        .push(" OR t.payee_id = ANY(ARRAY(SELECT p.id FROM payees p WHERE p.book_id = ");
    push_book(query, owner);
    query
        .push(" AND p.name ILIKE ")
        .push_bind(pattern(text))
        .push(")))");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn signs_of_patterns_are_looked_for_as_they_are() {
        let words: Words = " 100%_\\ ".parse().expect("words");
        assert_eq!(pattern(words.as_str()), "%100\\%\\_\\\\%");
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
