//! The mail with which somebody is invited.

use async_trait::async_trait;
use minijinja::context;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::accounts::invitations::invitation::{INVITATION, Invitation};
use crate::accounts::invitations::repo;
use crate::accounts::link::{Links, Purpose};
use crate::flow::ctx::Ctx;
use crate::infra::smtp::Mailbox;
use crate::kernel::id::Id;
use crate::mail::{ComposeError, Mail, Message, somebody};

/// The link with which somebody takes up an account that is offered.
#[derive(Serialize, Deserialize)]
pub struct InvitationMail {
    /// The invitation, and its token.
    pub invitation_id: Id<Invitation>,
}

#[async_trait]
impl Mail for InvitationMail {
    const NAME: &'static str = "invitation";
    const SUMMARY: &'static str = "The link with which an account that is offered is taken up.";

    type Tools = Links;

    async fn compose(&self, links: &Links, ctx: &Ctx) -> Result<Option<Message>, ComposeError> {
        let open = repo::find_open(ctx.pool(), self.invitation_id, ctx.now()).await?;
        let Some(open) = open else { return Ok(None) };
        let to = Mailbox::new(None, open.email.parse()?);
        Ok(Some(invite(to, links, self.invitation_id, open.inviter)))
    }

    fn sample(links: &Links) -> Message {
        let inviter = Some("Grace Hopper".to_owned());
        invite(somebody(), links, Id::from(Uuid::nil()), inviter)
    }
}

fn invite(
    to: Mailbox,
    links: &Links,
    invitation: Id<Invitation>,
    inviter: Option<String>,
) -> Message {
    Message {
        to,
        subject: "You are invited".to_owned(),
        template: "invitation",
        context: context! {
            link => links.to("/invitation", Purpose::Invitation, invitation.uuid()),
            days => INVITATION.num_days(),
            inviter,
        },
    }
}
