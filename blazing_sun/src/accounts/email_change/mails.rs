//! The two mails that ask for consent to another address.

use async_trait::async_trait;
use minijinja::context;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::accounts::email_change::repo::{self, Open};
use crate::accounts::email_change::request::GOOD_FOR;
use crate::accounts::link::{Links, Purpose};
use crate::flow::ctx::Ctx;
use crate::infra::smtp::Mailbox;
use crate::mail::{ComposeError, Mail, Message, somebody};

/// The page behind both links.
const PAGE: &str = "/email-change";

/// Asks the address that an account has.
#[derive(Serialize, Deserialize)]
pub struct EmailChangeOld {
    /// The change.
    pub change_id: Uuid,
}

/// Asks the address that it is to have.
#[derive(Serialize, Deserialize)]
pub struct EmailChangeNew {
    /// The change.
    pub change_id: Uuid,
}

async fn open(ctx: &Ctx, id: Uuid) -> sqlx::Result<Option<Open>> {
    repo::find(ctx.pool(), id, ctx.now()).await
}

#[async_trait]
impl Mail for EmailChangeOld {
    const NAME: &'static str = "email_change_old";
    const SUMMARY: &'static str =
        "Asks the address that an account has whether it may have another one.";

    type Tools = Links;

    async fn compose(&self, links: &Links, ctx: &Ctx) -> Result<Option<Message>, ComposeError> {
        let Some(change) = open(ctx, self.change_id)
            .await?
            .filter(|c| !c.old_confirmed)
        else {
            return Ok(None);
        };
        let to = Mailbox::new(None, change.old_email.parse()?);
        Ok(Some(ask_old(to, links, change.id, &change.new_email)))
    }

    fn sample(links: &Links) -> Message {
        ask_old(somebody(), links, Uuid::nil(), "lovelace@example.org")
    }
}

fn ask_old(to: Mailbox, links: &Links, change: Uuid, new_email: &str) -> Message {
    Message {
        to,
        subject: "Agree to another address for your account".to_owned(),
        template: "email_change_old",
        context: context! {
            link => links.to(PAGE, Purpose::EmailOld, change),
            hours => GOOD_FOR.num_hours(),
            new_email,
        },
    }
}

#[async_trait]
impl Mail for EmailChangeNew {
    const NAME: &'static str = "email_change_new";
    const SUMMARY: &'static str =
        "Asks the address that an account is to have whether it is its owner's.";

    type Tools = Links;

    async fn compose(&self, links: &Links, ctx: &Ctx) -> Result<Option<Message>, ComposeError> {
        let Some(change) = open(ctx, self.change_id)
            .await?
            .filter(|c| !c.new_confirmed)
        else {
            return Ok(None);
        };
        let to = Mailbox::new(None, change.new_email.parse()?);
        Ok(Some(ask_new(to, links, change.id)))
    }

    fn sample(links: &Links) -> Message {
        ask_new(somebody(), links, Uuid::nil())
    }
}

fn ask_new(to: Mailbox, links: &Links, change: Uuid) -> Message {
    Message {
        to,
        subject: "Confirm your new address".to_owned(),
        template: "email_change_new",
        context: context! {
            link => links.to(PAGE, Purpose::EmailNew, change),
            hours => GOOD_FOR.num_hours(),
        },
    }
}
