//! The mails about passwords.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use minijinja::context;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::accounts::account::Account;
use crate::accounts::link::{Links, Purpose};
use crate::accounts::passwords::reset::RESET;
use crate::accounts::repo;
use crate::flow::ctx::Ctx;
use crate::infra::smtp::Mailbox;
use crate::kernel::id::Id;
use crate::kernel::time_zone::TimeZone;
use crate::mail::{ComposeError, Mail, Message, somebody};

/// The link with which a forgotten password is replaced.
#[derive(Serialize, Deserialize)]
pub struct ResetLink {
    /// The account.
    pub user_id: Id<Account>,
    /// The token that the link is derived from.
    pub token_id: Uuid,
}

#[async_trait]
impl Mail for ResetLink {
    const NAME: &'static str = "reset";
    const SUMMARY: &'static str = "The link with which a forgotten password is replaced.";

    type Tools = Links;

    async fn compose(&self, links: &Links, ctx: &Ctx) -> Result<Option<Message>, ComposeError> {
        let recipient = repo::recipient(ctx.pool(), self.user_id).await?;
        let is_good = repo::is_token_good(ctx.pool(), self.token_id, ctx.now()).await?;
        let Some(recipient) = recipient.filter(|recipient| is_good && recipient.is_active) else {
            return Ok(None);
        };
        let to = Mailbox::new(None, recipient.email.parse()?);
        Ok(Some(reset_link(to, links, self.token_id)))
    }

    fn sample(links: &Links) -> Message {
        reset_link(somebody(), links, Uuid::nil())
    }
}

fn reset_link(to: Mailbox, links: &Links, token: Uuid) -> Message {
    Message {
        to,
        subject: "Set a new password".to_owned(),
        template: "reset",
        context: context! {
            link => links.to("/reset", Purpose::Reset, token),
            hours => RESET.num_hours(),
        },
    }
}

/// The password of an account was changed.
#[derive(Serialize, Deserialize)]
pub struct PasswordChanged {
    /// The account.
    pub user_id: Id<Account>,
    /// When.
    pub at: DateTime<Utc>,
}

#[async_trait]
impl Mail for PasswordChanged {
    const NAME: &'static str = "password_changed";
    const SUMMARY: &'static str = "Tells somebody that the password of their account was changed.";

    type Tools = ();

    async fn compose(&self, _: &(), ctx: &Ctx) -> Result<Option<Message>, ComposeError> {
        let Some(owner) = repo::acquaintance(ctx.pool(), self.user_id).await? else {
            return Ok(None);
        };
        let to = Mailbox::new(None, owner.email.parse()?);
        Ok(Some(password_changed(to, &owner.tell(self.at))))
    }

    fn sample(_: &()) -> Message {
        let when = TimeZone::default().tell(DateTime::UNIX_EPOCH);
        password_changed(somebody(), &when)
    }
}

fn password_changed(to: Mailbox, when: &str) -> Message {
    Message {
        to,
        subject: "Your password was changed".to_owned(),
        template: "password_changed",
        context: context! { when },
    }
}
