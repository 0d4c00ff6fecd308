//! The mails about one's data.

use async_trait::async_trait;
use minijinja::context;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::accounts::account::Account;
use crate::accounts::data::export::{ExportState, KEPT_FOR};
use crate::accounts::data::repo;
use crate::accounts::repo::acquaintance;
use crate::flow::ctx::Ctx;
use crate::infra::smtp::Mailbox;
use crate::kernel::id::Id;
use crate::mail::{ComposeError, Mail, Message, somebody};

/// An export can be downloaded.
#[derive(Serialize, Deserialize)]
pub struct ExportReady {
    /// The account.
    pub user_id: Id<Account>,
    /// The export.
    pub export_id: Uuid,
}

#[async_trait]
impl Mail for ExportReady {
    const NAME: &'static str = "export_ready";
    const SUMMARY: &'static str = "Tells somebody that the export of their data can be downloaded.";

    type Tools = ();

    async fn compose(&self, _tools: &(), ctx: &Ctx) -> Result<Option<Message>, ComposeError> {
        let export = repo::find(ctx.pool(), self.user_id, self.export_id).await?;
        if export.is_none_or(|export| export.state(ctx.now()) != ExportState::Ready) {
            return Ok(None);
        }
        let Some(owner) = acquaintance(ctx.pool(), self.user_id).await? else {
            return Ok(None);
        };
        Ok(Some(ready(Mailbox::new(None, owner.email.parse()?))))
    }

    fn sample((): &()) -> Message {
        ready(somebody())
    }
}

fn ready(to: Mailbox) -> Message {
    Message {
        to,
        subject: "Your data is ready to be downloaded".to_owned(),
        template: "export_ready",
        context: context! { days => KEPT_FOR.num_days() },
    }
}

/// An account will be erased.
#[derive(Serialize, Deserialize)]
pub struct DeletionScheduled {
    /// The account.
    pub user_id: Id<Account>,
}

#[async_trait]
impl Mail for DeletionScheduled {
    const NAME: &'static str = "deletion_scheduled";
    const SUMMARY: &'static str =
        "Tells somebody when their account will be deleted, and how to keep it.";

    type Tools = ();

    async fn compose(&self, _tools: &(), ctx: &Ctx) -> Result<Option<Message>, ComposeError> {
        let Some(date) = repo::deletion_at(ctx.pool(), self.user_id).await? else {
            return Ok(None);
        };
        let Some(owner) = acquaintance(ctx.pool(), self.user_id).await? else {
            return Ok(None);
        };
        let date = owner.zone().day(date);
        Ok(Some(scheduled(
            Mailbox::new(None, owner.email.parse()?),
            &date,
        )))
    }

    fn sample((): &()) -> Message {
        scheduled(somebody(), "9 Dec 2026")
    }
}

fn scheduled(to: Mailbox, date: &str) -> Message {
    Message {
        to,
        subject: "Your account will be deleted".to_owned(),
        template: "deletion_scheduled",
        context: context! { date },
    }
}
