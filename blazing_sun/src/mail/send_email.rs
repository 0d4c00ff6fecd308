//! The job that sends a mail: written, laid out and handed over anew in each attempt, under the same Message-ID.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::flow::ctx::Ctx;
use crate::flow::job::{Job, JobError, Run};
use crate::infra::smtp::{Letter, SendError};
use crate::mail::mails::{Mails, Unwritten};
use crate::mail::message::{ComposeError, Mail};

/// Sends one mail to one recipient.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct SendEmail {
    /// The mail's frozen name.
    mail: String,
    /// The ids from which it is written.
    data: Value,
}

impl SendEmail {
    /// The job that sends `mail`.
    pub fn of<M: Mail>(mail: &M) -> serde_json::Result<Self> {
        Ok(Self {
            mail: M::NAME.to_owned(),
            data: serde_json::to_value(mail)?,
        })
    }

    /// Writes the mail and sends it as letter `id`; no transaction is open meanwhile.
    pub async fn send(&self, mails: &Mails, ctx: &Ctx, id: Uuid) -> Result<(), JobError> {
        let Some(kind) = mails.find(&self.mail) else {
            return Err(JobError::Discard(format!(
                "no mail is called {:?}",
                self.mail
            )));
        };
        let Some(message) = kind.compose(&self.data, ctx).await? else {
            tracing::info!(mail.name = self.mail, "nobody to write to any more");
            return Ok(());
        };
        // A mistake in a template is mended by the next version, which will find the job waiting.
        let unsubscribe = mails.unsubscribe(kind);
        let rendered = mails
            .layout
            .render(&message, unsubscribe.as_deref())
            .map_err(|error| JobError::Retry(format!("template: {error}")))?;
        let letter = Letter {
            id,
            date: ctx.now(),
            to: message.to,
            subject: message.subject,
            text: rendered.text,
            html: rendered.html,
            unsubscribe,
        };
        let began = Instant::now();
        let outcome = mails.post().send(&letter).await;
        mails.measures.note(&outcome, began.elapsed());
        Ok(outcome?)
    }
}

#[async_trait]
impl Job for SendEmail {
    const NAME: &'static str = "send_email";
    const SUMMARY: &'static str = "Sends one mail to one recipient.";
    const PRIORITY: i16 = 5;

    type Tools = Arc<Mails>;

    async fn run(&self, mails: &Arc<Mails>, run: &mut Run) -> Result<(), JobError> {
        self.send(mails, run.ctx(), run.id()).await
    }
}

impl From<Unwritten> for JobError {
    fn from(error: Unwritten) -> Self {
        match error {
            Unwritten::Compose(ComposeError::Database(error)) => error.into(),
            Unwritten::Compose(ComposeError::Address(_)) | Unwritten::Unreadable(_) => {
                Self::Discard(error.to_string())
            }
        }
    }
}

impl From<SendError> for JobError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Temporary(reason) => Self::Retry(reason),
            SendError::Permanent(reason) => Self::Discard(reason),
        }
    }
}
