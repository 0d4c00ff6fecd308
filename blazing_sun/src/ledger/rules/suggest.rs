//! What is suggested for a transaction that is about to be written down, by its text.

use std::collections::BTreeSet;

use sqlx::PgPool;
use uuid::Uuid;

use crate::kernel::id::Id;
use crate::ledger::books::Owner;
use crate::ledger::payees;
use crate::ledger::rules::repo;
use crate::ledger::transactions::{MAX_TAGS, Named};

/// What a transaction with some text will probably be.
#[derive(Debug, Default)]
pub struct Suggestion {
    /// The rules that say something about the text, in their order.
    pub rules: Vec<Uuid>,
    /// Whom it goes to or comes from.
    pub payee: Option<Named>,
    /// What it is for.
    pub category_id: Option<Uuid>,
    /// Where it moves.
    pub wallet_id: Option<Uuid>,
    /// Its tags.
    pub tags: Vec<Named>,
}

/// What the rules say about a text, of each thing what the first of them says; else what was last said of the payee.
pub async fn suggest(pool: &PgPool, owner: Id<Owner>, text: &str) -> sqlx::Result<Suggestion> {
    let mut made = Suggestion::default();
    let mut seen = BTreeSet::new();
    for rule in repo::about(pool, owner, text).await? {
        made.rules.push(rule.id.uuid());
        made.payee = made.payee.or(rule.payee);
        let counts = rule.category.map(|category| category.counts_as);
        made.category_id = made.category_id.or(counts);
        let fresh = rule.tags.into_iter().filter(|tag| seen.insert(tag.id));
        made.tags.extend(fresh);
    }
    made.tags.truncate(MAX_TAGS);
    if made.payee.is_none() {
        made.payee = payees::repo::spelt(pool, owner, text).await?;
    }
    if let Some(payee) = &made.payee {
        let habit = payees::repo::habit(pool, owner, payee.id.into()).await?;
        made.category_id = made.category_id.or(habit.category_id);
        made.wallet_id = habit.wallet_id;
    }
    Ok(made)
}
