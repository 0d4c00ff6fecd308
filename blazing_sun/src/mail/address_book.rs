//! How people are reached, for features that know them by their ids alone.

use async_trait::async_trait;
use uuid::Uuid;

use crate::infra::smtp::Mailbox;
use crate::kernel::locale::Locale;
use crate::kernel::time_zone::TimeZone;
use crate::mail::message::ComposeError;

/// Somebody who can be written to.
#[derive(Clone, Debug)]
pub struct Recipient {
    /// Where mail to them goes.
    pub mailbox: Mailbox,
    /// What they call themselves, if they said it.
    pub name: Option<String>,
    /// What they read.
    pub locale: Locale,
    /// Where their clocks go.
    pub time_zone: TimeZone,
}

/// Knows how people are reached.
#[async_trait]
pub trait AddressBook: Send + Sync + 'static {
    /// How the owner of an account is reached; none if they are gone, or have never confirmed their address.
    async fn find(&self, account_id: Uuid) -> Result<Option<Recipient>, ComposeError>;
}
