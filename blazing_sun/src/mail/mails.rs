//! The mails that there are, and all that is needed to send one.

use std::marker::PhantomData;

use async_trait::async_trait;
use serde_json::Value;

use crate::flow::ctx::Ctx;
use crate::infra::smtp::Post;
use crate::mail::layout::{Layout, Rendered, Site};
use crate::mail::measures::MailMeasures;
use crate::mail::message::{ComposeError, Mail, Message};

/// The mails by their names, the layout that they share and the post that takes them.
pub struct Mails {
    post: Post,
    pub(super) layout: Layout,
    pub(super) measures: MailMeasures,
    known: Vec<Box<dyn Kind>>,
}

impl Mails {
    /// No mails yet; an error is a mistake in a template.
    pub fn new(post: Post, site: Site, measures: MailMeasures) -> Result<Self, minijinja::Error> {
        Ok(Self {
            post,
            layout: Layout::new(site)?,
            measures,
            known: Vec::new(),
        })
    }

    /// Makes a mail known, with what it needs to be written.
    #[must_use]
    pub fn with<M: Mail>(mut self, tools: M::Tools) -> Self {
        self.known.push(Box::new(Known::<M> {
            tools,
            mail: PhantomData,
        }));
        self
    }

    /// Name and summary of every mail, for the documents.
    pub fn list(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.known.iter().map(|kind| (kind.name(), kind.summary()))
    }

    /// What a mail looks like, filled with made-up values; none if no mail has this name. An error is a mistake in its
    /// template.
    #[must_use]
    pub fn preview(&self, name: &str) -> Option<Result<Preview, minijinja::Error>> {
        let kind = self.find(name)?;
        let message = kind.sample();
        let rendered = self
            .layout
            .render(&message, self.unsubscribe(kind).as_deref());
        Some(rendered.map(|rendered| Preview {
            subject: message.subject,
            rendered,
        }))
    }

    /// The way out, to be asked how it does, and closed at the end.
    #[must_use]
    pub fn post(&self) -> &Post {
        &self.post
    }

    /// The address where people switch a mail off, if they can.
    pub(super) fn unsubscribe(&self, kind: &dyn Kind) -> Option<String> {
        kind.switched_off_at().map(|page| self.layout.address(page))
    }

    pub(super) fn find(&self, name: &str) -> Option<&dyn Kind> {
        let kind = self.known.iter().find(|kind| kind.name() == name);
        kind.map(Box::as_ref)
    }
}

/// A mail as it would look.
pub struct Preview {
    /// Its subject.
    pub subject: String,
    /// Its two forms.
    pub rendered: Rendered,
}

/// Why a mail was not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unwritten {
    /// The payload is not of this mail's form.
    #[error("unreadable data: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// The mail itself could not be written.
    #[error(transparent)]
    Compose(#[from] ComposeError),
}

/// A mail whose type is known no more, only its name.
#[async_trait]
pub(super) trait Kind: Send + Sync {
    fn name(&self) -> &'static str;
    fn summary(&self) -> &'static str;
    fn switched_off_at(&self) -> Option<&'static str>;
    async fn compose(&self, data: &Value, ctx: &Ctx) -> Result<Option<Message>, Unwritten>;
    fn sample(&self) -> Message;
}

struct Known<M: Mail> {
    tools: M::Tools,
    mail: PhantomData<fn() -> M>,
}

#[async_trait]
impl<M: Mail> Kind for Known<M> {
    fn name(&self) -> &'static str {
        M::NAME
    }

    fn summary(&self) -> &'static str {
        M::SUMMARY
    }

    fn switched_off_at(&self) -> Option<&'static str> {
        M::SWITCHED_OFF_AT
    }

    async fn compose(&self, data: &Value, ctx: &Ctx) -> Result<Option<Message>, Unwritten> {
        let mail = M::deserialize(data)?;
        Ok(mail.compose(&self.tools, ctx).await?)
    }

    fn sample(&self) -> Message {
        M::sample(&self.tools)
    }
}
