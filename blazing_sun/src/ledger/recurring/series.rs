//! A transaction that comes again.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::kernel::day::Day;
use crate::kernel::id::Id;
use crate::ledger::recurring::rule::Rule;
use crate::ledger::recurring::template::Template;
use crate::ledger::transactions::NotWritten;

/// A transaction that comes again.
#[derive(Clone, Debug)]
pub struct Recurring {
    /// Which one.
    pub id: Id<Recurring>,
    /// The book it is in.
    pub book_id: Uuid,
    /// What is made.
    pub template: Template,
    /// When it is due.
    pub rule: Rule,
    /// The first day on which it may be due; the rule counts from it.
    pub starts_on: Day,
    /// The last one, if there is one.
    pub ends_on: Option<Day>,
    /// Nothing that is due before this day is still to be made; none: nothing at all is.
    pub next_due: Option<NaiveDate>,
    /// When it was paused.
    pub paused_at: Option<DateTime<Utc>>,
    /// Why what is due could not be made.
    pub trouble: Option<Trouble>,
    /// Rises with each change of its owner's; what is made does not change it.
    pub version: i64,
    /// When it was set up.
    pub created_at: DateTime<Utc>,
}

impl Recurring {
    /// The first day from `from` on that is one of its days.
    #[must_use]
    pub fn first(&self, from: NaiveDate) -> Option<NaiveDate> {
        let day = self.rule.first(self.starts_on, from)?;
        self.ends_on
            .is_none_or(|end| day <= end.date())
            .then_some(day)
    }

    /// Its days from `from` to `to`, the first `limit` of them.
    #[must_use]
    pub fn between(&self, from: NaiveDate, to: NaiveDate, limit: usize) -> Vec<NaiveDate> {
        let to = self.ends_on.map_or(to, |end| to.min(end.date()));
        self.rule.between(self.starts_on, from, to, limit)
    }

    /// Its days that are still to be made up to `to`.
    #[must_use]
    pub fn to_come(&self, to: NaiveDate) -> Vec<NaiveDate> {
        let Some(from) = self.next_due.filter(|_| self.paused_at.is_none()) else {
            return Vec::new();
        };
        self.between(from, to, usize::MAX)
    }

    /// Whether a day is one of its days.
    #[must_use]
    pub fn names(&self, day: NaiveDate) -> bool {
        self.first(day) == Some(day)
    }
}

/// Why what is due cannot be made. It is made as soon as that is mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// A wallet of it was deleted.
    WalletGone,
    /// A wallet of it is archived.
    WalletArchived,
    /// A category of it was deleted.
    CategoryGone,
    /// A wallet of it cannot hold more.
    WalletFull,
    /// It does not add up any more.
    Unbalanced,
}

impl Trouble {
    const ALL: [Self; 5] = [
        Self::WalletGone,
        Self::WalletArchived,
        Self::CategoryGone,
        Self::WalletFull,
        Self::Unbalanced,
    ];

    /// Its frozen name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WalletGone => "wallet_gone",
            Self::WalletArchived => "wallet_archived",
            Self::CategoryGone => "category_gone",
            Self::WalletFull => "wallet_full",
            Self::Unbalanced => "unbalanced",
        }
    }

    /// What kept a draft from being written down, or the database's own error.
    pub fn of(fault: NotWritten) -> Result<Self, sqlx::Error> {
        match fault {
            NotWritten::UnknownWallet(_) => Ok(Self::WalletGone),
            NotWritten::ArchivedWallet(_) => Ok(Self::WalletArchived),
            NotWritten::UnknownCategory(_) => Ok(Self::CategoryGone),
            NotWritten::WalletFull => Ok(Self::WalletFull),
            NotWritten::Movement(_) => Ok(Self::Unbalanced),
            NotWritten::Database(error) => Err(error),
            // The next attempt sees what is there then.
            NotWritten::GoneMeanwhile => Err(sqlx::Error::Protocol(fault.to_string())),
        }
    }
}

/// A text that names no trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("names no trouble")]
pub struct NoSuchTrouble;

impl FromStr for Trouble {
    type Err = NoSuchTrouble;

    fn from_str(text: &str) -> Result<Self, NoSuchTrouble> {
        Self::ALL
            .into_iter()
            .find(|trouble| trouble.name() == text)
            .ok_or(NoSuchTrouble)
    }
}
