//! Somebody's feed: from Redis, else from the audit log, which makes the one in Redis anew.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::accounts::events::{AUTH_EVENTS, USER_EVENTS};
use crate::feed::item::{Happened, Item};
use crate::feed::repo::{self, KEPT, Owner, Part};
use crate::feed::store::{Found, Store};
use crate::feed::streams::Streams;
use crate::flow::ctx::Ctx;
use crate::flow::freshness;
use crate::infra::redis::{CacheLookups, Redis};
use crate::ledger::events::{CATEGORY_EVENTS, TRANSACTION_EVENTS};

/// The consumer that writes the audit log.
const AUDIT: &str = "audit";
/// For how long a process that looks often does not ask which generation is the good one.
const GENERATION_STAYS: Duration = Duration::from_secs(1);

/// Everybody's feeds, as they are read.
#[derive(Clone)]
pub struct Feed {
    ctx: Ctx,
    store: Store,
    /// Counted where there is a cache.
    lookups: Option<CacheLookups>,
    streams: Streams,
    generation: Arc<Mutex<Option<(Instant, i64)>>>,
}

impl Feed {
    /// The feeds that this Redis, if there is one, and the audit log have.
    #[must_use]
    pub fn new(ctx: Ctx, redis: Option<Arc<Redis>>) -> Self {
        let lookups = redis.as_ref().map(|_| ctx.metrics().lookups.of("feed"));
        Self {
            ctx,
            store: Store::new(redis),
            lookups,
            streams: Streams::default(),
            generation: Arc::default(),
        }
    }

    /// Who listens.
    #[must_use]
    pub fn streams(&self) -> &Streams {
        &self.streams
    }

    /// A page: what is older than `before`, the newest first.
    pub async fn page(
        &self,
        account: Uuid,
        before: Option<Uuid>,
        limit: i64,
    ) -> sqlx::Result<Vec<Item>> {
        let generation = repo::generation(self.ctx.pool()).await?;
        let part = Part {
            before,
            from: Uuid::nil(),
            limit,
        };
        self.read(generation, account, part).await
    }

    /// All of the feed from an id on, the oldest first, for somebody who asks all the time: it may be a second old.
    pub async fn since(&self, account: Uuid, from: Uuid) -> sqlx::Result<Vec<Item>> {
        let part = Part {
            before: None,
            from,
            limit: KEPT,
        };
        let mut items = self
            .read(self.recent_generation().await?, account, part)
            .await?;
        items.reverse();
        Ok(items)
    }

    async fn recent_generation(&self) -> sqlx::Result<i64> {
        let known = *self
            .generation
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some((asked, generation)) = known
            && asked.elapsed() < GENERATION_STAYS
        {
            return Ok(generation);
        }
        let asked = Instant::now();
        let generation = repo::generation(self.ctx.pool()).await?;
        *self
            .generation
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some((asked, generation));
        Ok(generation)
    }

    async fn read(&self, generation: i64, account: Uuid, part: Part) -> sqlx::Result<Vec<Item>> {
        let found = self.store.read(generation, account, part).await;
        if let Some(lookups) = &self.lookups {
            match &found {
                Found::There(_) => lookups.hit.inc(),
                Found::Missing => lookups.miss.inc(),
                Found::Away => lookups.error.inc(),
            }
        }
        match found {
            Found::There(items) => Ok(items),
            Found::Away => {
                let Some(owner) = repo::owner(self.ctx.pool(), account).await? else {
                    return Ok(Vec::new());
                };
                self.log(owner, part).await
            }
            Found::Missing => {
                let whole = self.make(generation, account).await?;
                let wanted = whole.into_iter().filter(|item| {
                    item.id >= part.from && part.before.is_none_or(|before| item.id < before)
                });
                let limit = usize::try_from(part.limit).unwrap_or_default();
                Ok(wanted.take(limit).collect())
            }
        }
    }

    /// Makes a feed of what the audit log holds. It is kept if nothing is on its way to the log: what the consumer of the feed
    /// has had before, and could not write, would be missing in it for good.
    async fn make(&self, generation: i64, account: Uuid) -> sqlx::Result<Vec<Item>> {
        let pool = self.ctx.pool();
        let maker = self.store.begin(generation, account).await;
        let Some(owner) = repo::owner(pool, account).await? else {
            return Ok(Vec::new());
        };
        let is_complete = self.log_is_complete(owner).await?;
        let part = Part {
            before: None,
            from: Uuid::nil(),
            limit: KEPT,
        };
        let items = self.log(owner, part).await?;
        if let Some(maker) = maker
            && is_complete
            && repo::use_generation(pool, generation).await?
        {
            self.store.put(&maker, &items).await;
        }
        Ok(items)
    }

    /// Whether everything that happened to somebody is in the audit log.
    async fn log_is_complete(&self, owner: Owner) -> sqlx::Result<bool> {
        let ctx = &self.ctx;
        if !freshness::has_had_all(ctx, AUDIT, &[USER_EVENTS, AUTH_EVENTS], owner.account).await? {
            return Ok(false);
        }
        match owner.book {
            Some(book) => {
                let topics = [TRANSACTION_EVENTS, CATEGORY_EVENTS];
                freshness::has_had_all(ctx, AUDIT, &topics, book).await
            }
            None => Ok(true),
        }
    }

    async fn log(&self, owner: Owner, part: Part) -> sqlx::Result<Vec<Item>> {
        let found = repo::part(self.ctx.pool(), owner, part).await?;
        Ok(found
            .iter()
            .filter_map(|happened| told(happened, owner.account))
            .collect())
    }
}

/// What cannot be read is told to the operator, and is no reason to show nothing.
fn told(happened: &Happened, owner: Uuid) -> Option<Item> {
    match happened.tell(owner) {
        Ok(item) => item,
        Err(error) => {
            tracing::error!(
                event.id = %happened.id,
                error = %error,
                "an entry of the audit log is not what its type says"
            );
            None
        }
    }
}
