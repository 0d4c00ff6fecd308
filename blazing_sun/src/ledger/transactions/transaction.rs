//! The transaction as it is kept.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ledger::events::{
    EntryFacts, LineFacts, TransactionCreated, TransactionDeleted, TransactionFacts,
    TransactionUpdated,
};

/// What a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = TransactionKind)]
pub enum Kind {
    /// Money came in, went out or moved.
    Normal,
    /// What a wallet began with; counts in what one has, never as income.
    Opening,
    /// What a wallet was found to hold more or less than was written down; counts alike.
    Adjustment,
}

impl Kind {
    /// Its frozen name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Opening => "opening",
            Self::Adjustment => "adjustment",
        }
    }
}

/// A text that is no kind of transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not normal, opening or adjustment")]
pub struct NoSuchKind;

impl FromStr for Kind {
    type Err = NoSuchKind;

    fn from_str(text: &str) -> Result<Self, NoSuchKind> {
        [Self::Normal, Self::Opening, Self::Adjustment]
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or(NoSuchKind)
    }
}

/// How sure a movement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is expected.
    Pending,
    /// It has happened.
    Cleared,
    /// It was compared with what the bank says.
    Reconciled,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Cleared, Self::Reconciled];

    /// Its frozen name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Cleared => "cleared",
            Self::Reconciled => "reconciled",
        }
    }
}

/// A text that is no status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not pending, cleared or reconciled")]
pub struct NoSuchStatus;

impl FromStr for Status {
    type Err = NoSuchStatus;

    fn from_str(text: &str) -> Result<Self, NoSuchStatus> {
        Self::ALL
            .into_iter()
            .find(|status| status.name() == text)
            .ok_or(NoSuchStatus)
    }
}

/// Something that has an id and a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Named {
    /// Which one.
    pub id: Uuid,
    /// What it is called.
    pub name: String,
}

/// What moved in one wallet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Entry {
    /// The wallet.
    pub wallet_id: Uuid,
    /// Its currency.
    pub currency: String,
    /// How many digits the currency's minor unit has in this wallet.
    pub exponent: i16,
    /// In minor units; negative: out of the wallet.
    pub amount: i64,
    /// How sure it is.
    pub status: Status,
}

/// What a part of it was for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The category that was said, if one was.
    pub category_id: Option<Uuid>,
    /// The category that counts for it, after all merging.
    pub counts_as: Option<Uuid>,
    /// The currency.
    pub currency: String,
    /// In minor units; negative: spent.
    pub amount: i64,
}

/// A transaction, whole. Its serialised form is what the trash keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// Which one.
    pub id: Uuid,
    /// The book it is in.
    pub book_id: Uuid,
    /// The day it counts for.
    pub date: NaiveDate,
    /// What it is.
    pub kind: Kind,
    /// Whom it went to or came from.
    pub payee: Option<Named>,
    /// What was noted.
    pub note: String,
    /// Its tags, by their names.
    pub tags: Vec<Named>,
    /// What moved.
    pub entries: Vec<Entry>,
    /// What it was for.
    pub lines: Vec<Line>,
    /// Rises with each change.
    pub version: i64,
    /// When it was written down.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl Transaction {
    /// What events tell of it.
    #[must_use]
    pub fn facts(&self) -> TransactionFacts {
        let entry = |entry: &Entry| EntryFacts {
            wallet_id: entry.wallet_id,
            currency: entry.currency.clone(),
            amount: entry.amount,
            status: entry.status.name().to_owned(),
        };
        let line = |line: &Line| LineFacts {
            category_id: line.category_id,
            currency: line.currency.clone(),
            amount: line.amount,
        };
        TransactionFacts {
            date: self.date,
            kind: self.kind.name().to_owned(),
            payee_id: self.payee.as_ref().map(|payee| payee.id),
            tag_ids: self.tags.iter().map(|tag| tag.id).collect(),
            entries: self.entries.iter().map(entry).collect(),
            lines: self.lines.iter().map(line).collect(),
        }
    }

    /// It was written down, or came back.
    #[must_use]
    pub fn created(&self) -> TransactionCreated {
        TransactionCreated {
            transaction_id: self.id,
            version: self.version,
            book_id: self.book_id,
            after: self.facts(),
        }
    }

    /// It was another before.
    #[must_use]
    pub fn updated(&self, before: &Self) -> TransactionUpdated {
        TransactionUpdated {
            transaction_id: self.id,
            version: self.version,
            book_id: self.book_id,
            before: before.facts(),
            after: self.facts(),
        }
    }

    /// It is gone.
    #[must_use]
    pub fn deleted(&self) -> TransactionDeleted {
        TransactionDeleted {
            transaction_id: self.id,
            version: self.version,
            book_id: self.book_id,
            before: self.facts(),
        }
    }

    /// Whether any of it was compared with what the bank says.
    #[must_use]
    pub fn is_reconciled(&self) -> bool {
        let mut statuses = self.entries.iter().map(|entry| entry.status);
        statuses.any(|status| status == Status::Reconciled)
    }
}
