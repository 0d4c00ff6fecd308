//! Feeds in Redis: for each of those who look at theirs, a sorted set of all that is in it, by the ids of events.
//!
//! A key is made as a whole, by a reader, or not at all: who writes something new into a feed does so only where the key is
//! there, and else stops whoever is just making it, who may not know of it. Redis removes keys as a whole too. So a key that
//! is there is complete, if it is one of the good generation.

use std::sync::{Arc, LazyLock};

use redis::{RedisResult, Script, cmd};
use uuid::Uuid;

use crate::feed::item::Item;
use crate::feed::repo::{KEPT, Part};
use crate::infra::redis::Redis;
use crate::kernel::id;

/// How long a feed stays after it was made, in seconds: a day, whether it is looked at or not.
const STAYS: u64 = 86_400;
/// How long somebody may take to make one, in seconds.
const MAKING: u64 = 30;
/// What is in every feed, before everything else: an empty one is there too.
const MARK: &str = "!";

/// Writes things into the feeds that are there; returns into how many. KEYS: for each thing the feed and who is making it,
/// then for each account that is gone the same. ARGV: how many things, how many to keep, then for each its id and itself.
const WRITE: &str = r"
    local wrote = 0
    for i = 1, tonumber(ARGV[1]) do
        local feed, making, id, item = KEYS[2 * i - 1], KEYS[2 * i], ARGV[2 * i + 1], ARGV[2 * i + 2]
        redis.call('DEL', making)
        if redis.call('EXISTS', feed) == 1 then
            redis.call('ZREMRANGEBYLEX', feed, '[' .. id, '(' .. id .. '!')
            redis.call('ZADD', feed, 0, item)
            local over = redis.call('ZCARD', feed) - 1 - tonumber(ARGV[2])
            if over > 0 then redis.call('ZREMRANGEBYRANK', feed, 1, over) end
            wrote = wrote + 1
        end
    end
    for i = 2 * tonumber(ARGV[1]) + 1, #KEYS do
        wrote = wrote + redis.call('DEL', KEYS[i])
    end
    return wrote
";

/// Puts a feed that was made, if nobody has stopped it meanwhile.
static PUT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
        redis.call('DEL', KEYS[1], KEYS[2])
        for i = 3, #ARGV do redis.call('ZADD', KEYS[1], 0, ARGV[i]) end
        redis.call('EXPIRE', KEYS[1], ARGV[2])
        return 1
        ",
    )
});

/// Reads a part of a feed, the newest first; nothing, if it is not there.
static READ: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        if redis.call('EXISTS', KEYS[1]) == 0 then return false end
        return redis.call('ZREVRANGEBYLEX', KEYS[1], ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])
        ",
    )
});

/// What Redis has of a feed.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// The part that was asked for.
    There(Vec<Item>),
    /// The feed has to be made.
    Missing,
    /// Redis is away, or is not used: PostgreSQL is asked.
    Away,
}

/// What is to be written.
#[derive(Debug, Default)]
pub struct News {
    /// Things, and whose they are.
    pub items: Vec<(Uuid, Item)>,
    /// Accounts that are gone.
    pub gone: Vec<Uuid>,
}

/// Who makes a feed.
pub struct Maker {
    account: Uuid,
    generation: i64,
    token: String,
}

/// The feeds in Redis.
#[derive(Clone)]
pub struct Store(Option<Arc<Redis>>);

impl Store {
    /// In this Redis; without one nothing is there.
    #[must_use]
    pub fn new(redis: Option<Arc<Redis>>) -> Self {
        Self(redis)
    }

    /// A part of a feed.
    pub async fn read(&self, generation: i64, account: Uuid, part: Part) -> Found {
        let Some(redis) = &self.0 else {
            return Found::Away;
        };
        let newest = part
            .before
            .map_or_else(|| "+".to_owned(), |id| format!("({id}"));
        // The mark is before all ids.
        let oldest = format!("[{}", part.from);
        let mut reading = READ.key(key(redis, generation, account));
        reading.arg(newest).arg(oldest).arg(part.limit);
        let texts: Option<Vec<String>> = match redis.invoke(&reading).await {
            Ok(texts) => texts,
            Err(error) => {
                tracing::debug!(error = %error, "Redis is away: the feed is read from PostgreSQL");
                return Found::Away;
            }
        };
        // What a build of another time wrote is not there for this one.
        let items = texts.and_then(|texts| texts.iter().map(|text| item(text)).collect());
        items.map_or(Found::Missing, Found::There)
    }

    /// Begins to make a feed: before anything of it is read.
    pub async fn begin(&self, generation: i64, account: Uuid) -> Option<Maker> {
        let redis = self.0.as_ref()?;
        let token = id::new().to_string();
        let mut command = cmd("SET");
        command
            .arg(making(redis, generation, account))
            .arg(&token)
            .arg("EX")
            .arg(MAKING);
        redis.ask::<()>(&command).await.ok()?;
        Some(Maker {
            account,
            generation,
            token,
        })
    }

    /// Puts a feed that was made, unless something happened meanwhile. Says whether it is there now.
    pub async fn put(&self, maker: &Maker, items: &[Item]) -> bool {
        let Some(redis) = &self.0 else { return false };
        let mut putting = PUT.key(key(redis, maker.generation, maker.account));
        putting
            .key(making(redis, maker.generation, maker.account))
            .arg(&maker.token)
            .arg(STAYS)
            .arg(MARK);
        for text in items.iter().filter_map(text) {
            putting.arg(text);
        }
        redis.invoke::<i64>(&putting).await.unwrap_or_default() == 1
    }

    /// Writes what is new, and forgets whoever is gone; what was written is on the server's disk then, where the server
    /// can say so. Twice is the same as once.
    pub async fn write(&self, generation: i64, news: &News) -> RedisResult<()> {
        let redis = self
            .0
            .as_ref()
            .ok_or((redis::ErrorKind::Client, "Redis is not used"))?;
        let items: Vec<(Uuid, Uuid, String)> = news
            .items
            .iter()
            .filter_map(|(account, item)| Some((*account, item.id, text(item)?)))
            .collect();
        let mut command = cmd("EVAL");
        command.arg(WRITE).arg(2 * (items.len() + news.gone.len()));
        let accounts = items.iter().map(|(account, ..)| account).chain(&news.gone);
        for account in accounts {
            command
                .arg(key(redis, generation, *account))
                .arg(making(redis, generation, *account));
        }
        command.arg(items.len()).arg(KEPT);
        for (_, id, text) in &items {
            command.arg(id.to_string()).arg(text);
        }
        redis
            .ask_lasting(&command, |wrote: &i64| *wrote > 0)
            .await?;
        Ok(())
    }
}

/// The name says which form its content has.
fn key(redis: &Redis, generation: i64, account: Uuid) -> String {
    redis.key(&format!("feed:1:{generation}:{account}"))
}

fn making(redis: &Redis, generation: i64, account: Uuid) -> String {
    redis.key(&format!("feed-making:1:{generation}:{account}"))
}

/// By its id, so that the set is in their order, and what comes again takes the place of what was there.
fn text(item: &Item) -> Option<String> {
    let content = serde_json::to_string(item).ok()?;
    Some(format!("{} {content}", item.id))
}

fn item(text: &str) -> Option<Item> {
    let (_, content) = text.split_once(' ')?;
    serde_json::from_str(content).ok()
}
