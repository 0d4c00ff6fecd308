//! The wallet.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::kernel::id::Id;

/// What a wallet is in real life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum WalletKind {
    /// Notes and coins.
    Cash,
    /// An account for every day.
    Bank,
    /// A card whose balance is paid later.
    Card,
    /// Money put aside.
    Savings,
    /// Money at work.
    Investment,
    /// Money owed.
    Loan,
    /// Anything else.
    Other,
}

impl WalletKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Cash,
        Self::Bank,
        Self::Card,
        Self::Savings,
        Self::Investment,
        Self::Loan,
        Self::Other,
    ];

    /// Its frozen name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cash => "cash",
            Self::Bank => "bank",
            Self::Card => "card",
            Self::Savings => "savings",
            Self::Investment => "investment",
            Self::Loan => "loan",
            Self::Other => "other",
        }
    }
}

impl WalletKind {
    /// How pages call it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Cash => "Cash",
            Self::Bank => "Bank account",
            Self::Card => "Card",
            Self::Savings => "Savings",
            Self::Investment => "Investment",
            Self::Loan => "Loan",
            Self::Other => "Other",
        }
    }
}

/// A text that is no kind of wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not cash, bank, card, savings, investment, loan or other")]
pub struct NoSuchKind;

impl FromStr for WalletKind {
    type Err = NoSuchKind;

    fn from_str(text: &str) -> Result<Self, NoSuchKind> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or(NoSuchKind)
    }
}

/// A wallet.
#[derive(Clone, Debug)]
pub struct Wallet {
    /// Which one.
    pub id: Id<Wallet>,
    /// What its owner calls it; no other of theirs is called so.
    pub name: String,
    /// What it is.
    pub kind: WalletKind,
    /// The ISO 4217 code of what is in it, for good.
    pub currency: String,
    /// How many digits the currency's minor unit had when the wallet was made.
    pub exponent: i16,
    /// What is in it: the sum of its entries, in minor units.
    pub balance: i64,
    /// When it was put away.
    pub archived_at: Option<DateTime<Utc>>,
    /// Rises with each change of the wallet itself; entries do not change it.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}
