//! What somebody wants to write down: it adds up, as far as that can be told without asking the book.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::kernel::day::Day;
use crate::kernel::id::Id;
use crate::kernel::money::{self, Amount};
use crate::kernel::name::Label;
use crate::kernel::note::Note;
use crate::ledger::categories::Category;
use crate::ledger::transactions::transaction::{Kind, Status, Transaction};
use crate::ledger::wallets::Wallet;

/// How many wallets one transaction moves at most.
pub const MAX_ENTRIES: usize = 20;
/// How many lines say what it was for at most.
pub const MAX_LINES: usize = 100;
/// How many tags it has at most.
pub const MAX_TAGS: usize = 20;

/// A transaction that is not written down yet.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What it is.
    pub kind: Kind,
    /// The day it counts for.
    pub date: Day,
    /// Whom it goes to or comes from, by one of their names.
    pub payee: Option<Label>,
    /// What is noted.
    pub note: Note,
    /// Its tags, by their names; each once.
    pub tags: Vec<Label>,
    /// What moves.
    pub movement: Movement,
}

/// What moves in one wallet.
#[derive(Clone, Copy, Debug)]
pub struct DraftEntry {
    /// The wallet.
    pub wallet_id: Id<Wallet>,
    /// How much; negative: out of the wallet.
    pub amount: Amount,
    /// How sure it is.
    pub status: Status,
}

/// What a part of it is for.
#[derive(Clone, Copy, Debug)]
pub struct DraftLine {
    /// The category, if it is said.
    pub category_id: Option<Id<Category>>,
    /// How much; negative: spent.
    pub amount: Amount,
}

/// Entries and lines that belong together.
#[derive(Clone, Debug)]
pub struct Movement {
    entries: Vec<DraftEntry>,
    lines: Vec<DraftLine>,
}

/// Why entries and lines do not belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAMovement {
    /// Nothing moves.
    #[error("has no entry: nothing would move")]
    Nothing,
    /// More than one transaction holds.
    #[error("has more than {MAX_ENTRIES} entries or {MAX_LINES} lines")]
    TooMany,
    /// A wallet stands in it twice.
    #[error("moves a wallet twice: give each wallet one entry")]
    SameWallet,
    /// The sums differ.
    #[error("does not balance: the entries come to {entries}, the lines to {lines}")]
    Unbalanced {
        /// What the entries come to.
        entries: i128,
        /// What the lines come to.
        lines: i128,
    },
    /// Two currencies, and more than a transfer between them.
    #[error(
        "has several currencies: a transfer between two has two entries, one out and one in, and no lines"
    )]
    Currencies,
}

impl Movement {
    /// Entries and lines, if they add up. (Without lines two entries may differ, if their currencies turn out to.)
    pub fn new(entries: Vec<DraftEntry>, lines: Vec<DraftLine>) -> Result<Self, NotAMovement> {
        if entries.is_empty() {
            return Err(NotAMovement::Nothing);
        }
        if entries.len() > MAX_ENTRIES || lines.len() > MAX_LINES {
            return Err(NotAMovement::TooMany);
        }
        let wallets: BTreeSet<Uuid> = entries.iter().map(|entry| entry.wallet_id.uuid()).collect();
        if wallets.len() < entries.len() {
            return Err(NotAMovement::SameWallet);
        }
        let movement = Self { entries, lines };
        if !movement.may_be_exchange() {
            movement.balance()?;
        }
        Ok(movement)
    }

    /// What moves.
    #[must_use]
    pub fn entries(&self) -> &[DraftEntry] {
        &self.entries
    }

    /// What it is for.
    #[must_use]
    pub fn lines(&self) -> &[DraftLine] {
        &self.lines
    }

    /// The rest of the rules, now that the currencies of the entries are known, in their order.
    pub fn suits(&self, currencies: &[&str]) -> Result<(), NotAMovement> {
        let is_one = currencies.windows(2).all(|pair| pair[0] == pair[1]);
        match (is_one, self.may_be_exchange()) {
            (true, _) => self.balance(),
            (false, true) => Ok(()),
            (false, false) => Err(NotAMovement::Currencies),
        }
    }

    /// Two entries, one out and one in, for nothing.
    fn may_be_exchange(&self) -> bool {
        let [one, other] = self.entries.as_slice() else {
            return false;
        };
        self.lines.is_empty() && (one.amount.minor() < 0) != (other.amount.minor() < 0)
    }

    fn balance(&self) -> Result<(), NotAMovement> {
        let entries = money::sum(self.entries.iter().map(|entry| entry.amount));
        let lines = money::sum(self.lines.iter().map(|line| line.amount));
        if entries == lines {
            Ok(())
        } else {
            Err(NotAMovement::Unbalanced { entries, lines })
        }
    }
}

impl Draft {
    /// What a wallet is said to hold, beside all that moves: an opening or an adjustment.
    #[must_use]
    pub fn single(kind: Kind, wallet_id: Id<Wallet>, amount: Amount, date: Day) -> Self {
        let entry = DraftEntry {
            wallet_id,
            amount,
            status: Status::Cleared,
        };
        Self {
            kind,
            date,
            payee: None,
            note: Note::default(),
            tags: Vec::new(),
            movement: Movement {
                entries: vec![entry],
                lines: Vec::new(),
            },
        }
    }
}

