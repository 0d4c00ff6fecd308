//! The mails about accounts.

use async_trait::async_trait;
use minijinja::context;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::accounts::account::Account;
use crate::accounts::link::Links;
use crate::accounts::registration::ACTIVATION;
use crate::accounts::repo;
use crate::flow::ctx::Ctx;
use crate::infra::smtp::Mailbox;
use crate::kernel::id::Id;
use crate::mail::{ComposeError, Mail, Message, somebody};

/// The link with which the owner of an address activates the account.
#[derive(Serialize, Deserialize)]
pub struct Activation {
    /// The account.
    pub user_id: Id<Account>,
    /// The token that the link is derived from.
    pub token_id: Uuid,
}

#[async_trait]
impl Mail for Activation {
    const NAME: &'static str = "activation";
    const SUMMARY: &'static str = "The link that activates a new account.";

    type Tools = Links;

    async fn compose(&self, links: &Links, ctx: &Ctx) -> Result<Option<Message>, ComposeError> {
        let recipient = repo::recipient(ctx.pool(), self.user_id).await?;
        let is_good = repo::is_token_good(ctx.pool(), self.token_id, ctx.now()).await?;
        let Some(recipient) = recipient.filter(|recipient| is_good && !recipient.is_active) else {
            return Ok(None);
        };
        let to = Mailbox::new(None, recipient.email.parse()?);
        Ok(Some(activation(to, links, self.token_id)))
    }

    fn sample(links: &Links) -> Message {
        activation(somebody(), links, Uuid::nil())
    }
}

fn activation(to: Mailbox, links: &Links, token: Uuid) -> Message {
    Message {
        to,
        subject: "Activate your account".to_owned(),
        template: "activation",
        context: context! { link => links.activation(token), hours => ACTIVATION.num_hours() },
    }
}

/// Somebody signed up with the address of an account that is active.
#[derive(Serialize, Deserialize)]
pub struct AlreadyRegistered {
    /// The account.
    pub user_id: Id<Account>,
}

#[async_trait]
impl Mail for AlreadyRegistered {
    const NAME: &'static str = "already_registered";
    const SUMMARY: &'static str =
        "Tells the owner of an account that somebody signed up with its address.";

    type Tools = ();

    async fn compose(&self, _: &(), ctx: &Ctx) -> Result<Option<Message>, ComposeError> {
        let Some(recipient) = repo::recipient(ctx.pool(), self.user_id).await? else {
            return Ok(None);
        };
        let to = Mailbox::new(None, recipient.email.parse()?);
        Ok(Some(already_registered(to)))
    }

    fn sample(_: &()) -> Message {
        already_registered(somebody())
    }
}

fn already_registered(to: Mailbox) -> Message {
    Message {
        to,
        subject: "You have an account already".to_owned(),
        template: "already_registered",
        context: context! {},
    }
}
