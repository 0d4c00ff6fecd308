//! What a transaction looks like in a request: the usual one short, any one with its entries and lines.

use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::kernel::id::Id;
use crate::kernel::money::Amount;
use crate::ledger::transactions::draft::{
    Draft, DraftEntry, DraftLine, MAX_ENTRIES, MAX_LINES, MAX_TAGS, Movement, NotAMovement,
};
use crate::ledger::transactions::transaction::{Kind, NoSuchStatus, Status};
use crate::ledger::transactions::written::NotWritten;
use crate::web::problem::{Fields, Problem};

/// A transaction: in one wallet for one category (`wallet_id`, `amount`, `category_id`, `status`), or with `entries` and
/// `lines`, whose sums are equal.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TransactionBody {
    /// The day it counts for.
    #[schema(format = "date")]
    date: String,
    /// Whom it goes to or comes from, by one of their names; a new one is made of a new name.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 100)]
    payee: Option<String>,
    #[serde(default)]
    #[schema(max_length = 1000)]
    note: Option<String>,
    /// Names; new tags are made of new ones.
    #[serde(default)]
    #[schema(max_items = 20)]
    tags: Vec<String>,
    /// The wallet in which all of it moves.
    #[serde(default)]
    wallet_id: Option<Uuid>,
    /// How much, in minor units; negative: spent.
    #[serde(default)]
    #[schema(minimum = -999_999_999_999_999_i64, maximum = 999_999_999_999_999_i64)]
    amount: Option<i64>,
    /// What all of it is for.
    #[serde(default)]
    category_id: Option<Uuid>,
    /// `pending`, `cleared` (if it is left out) or `reconciled`.
    #[serde(default)]
    #[schema(value_type = Option<Status>)]
    status: Option<String>,
    /// What moves in which wallets, each once.
    #[serde(default)]
    #[schema(max_items = 20)]
    entries: Option<Vec<EntryBody>>,
    /// What it is for; without lines it is a transfer.
    #[serde(default)]
    #[schema(max_items = 100)]
    lines: Option<Vec<LineBody>>,
}

/// What moves in one wallet.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EntryBody {
    wallet_id: Uuid,
    /// In minor units; negative: out of the wallet.
    #[schema(minimum = -999_999_999_999_999_i64, maximum = 999_999_999_999_999_i64)]
    amount: i64,
    /// `pending`, `cleared` (if it is left out) or `reconciled`.
    #[serde(default)]
    #[schema(value_type = Option<Status>)]
    status: Option<String>,
}

/// What a part of it is for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LineBody {
    #[serde(default)]
    category_id: Option<Uuid>,
    /// In minor units; negative: spent.
    #[schema(minimum = -999_999_999_999_999_i64, maximum = 999_999_999_999_999_i64)]
    amount: i64,
}

impl TransactionBody {
    /// The draft, or all that is wrong with it.
    pub fn parse(&self) -> Result<Draft, Problem> {
        let mut fields = Fields::default();
        let date = fields.take("/date", self.date.parse());
        let payee = self.payee.as_deref().filter(|payee| !payee.is_empty());
        let payee = fields.take("/payee", payee.map(str::parse).transpose());
        let note = self.note.as_deref().unwrap_or_default();
        let note = fields.take("/note", note.parse());
        if self.tags.len() > MAX_TAGS {
            fields.refuse("/tags", format!("has more than {MAX_TAGS} tags"));
        }
        let tags = self.tags.iter().take(MAX_TAGS).enumerate();
        let tags = tags
            .filter_map(|(place, tag)| fields.take(format!("/tags/{place}"), tag.parse()))
            .collect();
        let movement = self.movement(&mut fields);
        match (date, payee, note, movement) {
            (Some(date), Some(payee), Some(note), Some(movement)) if fields.is_empty() => {
                Ok(Draft {
                    kind: Kind::Normal,
                    date,
                    payee,
                    note,
                    tags,
                    movement,
                })
            }
            _ => Err(fields.into()),
        }
    }

    fn movement(&self, fields: &mut Fields) -> Option<Movement> {
        let (entries, lines) = if self.is_short() {
            self.short(fields)?
        } else {
            self.full(fields)?
        };
        if !fields.is_empty() {
            return None;
        }
        let place = if self.is_short() { "" } else { "/entries" };
        fields.take(place, Movement::new(entries, lines))
    }

    fn is_short(&self) -> bool {
        self.entries.is_none() && self.lines.is_none()
    }

