//! What the audit log holds about people: ids alone, so that it may keep its entries when an account is erased.

use async_trait::async_trait;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::audit::repo;
use crate::flow::ctx::Tx;
use crate::flow::outbox::Refused;
use crate::flow::personal_data::PersonalData;

/// The entries about an account, and those of what its owner did.
pub struct AuditData;

#[async_trait]
impl PersonalData for AuditData {
    fn name(&self) -> &'static str {
        "audit"
    }

    fn summary(&self) -> &'static str {
        "What happened to your account, and what you did. After an erasure it stays, under an id that says nothing."
    }

    async fn collect(&self, tx: &mut Tx, account: Uuid) -> sqlx::Result<Value> {
        Ok(json!(repo::of_person(tx, account).await?))
    }

    /// Events carry ids, never an address or a name, so there is nothing to erase.
    async fn erase(&self, _tx: &mut Tx, _account: Uuid) -> Result<(), Refused> {
        Ok(())
    }
}