/// A transaction that was kept in another form, or by rules that are no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the transaction was kept in a form that is not known any more")]
pub struct Unreadable;

impl Draft {
    /// The draft of which a transaction that was kept can be made again.
    pub fn again(kept: &Transaction) -> Result<Self, Unreadable> {
        let entries = kept.entries.iter().map(|entry| {
            Ok(DraftEntry {
                wallet_id: entry.wallet_id.into(),
                amount: entry.amount.try_into().map_err(|_| Unreadable)?,
                status: entry.status,
            })
        });
        let lines = kept.lines.iter().map(|line| {
            Ok(DraftLine {
                category_id: line.category_id.map(Id::from),
                amount: line.amount.try_into().map_err(|_| Unreadable)?,
            })
        });
        let label = |name: &str| name.parse().map_err(|_| Unreadable);
        Ok(Self {
            kind: kept.kind,
            date: kept.date.try_into().map_err(|_| Unreadable)?,
            payee: kept
                .payee
                .as_ref()
                .map(|payee| label(&payee.name))
                .transpose()?,
            note: kept.note.parse().map_err(|_| Unreadable)?,
            tags: kept
                .tags
                .iter()
                .map(|tag| label(&tag.name))
                .collect::<Result<_, _>>()?,
            movement: Movement {
                entries: entries.collect::<Result<_, _>>()?,
                lines: lines.collect::<Result<_, _>>()?,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn movement(entries: &[i64], lines: &[i64]) -> Result<Movement, NotAMovement> {
        let amount = |minor: &i64| Amount::try_from(*minor).expect("an amount");
        let entry = |minor| DraftEntry {
            wallet_id: Id::new(),
            amount: amount(minor),
            status: Status::Cleared,
        };
        let line = |minor| DraftLine {
            category_id: None,
            amount: amount(minor),
        };
        let entries = entries.iter().map(entry).collect();
        Movement::new(entries, lines.iter().map(line).collect())
    }

    #[test]
    fn what_people_do_with_money_is_a_movement() {
        for (entries, lines, what) in [
            (&[-1250][..], &[-1250][..], "an expense"),
            (&[300_000], &[300_000], "an income"),
            (&[-5000], &[-3000, -1500, -500], "a split"),
            (&[-4500], &[-5000, 500], "a purchase with cash-back"),
            (&[-3000, -2000], &[-5000], "paying from two wallets"),
            (&[-10_000, 10_000], &[], "a transfer"),
            (&[-10_250, 10_000], &[-250], "a transfer with a fee"),
            (&[-100, 60, 40], &[], "a transfer to two wallets"),
            (&[-10_000, 9_876], &[], "maybe an exchange"),
        ] {
            assert!(movement(entries, lines).is_ok(), "{what}");
        }
    }

    #[test]
    fn what_does_not_add_up_is_not() {
        for (entries, lines, fault) in [
            (&[][..], &[-1][..], NotAMovement::Nothing),
            (
                &[-100],
                &[],
                NotAMovement::Unbalanced {
                    entries: -100,
                    lines: 0,
                },
            ),
            (
                &[-100],
                &[-99],
                NotAMovement::Unbalanced {
                    entries: -100,
                    lines: -99,
                },
            ),
            (
                &[100, 50],
                &[],
                NotAMovement::Unbalanced {
                    entries: 150,
                    lines: 0,
                },
            ),
        ] {
            assert_eq!(movement(entries, lines).expect_err("a fault"), fault);
        }
        let many = vec![1; MAX_ENTRIES + 1];
        assert_eq!(
            movement(&many, &[]).expect_err("a fault"),
            NotAMovement::TooMany
        );
    }

    #[test]
    fn a_wallet_moves_once() {
        let entry = DraftEntry {
            wallet_id: Id::new(),
            amount: 1.try_into().expect("an amount"),
            status: Status::Cleared,
        };
        let fault = Movement::new(vec![entry, entry], Vec::new()).expect_err("a fault");
        assert_eq!(fault, NotAMovement::SameWallet);
    }

    #[test]
    fn only_an_exchange_has_two_currencies() {
        let exchange = movement(&[-10_000, 9_876], &[]).expect("a movement");
        assert_eq!(exchange.suits(&["EUR", "USD"]), Ok(()));
        assert_eq!(
            exchange.suits(&["EUR", "EUR"]),
            Err(NotAMovement::Unbalanced {
                entries: -124,
                lines: 0
            })
        );
        let paid = movement(&[-3000, -2000], &[-5000]).expect("a movement");
        assert_eq!(paid.suits(&["EUR", "EUR"]), Ok(()));
        assert_eq!(paid.suits(&["EUR", "USD"]), Err(NotAMovement::Currencies));
    }

    proptest! {
        #[test]
        fn lines_may_be_cut_anywhere(amounts in prop::collection::vec(1..1_000_000_i64, 1..20)) {
            let total: i64 = amounts.iter().sum();
            prop_assert!(movement(&[total], &amounts).is_ok());
            prop_assert!(movement(&[total + 1], &amounts).is_err());
        }
    }
}
