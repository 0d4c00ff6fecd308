//! What two books hold, as simply as it can be said: nothing here asks the application.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use proptest::sample::Index;
use serde_json::{Value, json};

use super::op::{At, Draft, Edit, MOST, PAYEES, TAGS};

/// The largest balance of a wallet.
const FULL: i128 = 9_007_199_254_740_991;

/// A wallet.
pub struct Wallet {
    pub id: String,
    pub currency: &'static str,
    pub archived: bool,
}

/// A category.
pub struct Category {
    pub id: String,
    pub kind: &'static str,
    pub merged_into: Option<usize>,
}

/// What moves in a wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub wallet: usize,
    pub amount: i64,
    pub status: &'static str,
}

/// A transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// None: the application made it, and it is not known yet.
    pub id: Option<String>,
    pub kind: &'static str,
    pub day: NaiveDate,
    pub entries: Vec<Entry>,
    pub lines: Vec<(Option<usize>, i64)>,
    pub payee: Option<usize>,
    pub tags: u8,
    pub version: i64,
    /// It is in the trash.
    pub gone: bool,
}

impl Transaction {
    pub fn is_reconciled(&self) -> bool {
        self.entries
            .iter()
            .any(|entry| entry.status == "reconciled")
    }
}

/// Something that is made every day.
pub struct Recurring {
    pub path: String,
    pub what: Transaction,
    pub next: NaiveDate,
}

/// What somebody has.
#[derive(Default)]
pub struct Book {
    pub wallets: Vec<Wallet>,
    pub categories: Vec<Category>,
    pub transactions: Vec<Transaction>,
    pub recurring: Vec<Recurring>,
}

impl Book {
    /// What is in the wallets.
    pub fn balances(&self) -> Vec<i128> {
        let mut balances = vec![0; self.wallets.len()];
        for entry in self.live().flat_map(|it| &it.entries) {
            balances[entry.wallet] += i128::from(entry.amount);
        }
        balances
    }

    /// What was in a wallet at the end of a day.
    pub fn held(&self, wallet: usize, day: NaiveDate) -> i128 {
        let until = self.live().filter(|it| it.day <= day);
        let entries = until.flat_map(|it| &it.entries);
        let entries = entries.filter(|entry| entry.wallet == wallet);
        entries.map(|entry| i128::from(entry.amount)).sum()
    }

    /// What counts.
    pub fn live(&self) -> impl Iterator<Item = &Transaction> {
        self.transactions.iter().filter(|it| !it.gone)
    }

    /// One of those that count, or of those in the trash.
    pub fn pick(&self, index: &Index, gone: bool) -> Option<usize> {
        let places: Vec<usize> = (0..self.transactions.len())
            .filter(|place| self.transactions[*place].gone == gone)
            .collect();
        (!places.is_empty()).then(|| *index.get(&places))
    }

    /// What a category counts as in the end.
    pub fn counts_as(&self, category: usize) -> usize {
        match self.categories[category].merged_into {
            Some(into) => self.counts_as(into),
            None => category,
        }
    }

    /// Whether every balance can be counted when these movements are gone and those are there.
    pub fn bears(&self, without: &[Entry], with: &[Entry]) -> bool {
        let mut balances = self.balances();
        let mut bears = true;
        for (entries, sign) in [(without, -1), (with, 1)] {
            for entry in entries {
                balances[entry.wallet] += sign * i128::from(entry.amount);
            }
            // What moves out and what moves in are two steps.
            bears &= balances
                .iter()
                .all(|balance| (-FULL..=FULL).contains(balance));
        }
        bears
    }

    /// Whether these could move now; nothing moves in a wallet that was put away.
    pub fn takes(&self, entries: &[Entry]) -> bool {
        entries
            .iter()
            .all(|entry| !self.wallets[entry.wallet].archived)
    }

