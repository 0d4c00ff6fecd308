//! What is made on each day on which it is due: a transaction without a day.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::kernel::day::Day;
use crate::kernel::id::Id;
use crate::kernel::name::Label;
use crate::ledger::transactions::{
    Draft, DraftEntry, DraftLine, Kind, Movement, NotAMovement, Status,
};

/// A transaction without a day. Its serialised form is what is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Template {
    /// Whom it goes to or comes from, by one of their names.
    pub payee: Option<String>,
    /// What is noted.
    pub note: String,
    /// Its tags, by their names.
    pub tags: Vec<String>,
    /// What moves in wallets.
    pub entries: Vec<TemplateEntry>,
    /// What it is for.
    pub lines: Vec<TemplateLine>,
}

/// What moves in one wallet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TemplateEntry {
    /// The wallet.
    pub wallet_id: Uuid,
    /// In minor units; negative: out of the wallet.
    pub amount: i64,
    /// How sure it is when it is made.
    pub status: Status,
}

/// What a part of it is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TemplateLine {
    /// The category, if it is said.
    pub category_id: Option<Uuid>,
    /// In minor units; negative: spent.
    pub amount: i64,
}

/// A template that was kept in another form, or by rules that are no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the template was kept in a form that is not known any more")]
pub struct Unreadable;

impl From<NotAMovement> for Unreadable {
    fn from(_: NotAMovement) -> Self {
        Self
    }
}

impl From<&Draft> for Template {
    fn from(draft: &Draft) -> Self {
        let entry = |entry: &DraftEntry| TemplateEntry {
            wallet_id: entry.wallet_id.uuid(),
            amount: entry.amount.minor(),
            status: entry.status,
        };
        let line = |line: &DraftLine| TemplateLine {
            category_id: line.category_id.map(Id::uuid),
            amount: line.amount.minor(),
        };
        let text = |label: &Label| label.as_str().to_owned();
        Self {
            payee: draft.payee.as_ref().map(text),
            note: draft.note.as_str().to_owned(),
            tags: draft.tags.iter().map(text).collect(),
            entries: draft.movement.entries().iter().map(entry).collect(),
            lines: draft.movement.lines().iter().map(line).collect(),
        }
    }
}

impl Template {
    /// What is written down for a day.
    pub fn on(&self, date: Day) -> Result<Draft, Unreadable> {
        let label = |name: &String| name.parse().map_err(|_| Unreadable);
        let entries = self.entries.iter().map(|entry| {
            Ok(DraftEntry {
                wallet_id: entry.wallet_id.into(),
                amount: entry.amount.try_into().map_err(|_| Unreadable)?,
                status: entry.status,
            })
        });
        let lines = self.lines.iter().map(|line| {
            Ok(DraftLine {
                category_id: line.category_id.map(Id::from),
                amount: line.amount.try_into().map_err(|_| Unreadable)?,
            })
        });
        let entries = entries.collect::<Result<_, Unreadable>>()?;
        let lines = lines.collect::<Result<_, Unreadable>>()?;
        Ok(Draft {
            kind: Kind::Normal,
            date,
            payee: self.payee.as_ref().map(label).transpose()?,
            note: self.note.parse().map_err(|_| Unreadable)?,
            tags: self.tags.iter().map(label).collect::<Result<_, _>>()?,
            movement: Movement::new(entries, lines)?,
        })
    }
}
