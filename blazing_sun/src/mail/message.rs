//! What a mail is: the trait that a feature implements, and what comes out of it.

use async_trait::async_trait;
use lettre::address::AddressError;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::flow::ctx::Ctx;
use crate::infra::smtp::{Address, Mailbox};

/// A mail to one recipient. It carries ids only: address, name and link are looked up when it is written, so that they
/// are right then, and neither they nor a token wait in a table.
///
/// The serialised form is a contract with jobs that are already waiting: fields may be added as optional ones.
#[async_trait]
pub trait Mail: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The frozen name.
    const NAME: &'static str;
    /// What it is for, in one sentence, for the documents.
    const SUMMARY: &'static str;

    /// The page of this site where people switch it off; none, if they cannot.
    const SWITCHED_OFF_AT: Option<&'static str> = None;

    /// What it needs beyond the [`Ctx`]; given once, at registration.
    type Tools: Send + Sync + 'static;

    /// Writes it. `None`: there is nobody to write to any more, or nothing to say; the job is done without a mail.
    async fn compose(
        &self,
        tools: &Self::Tools,
        ctx: &Ctx,
    ) -> Result<Option<Message>, ComposeError>;

    /// What it looks like, filled with made-up values, for those who look at the mails of a build.
    fn sample(tools: &Self::Tools) -> Message;
}

/// Whom samples are written to.
#[must_use]
pub fn somebody() -> Mailbox {
    Mailbox::new(None, Address::new_dangerous("ada", "example.org"))
}

/// A mail that is ready to be laid out.
pub struct Message {
    /// Whom it is for.
    pub to: Mailbox,
    /// The subject.
    pub subject: String,
    /// Its template below `templates/mail/`, without the ending.
    pub template: &'static str,
    /// The template's variables.
    pub context: minijinja::Value,
}

/// Why a mail could not be written. The text is kept in the job's history: no addresses, no links.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// The database did not answer; it may later.
    #[error("PostgreSQL: {0}")]
    Database(#[from] sqlx::Error),
    /// What stands in the database is not an address.
    #[error("the recipient's address is not valid: {0}")]
    Address(#[from] AddressError),
}
