//! What the ledger holds about people: their book, with everything in it.

use async_trait::async_trait;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::flow::ctx::Tx;
use crate::flow::outbox::Refused;
use crate::flow::personal_data::PersonalData;
use crate::ledger::books;

/// Somebody's book.
pub struct LedgerData;

#[async_trait]
impl PersonalData for LedgerData {
    fn name(&self) -> &'static str {
        "ledger"
    }

    fn summary(&self) -> &'static str {
        "Your book: wallets with their checks, categories, payees, tags, rules, transactions, those that come again, rates, budgets \
         and what is in the trash."
    }

    async fn collect(&self, tx: &mut Tx, account: Uuid) -> sqlx::Result<Value> {
        Ok(json!(books::repo::collect(tx, account.into()).await?))
    }

    async fn erase(&self, tx: &mut Tx, account: Uuid) -> Result<(), Refused> {
        books::repo::delete(tx, account.into()).await?;
        Ok(())
    }
}
