//! How the owners of accounts are reached, for features that know them by their ids alone.

use async_trait::async_trait;
use uuid::Uuid;

use crate::accounts::repo;
use crate::flow::ctx::Ctx;
use crate::infra::smtp::Mailbox;
use crate::mail::{AddressBook, ComposeError, Recipient};

/// The addresses of accounts.
pub struct Addresses(Ctx);

impl Addresses {
    /// The addresses of the accounts of this application.
    #[must_use]
    pub fn new(ctx: Ctx) -> Self {
        Self(ctx)
    }
}

#[async_trait]
impl AddressBook for Addresses {
    async fn find(&self, account_id: Uuid) -> Result<Option<Recipient>, ComposeError> {
        let found = repo::reachable(self.0.pool(), account_id.into()).await?;
        let Some(found) = found else { return Ok(None) };
        let unreadable = |error| ComposeError::Database(sqlx::Error::Decode(Box::new(error)));
        Ok(Some(Recipient {
            mailbox: Mailbox::new(None, found.email.parse()?),
            name: Some(found.name).filter(|name| !name.is_empty()),
            locale: found.locale.parse().map_err(unreadable)?,
            time_zone: found.time_zone.parse().unwrap_or_default(),
        }))
    }
}
