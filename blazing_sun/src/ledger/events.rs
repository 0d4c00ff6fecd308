//! What happens in the ledger, for everybody who wants to know: ids, days and amounts, never a name or a note.

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::flow::event::{Event, Topic};

/// Where transactions tell what happens to them.
pub const TRANSACTION_EVENTS: Topic = Topic::new("transaction.events");
/// Where categories do.
pub const CATEGORY_EVENTS: Topic = Topic::new("category.events");

/// What a transaction moves, and what it was for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TransactionFacts {
    /// The day it counts for.
    pub date: NaiveDate,
    /// `normal`, `opening` or `adjustment`.
    pub kind: String,
    /// Whom it went to or came from.
    pub payee_id: Option<Uuid>,
    /// Its tags.
    pub tag_ids: Vec<Uuid>,
    /// What moved in wallets.
    pub entries: Vec<EntryFacts>,
    /// What it was for.
    pub lines: Vec<LineFacts>,
}

/// What moved in one wallet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EntryFacts {
    /// The wallet.
    pub wallet_id: Uuid,
    /// Its currency.
    pub currency: String,
    /// In minor units; negative: out of the wallet.
    pub amount: i64,
    /// `pending`, `cleared` or `reconciled`.
    pub status: String,
}

/// What a part of it was for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LineFacts {
    /// The category, if it was said.
    pub category_id: Option<Uuid>,
    /// The currency.
    pub currency: String,
    /// In minor units; negative: spent.
    pub amount: i64,
}

/// A transaction was written down.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TransactionCreated {
    /// The transaction.
    pub transaction_id: Uuid,
    /// Its version.
    pub version: i64,
    /// The book it is in.
    pub book_id: Uuid,
    /// What it is.
    pub after: TransactionFacts,
}

/// A transaction was changed; maybe only its note.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TransactionUpdated {
    /// The transaction.
    pub transaction_id: Uuid,
    /// Its version.
    pub version: i64,
    /// The book it is in.
    pub book_id: Uuid,
    /// What it was.
    pub before: TransactionFacts,
    /// What it is now.
    pub after: TransactionFacts,
}

/// A transaction was deleted; it may come back from the trash.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TransactionDeleted {
    /// The transaction.
    pub transaction_id: Uuid,
    /// Its version.
    pub version: i64,
    /// The book it was in.
    pub book_id: Uuid,
    /// What it was.
    pub before: TransactionFacts,
}

/// What a category is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CategoryFacts {
    /// `income` or `expense`.
    pub kind: String,
    /// The category that it is part of.
    pub parent_id: Option<Uuid>,
    /// The category that counts for it.
    pub merged_into: Option<Uuid>,
    /// Whether it is offered no more.
    pub archived: bool,
}

/// There is a new category.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CategoryCreated {
    /// The category.
    pub category_id: Uuid,
    /// Its version.
    pub version: i64,
    /// The book it is in.
    pub book_id: Uuid,
    /// What it is.
    pub after: CategoryFacts,
}

/// A category was changed; maybe only its name or its looks.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CategoryUpdated {
    /// The category.
    pub category_id: Uuid,
    /// Its version.
    pub version: i64,
    /// The book it is in.
    pub book_id: Uuid,
    /// What it was.
    pub before: CategoryFacts,
    /// What it is now.
    pub after: CategoryFacts,
}

/// A category that nothing was in is gone.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CategoryDeleted {
    /// The category.
    pub category_id: Uuid,
    /// Its version.
    pub version: i64,
    /// The book it was in.
    pub book_id: Uuid,
    /// What it was.
    pub before: CategoryFacts,
}

macro_rules! events_of_the_ledger {
    ($($name:ident $kind:literal $topic:ident $subject:ident $summary:literal)*) => {$(
        impl Event for $name {
            const TYPE: &'static str = $kind;
            const TOPIC: Topic = $topic;
            const SUMMARY: &'static str = $summary;

            fn subject(&self) -> Uuid {
                self.$subject
            }

            fn sequence(&self) -> i64 {
                self.version
            }
        }
    )*};
}

events_of_the_ledger! {
    TransactionCreated "transaction.created.v1" TRANSACTION_EVENTS transaction_id
        "A transaction was written down, or came back from the trash."
    TransactionUpdated "transaction.updated.v1" TRANSACTION_EVENTS transaction_id
        "A transaction was changed."
    TransactionDeleted "transaction.deleted.v1" TRANSACTION_EVENTS transaction_id
        "A transaction was deleted; for 30 days it may come back."
    CategoryCreated "category.created.v1" CATEGORY_EVENTS category_id
        "There is a new category."
    CategoryUpdated "category.updated.v1" CATEGORY_EVENTS category_id
        "A category was changed, archived, merged or separated again."
    CategoryDeleted "category.deleted.v1" CATEGORY_EVENTS category_id
        "A category that nothing was in was deleted."
}
