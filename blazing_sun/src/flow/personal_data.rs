//! What is held about a person, whoever holds it: handed out when they ask for it, erased with their account.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use uuid::Uuid;

use crate::flow::ctx::Tx;
use crate::flow::outbox::Refused;

/// One feature's part of it. Every feature that keeps anything about people has one, and `app` lists them all.
#[async_trait]
pub trait PersonalData: Send + Sync {
    /// Its frozen name, under which it stands in an export.
    fn name(&self) -> &'static str;

    /// What it is, in one sentence, for the person.
    fn summary(&self) -> &'static str;

    /// All that is held about the owner of an account, for their own eyes: no hash, no secret, nothing about others. Reads
    /// only; the transaction shows everybody the same moment.
    async fn collect(&self, tx: &mut Tx, account: Uuid) -> sqlx::Result<Value>;

    /// Erases it; ids may stay as pseudonyms. Runs in the transaction that removes the account, whose row is locked and
    /// still there. What lies outside PostgreSQL is erased by jobs that are enqueued here.
    async fn erase(&self, tx: &mut Tx, account: Uuid) -> Result<(), Refused>;
}

/// Everything that is held about people.
pub type Held = Arc<[Arc<dyn PersonalData>]>;