    /// What a draft would become, if it is one.
    pub fn parse(&self, draft: &Draft, first: NaiveDate) -> Option<Transaction> {
        let day = first - chrono::Days::new(draft.days_ago?);
        let is_amount = |amount: i64| amount != 0 && (-MOST..=MOST).contains(&amount);
        let amounts = draft.entries.iter().map(|it| it.amount);
        let parts = draft.lines.iter().map(|(_, part)| *part);
        if !amounts.clone().chain(parts.clone()).all(is_amount) {
            return None;
        }
        let mut entries = Vec::new();
        for it in &draft.entries {
            let wallet = (!it.wallet.foreign).then(|| it.wallet.place.index(self.wallets.len()))?;
            entries.push(Entry {
                wallet,
                amount: it.amount,
                status: it.status,
            });
        }
        let mut lines = Vec::new();
        for (category, part) in &draft.lines {
            if category.as_ref().is_some_and(|it| it.foreign) {
                return None;
            }
            let category = category
                .as_ref()
                .map(|it| it.place.index(self.categories.len()));
            lines.push((category, *part));
        }
        let wallets: BTreeSet<usize> = entries.iter().map(|it| it.wallet).collect();
        let currencies: BTreeSet<&str> = wallets
            .iter()
            .map(|it| self.wallets[*it].currency)
            .collect();
        let sum = |amounts: Vec<i64>| amounts.into_iter().map(i128::from).sum::<i128>();
        let adds_up = match (currencies.len(), entries.as_slice()) {
            (1, _) => sum(amounts.collect()) == sum(parts.collect()),
            (_, [one, other]) => lines.is_empty() && (one.amount < 0) != (other.amount < 0),
            _ => false,
        };
        (wallets.len() == entries.len() && adds_up).then_some(Transaction {
            id: None,
            kind: "normal",
            day,
            entries,
            lines,
            payee: draft.payee,
            tags: draft.tags,
            version: 1,
            gone: false,
        })
    }

    /// What becomes of a transaction that is edited; none, if it cannot be.
    pub fn edited(&self, before: &Transaction, edit: &Edit, sure: bool) -> Option<Transaction> {
        let status_only = edit.category.is_none() && edit.payee.is_none() && edit.add_tags == 0;
        if before.kind != "normal" && !status_only {
            return None;
        }
        let mut after = before.clone();
        if let Some(category) = &edit.category {
            let [line] = after.lines.as_mut_slice() else {
                return None;
            };
            let category = category
                .as_ref()
                .map(|it| self.counts_as(it.place.index(self.categories.len())));
            if line.0.map(|said| self.counts_as(said)) != category {
                line.0 = category;
            }
        }
        if let Some(payee) = edit.payee {
            after.payee = payee;
        }
        after.tags |= edit.add_tags;
        if let Some(status) = edit.status {
            for entry in &mut after.entries {
                entry.status = status;
            }
        }
        if after == *before {
            return Some(after);
        }
        after.version += 1;
        (sure || !before.is_reconciled()).then_some(after)
    }

    /// Makes what is due by a day.
    pub fn make_due(&mut self, today: NaiveDate) {
        for place in 0..self.recurring.len() {
            while self.recurring[place].next <= today
                && self.takes(&self.recurring[place].what.entries)
            {
                let recurring = &mut self.recurring[place];
                let day = recurring.next;
                recurring.next = day + chrono::Days::new(1);
                let made = Transaction {
                    day,
                    ..recurring.what.clone()
                };
                self.transactions.push(made);
            }
        }
    }

    /// A transaction as the application has to show it.
    pub fn shown(&self, it: &Transaction) -> Value {
        let entry = |entry: &Entry| json!({ "wallet_id": self.wallets[entry.wallet].id, "amount": entry.amount, "status": entry.status });
        let line = |(category, amount): &(Option<usize>, i64)| {
            let category = category.map(|it| &self.categories[self.counts_as(it)].id);
            json!({ "category_id": category, "amount": amount })
        };
        json!({ "date": it.day, "kind": it.kind, "payee": it.payee.map(|payee| PAYEES[payee]), "tags": tags(it.tags),
                "entries": it.entries.iter().map(entry).collect::<Vec<_>>(),
                "lines": it.lines.iter().map(line).collect::<Vec<_>>(), "version": it.version })
    }

    /// What moved on each day in each wallet, and how many movements that were.
    pub fn days(&self) -> BTreeMap<(String, NaiveDate), (i128, i64)> {
        let mut days = BTreeMap::new();
        for it in self.live() {
            for entry in &it.entries {
                let wallet = self.wallets[entry.wallet].id.clone();
                let cell: &mut (i128, i64) = days.entry((wallet, it.day)).or_default();
                cell.0 += i128::from(entry.amount);
                cell.1 += 1;
            }
        }
        days
    }
}

/// The names of tags.
pub fn tags(bits: u8) -> Vec<&'static str> {
    let of = |place: &usize| bits & (1 << place) != 0;
    (0..TAGS.len())
        .filter(of)
        .map(|place| TAGS[place])
        .collect()
}

/// The id of something of one's own or of the other one's.
pub fn id_at<'a>(at: &At, own: &'a [String], foreign: &'a [String]) -> &'a str {
    let ids = if at.foreign { foreign } else { own };
    &ids[at.place.index(ids.len())]
}