    fn short(&self, fields: &mut Fields) -> Option<(Vec<DraftEntry>, Vec<DraftLine>)> {
        let missing = "is missing: give wallet_id and amount, or entries and lines";
        let wallet_id = fields.take("/wallet_id", self.wallet_id.ok_or(missing));
        let amount = fields.take("/amount", self.amount.ok_or(missing));
        let amount = amount.and_then(|amount| fields.take("/amount", amount.try_into()));
        let status = fields.take("/status", status(self.status.as_deref()));
        let (wallet_id, amount, status) = (wallet_id?.into(), amount?, status?);
        let entry = DraftEntry {
            wallet_id,
            amount,
            status,
        };
        let line = DraftLine {
            category_id: self.category_id.map(Id::from),
            amount,
        };
        Some((vec![entry], vec![line]))
    }

    fn full(&self, fields: &mut Fields) -> Option<(Vec<DraftEntry>, Vec<DraftLine>)> {
        for (name, is_there) in [
            ("/wallet_id", self.wallet_id.is_some()),
            ("/amount", self.amount.is_some()),
            ("/category_id", self.category_id.is_some()),
            ("/status", self.status.is_some()),
        ] {
            if is_there {
                fields.refuse(name, "does not go together with entries and lines");
            }
        }
        let (entries, lines) = (self.entries.as_deref(), self.lines.as_deref());
        let (entries, lines) = (entries.unwrap_or_default(), lines.unwrap_or_default());
        if entries.len() > MAX_ENTRIES || lines.len() > MAX_LINES {
            fields.refuse("/entries", NotAMovement::TooMany);
            return None;
        }
        let entries = entries.iter().enumerate().filter_map(|(place, entry)| {
            let amount: Result<Amount, _> = entry.amount.try_into();
            let amount = fields.take(format!("/entries/{place}/amount"), amount);
            let status = status(entry.status.as_deref());
            let status = fields.take(format!("/entries/{place}/status"), status);
            Some(DraftEntry {
                wallet_id: entry.wallet_id.into(),
                amount: amount?,
                status: status?,
            })
        });
        let entries = entries.collect();
        let lines = lines.iter().enumerate().filter_map(|(place, line)| {
            let amount: Result<Amount, _> = line.amount.try_into();
            Some(DraftLine {
                category_id: line.category_id.map(Id::from),
                amount: fields.take(format!("/lines/{place}/amount"), amount)?,
            })
        });
        Some((entries, lines.collect()))
    }

    /// What was wrong with what this body asked for, at the field where it was asked.
    #[must_use]
    pub fn refusal(&self, fault: NotWritten) -> Problem {
        let is_short = self.is_short();
        let at = |list: &str, place: usize, field: &str| {
            if is_short {
                format!("/{field}")
            } else {
                format!("/{list}/{place}/{field}")
            }
        };
        match fault {
            NotWritten::UnknownWallet(place) => Fields::of(
                at("entries", place, "wallet_id"),
                "is not one of your wallets",
            )
            .into(),
            NotWritten::ArchivedWallet(place) => Fields::of(
                at("entries", place, "wallet_id"),
                "is archived: bring the wallet back first",
            )
            .into(),
            NotWritten::UnknownCategory(place) => Fields::of(
                at("lines", place, "category_id"),
                "is not one of your categories",
            )
            .into(),
            other => other.into(),
        }
    }
}

fn status(text: Option<&str>) -> Result<Status, NoSuchStatus> {
    text.map_or(Ok(Status::Cleared), str::parse)
}

impl From<NotWritten> for Problem {
    fn from(fault: NotWritten) -> Self {
        match fault {
            NotWritten::UnknownWallet(_) => Self::conflict(
                "wallet_gone",
                "The wallet is gone: there is no place for it.",
            ),
            NotWritten::ArchivedWallet(_) => {
                Self::conflict("wallet_archived", "Bring the wallet back first.")
            }
            NotWritten::UnknownCategory(_) => {
                Self::conflict("category_gone", "The category is gone.")
            }
            NotWritten::Movement(fault) => Fields::of("/entries", fault).into(),
            NotWritten::WalletFull => Self::unprocessable(
                "balance_out_of_bounds",
                "The balance of a wallet would be beyond 9007199254740991 minor units.",
            ),
            NotWritten::GoneMeanwhile => Self::conflict(
                "gone_meanwhile",
                "A payee, tag, category or wallet that it names was deleted or merged meanwhile. Send it again.",
            ),
            NotWritten::Database(error) => error.into(),
        }
    }
}
