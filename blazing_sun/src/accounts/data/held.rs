//! What accounts hold about people.

use async_trait::async_trait;
use serde_json::Value;
use uuid::Uuid;

use crate::accounts::data::export::SHELF;
use crate::accounts::data::repo;
use crate::flow::ctx::Tx;
use crate::flow::delete_blobs::DeleteBlobs;
use crate::flow::outbox::Refused;
use crate::flow::personal_data::PersonalData;

/// The account itself, and everything around signing in.
pub struct AccountData;

#[async_trait]
impl PersonalData for AccountData {
    fn name(&self) -> &'static str {
        "account"
    }

    fn summary(&self) -> &'static str {
        "Your profile, sessions, devices, API tokens, second factors, changes of address, invitations and exports."
    }

    async fn collect(&self, tx: &mut Tx, account: Uuid) -> sqlx::Result<Value> {
        repo::collect(tx, account.into()).await
    }

    /// What hangs on the account goes with its row; here is what would outlive it.
    async fn erase(&self, tx: &mut Tx, account: Uuid) -> Result<(), Refused> {
        let exports = repo::delete_beyond(tx, account.into(), 0).await?;
        DeleteBlobs::enqueue(tx, &SHELF, &exports).await?;
        repo::forget_address(tx, account.into()).await?;
        Ok(())
    }
}
