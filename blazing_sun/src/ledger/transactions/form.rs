//! A transaction as the page's form has it: money that goes out, comes in or moves, in one sum.

use minijinja::{Value, context};
use serde::Deserialize;
use uuid::Uuid;

use crate::kernel::day::Day;
use crate::kernel::id::Id;
use crate::ledger::transactions::draft::{Draft, DraftEntry, DraftLine, Movement};
use crate::ledger::transactions::transaction::{Kind, Status, Transaction};
use crate::ledger::typed;
use crate::ledger::wallets::Wallet;
use crate::web::problem::{Fields, Problem};

/// What is typed in, and which button was pressed.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TransactionForm {
    /// What the button does.
    #[serde(rename = "do")]
    pub does: String,
    /// What is to come back from the trash.
    pub id: String,
    /// What the page was made of.
    pub version: String,
    /// `out`, `in` or `move`.
    pub way: String,
    date: String,
    amount: String,
    wallet_id: String,
    to_wallet_id: String,
    received: String,
    category_id: String,
    payee: String,
    note: String,
    tags: String,
}

impl TransactionForm {
    /// An empty one for a day.
    #[must_use]
    pub fn new(today: &str) -> Self {
        Self {
            way: "out".to_owned(),
            date: today.to_owned(),
            ..Self::default()
        }
    }

    /// The one that a transaction is changed with; none, if it is more than the form has room for.
    #[must_use]
    pub fn of(transaction: &Transaction) -> Option<Self> {
        let (first, rest) = transaction.entries.split_first()?;
        let (way, to, category) = match (rest, transaction.lines.as_slice()) {
            ([], [line]) => {
                let way = if first.amount < 0 { "out" } else { "in" };
                (way, None, line.counts_as)
            }
            ([other], []) if first.amount < 0 => ("move", Some(other), None),
            _ => return None,
        };
        if transaction.kind != Kind::Normal {
            return None;
        }
        let text = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
        let shown = |amount: i64, exponent| typed::show(amount.saturating_abs(), exponent);
        let tags: Vec<&str> = transaction
            .tags
            .iter()
            .map(|tag| tag.name.as_str())
            .collect();
        Some(Self {
            way: way.to_owned(),
            date: transaction.date.to_string(),
            amount: shown(first.amount, first.exponent),
            wallet_id: first.wallet_id.to_string(),
            to_wallet_id: text(to.map(|to| to.wallet_id)),
            received: to
                .map(|to| shown(to.amount, to.exponent))
                .unwrap_or_default(),
            category_id: text(category),
            payee: transaction
                .payee
                .as_ref()
                .map(|payee| payee.name.clone())
                .unwrap_or_default(),
            note: transaction.note.clone(),
            tags: tags.join(", "),
            ..Self::default()
        })
    }

    /// The values, for the form to show them again.
    #[must_use]
    pub fn values(&self) -> Value {
        context! {
            way => self.way,
            date => self.date,
            amount => self.amount,
            wallet_id => self.wallet_id,
            to_wallet_id => self.to_wallet_id,
            received => self.received,
            category_id => self.category_id,
            payee => self.payee,
            note => self.note,
            tags => self.tags,
        }
    }

    /// The draft, or all that is wrong with the form.
    pub fn parse(&self, wallets: &[Wallet]) -> Result<Draft, Problem> {
        let mut fields = Fields::default();
        let date: Option<Day> = fields.take("/date", self.date.parse());
        let payee = Some(self.payee.trim()).filter(|payee| !payee.is_empty());
        let payee = fields.take("/payee", payee.map(str::parse).transpose());
        let note = fields.take("/note", self.note.parse());
        let tags = self.tags.split(',').map(str::trim);
        let tags = tags.filter(|tag| !tag.is_empty()).map(str::parse);
        let tags = fields.take("/tags", tags.collect::<Result<Vec<_>, _>>());
        let movement = self.movement(wallets, &mut fields);
        match (date, payee, note, tags, movement) {
            (Some(date), Some(payee), Some(note), Some(tags), Some(movement)) => Ok(Draft {
                kind: Kind::Normal,
                date,
                payee,
                note,
                tags,
                movement,
            }),
            _ => Err(fields.into()),
        }
    }

    fn movement(&self, wallets: &[Wallet], fields: &mut Fields) -> Option<Movement> {
        let wallet = find(&self.wallet_id, wallets, "/wallet_id", fields);
        let amount = wallet.and_then(|wallet| read(&self.amount, wallet, "/amount", fields));
        if self.way == "move" {
            let to = find(&self.to_wallet_id, wallets, "/to_wallet_id", fields);
            let (wallet, amount, to) = (wallet?, amount?, to?);
            // Only between two currencies something else arrives.
            let received = if wallet.currency == to.currency && self.received.trim().is_empty() {
                amount
            } else {
                read(&self.received, to, "/received", fields)?
            };
            let entries = vec![entry(wallet, -amount)?, entry(to, received)?];
            return fields.take("/to_wallet_id", Movement::new(entries, Vec::new()));
        }
        let sign = match self.way.as_str() {
            "in" => 1,
            "out" => -1,
            _ => {
                fields.refuse("/way", "is not one of the choices");
                return None;
            }
        };
        let category = Some(self.category_id.as_str()).filter(|id| !id.is_empty());
        let category = category.map(str::parse::<Uuid>).transpose();
        let category = fields.take(
            "/category_id",
            category.map_err(|_| "is not one of the choices"),
        );
        let entry = entry(wallet?, sign * amount?)?;
        let line = DraftLine {
            category_id: category?.map(Id::from),
            amount: entry.amount,
        };
        fields.take("/amount", Movement::new(vec![entry], vec![line]))
    }
}

fn find<'a>(
    id: &str,
    wallets: &'a [Wallet],
    pointer: &'static str,
    fields: &mut Fields,
) -> Option<&'a Wallet> {
    let found = wallets.iter().find(|wallet| wallet.id.to_string() == id);
    fields.take(pointer, found.ok_or("is not one of your wallets"))
}

/// A sum as it is typed: more than nothing; which way it goes is said beside it.
fn read(text: &str, wallet: &Wallet, pointer: &'static str, fields: &mut Fields) -> Option<i64> {
    let amount = fields.take(pointer, typed::read(text, wallet.exponent))?;
    if amount.minor() < 0 {
        fields.refuse(
            pointer,
            "has a sign: which way money goes is chosen beside it",
        );
        return None;
    }
    Some(amount.minor())
}

fn entry(wallet: &Wallet, minor: i64) -> Option<DraftEntry> {
    Some(DraftEntry {
        wallet_id: wallet.id,
        amount: minor.try_into().ok()?,
        status: Status::Cleared,
    })
}
