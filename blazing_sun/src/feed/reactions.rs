//! The consumer `feed`.

use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use crate::accounts::events::{AUTH_EVENTS, USER_EVENTS, UserDeleted};
use crate::feed::item::{Happened, SHOWN};
use crate::feed::repo;
use crate::feed::store::{News, Store};
use crate::flow::ctx::{Ctx, Tx};
use crate::flow::event::{CloudEvent, Event, Topic};
use crate::flow::reaction::{Outside, Reaction, Wanted};
use crate::infra::redis::Redis;
use crate::ledger::events::{CATEGORY_EVENTS, TRANSACTION_EVENTS};

/// What has a sentence, and the end of an account.
const HEARD: [&str; SHOWN.len() + 1] = {
    let mut heard = [UserDeleted::TYPE; SHOWN.len() + 1];
    let (shown, _) = heard.split_at_mut(SHOWN.len());
    shown.copy_from_slice(&SHOWN);
    heard
};

/// Writes what happens into the feeds that are in Redis.
pub struct Feeds {
    store: Store,
}

impl Feeds {
    /// Over a connection of its own: it waits for the disk, and nobody is to wait behind it.
    #[must_use]
    pub fn new(redis: Option<Arc<Redis>>) -> Self {
        Self {
            store: Store::new(redis),
        }
    }
}

#[async_trait]
impl Reaction for Feeds {
    fn consumer(&self) -> &'static str {
        "feed"
    }

    fn summary(&self) -> &'static str {
        "Writes what happens into the feeds of people, in Redis."
    }

    fn topics(&self) -> &'static [Topic] {
        &[
            USER_EVENTS,
            AUTH_EVENTS,
            TRANSACTION_EVENTS,
            CATEGORY_EVENTS,
        ]
    }

    fn wanted(&self) -> Wanted {
        Wanted::Types(&HEARD)
    }

    fn outside(&self) -> Option<&dyn Outside> {
        Some(self)
    }

    /// For a dead letter that is replayed.
    async fn react(&self, tx: &mut Tx, event: &CloudEvent) -> anyhow::Result<()> {
        let ctx = tx.ctx().clone();
        self.carry_out(&ctx, &[event]).await
    }

    async fn rebuild(&self, _tx: &mut Tx) -> anyhow::Result<()> {
        anyhow::bail!(
            "a feed is made anew by whoever reads it: to have all of them made anew, delete the keys feed:* in Redis"
        )
    }
}

#[async_trait]
impl Outside for Feeds {
    /// Redis away, or not used, is no reason to stop or to give an event up: the audit log has it. What Redis has of all
    /// feeds is not good any more then, and PostgreSQL notes that.
    async fn carry_out(&self, ctx: &Ctx, events: &[&CloudEvent]) -> anyhow::Result<()> {
        let news = news(ctx, events).await?;
        if news.items.is_empty() && news.gone.is_empty() {
            return Ok(());
        }
        loop {
            let generation = repo::generation(ctx.pool()).await?;
            if let Err(error) = self.store.write(generation, &news).await {
                tracing::debug!(error = %error, "Redis is away: all feeds will be made anew");
                repo::leave_generation(ctx.pool()).await?;
                return Ok(());
            }
            // Somebody may have made the feed in the next generation before this was to be seen.
            if repo::generation(ctx.pool()).await? == generation {
                return Ok(());
            }
        }
    }
}

/// What some events are to whom.
async fn news(ctx: &Ctx, events: &[&CloudEvent]) -> anyhow::Result<News> {
    let books: Vec<Uuid> = events.iter().filter_map(|event| book(event)).collect();
    let owners = match books.is_empty() {
        true => Default::default(),
        false => repo::owners(ctx.pool(), &books).await?,
    };
    let mut news = News::default();
    for event in events {
        if event.kind == UserDeleted::TYPE {
            news.gone.push(event.subject);
            continue;
        }
        let owner = match book(event) {
            Some(book) => owners.get(&book).copied(),
            // Accounts tell of themselves.
            None => Some(event.subject),
        };
        if let Some(owner) = owner
            && let Some(item) = Happened::from(*event).tell(owner)?
        {
            news.items.push((owner, item));
        }
    }
    Ok(news)
}

/// The book that an event is about, if it is about one.
fn book(event: &CloudEvent) -> Option<Uuid> {
    event.data.get("book_id")?.as_str()?.parse().ok()
}
