//! How often something may be tried: so many times at once, and then one more every so often. Nobody is ever locked out.
//!
//! Redis counts, for all processes together; while it is away each process counts for itself. The algorithm is GCRA, which
//! keeps one moment a key: the one at which its bucket would be full again. (The crates that have it count in the process
//! or in Redis, none in both by one clock that tests can set.)

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use redis::Script;
use sha2::{Digest, Sha256};

use crate::infra::redis::Redis;
use crate::web::problem::Problem;

/// The most keys that one process counts by itself.
const MAX_KEYS: usize = 100_000;

/// The same as [`Rate::next`], for all processes. Times in milliseconds.
static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local now, burst, every = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
        local full = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
        local wait = full + every - burst * every - now
        if wait > 0 then return wait end
        redis.call('SET', KEYS[1], string.format('%.0f', full + every), 'PX', full + every - now)
        return 0
        ",
    )
});

/// How often something may be tried.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// So many times at once.
    pub burst: u32,
    /// Then one more each time this has passed.
    pub every: TimeDelta,
}

impl Rate {
    /// Given when the bucket is full again: the same after one more try, or how long to wait.
    fn next(
        self,
        full: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<DateTime<Utc>, TimeDelta> {
        let full = full.map_or(now, |full| full.max(now)) + self.every;
        let wait = full - self.every * i32::try_from(self.burst).unwrap_or(i32::MAX) - now;
        if wait > TimeDelta::zero() {
            Err(wait)
        } else {
            Ok(full)
        }
    }
}

/// Counts tries.
pub struct Throttle {
    redis: Option<Arc<Redis>>,
    factor: u32,
    own: Mutex<HashMap<String, DateTime<Utc>>>,
}

/// It was tried too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many attempts")]
pub struct TooMany {
    /// After this it may be tried again.
    pub retry_after: Duration,
}

impl From<TooMany> for Problem {
    fn from(error: TooMany) -> Self {
        Self::too_many(error.retry_after)
    }
}

impl Throttle {
    /// Counts in Redis, if there is one. Everything may be done `factor` times as often as the rates say.
    #[must_use]
    pub fn new(redis: Option<Arc<Redis>>, factor: u32) -> Self {
        Self {
            redis,
            factor,
            own: Mutex::default(),
        }
    }

    /// Counts one try of `what` by `whom`.
    pub async fn take(
        &self,
        what: &'static str,
        whom: &str,
        rate: Rate,
        now: DateTime<Utc>,
    ) -> Result<(), TooMany> {
        let rate = Rate {
            burst: rate.burst.saturating_mul(self.factor),
            every: rate.every / i32::try_from(self.factor.max(1)).unwrap_or(i32::MAX),
        };
        // A digest, since it may be an address.
        let digest = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(whom));
        let key = format!("throttle:{what}:{digest}");
        let wait = match self.take_in_redis(&key, rate, now).await {
            Some(wait) => wait,
            None => self.take_here(key, rate, now),
        };
        if wait > TimeDelta::zero() {
            let retry_after = wait.to_std().unwrap_or_default();
            return Err(TooMany { retry_after });
        }
        Ok(())
    }

    async fn take_in_redis(&self, key: &str, rate: Rate, now: DateTime<Utc>) -> Option<TimeDelta> {
        let redis = self.redis.as_ref()?;
        let mut script = TAKE.prepare_invoke();
        script
            .key(redis.key(key))
            .arg(now.timestamp_millis())
            .arg(rate.burst)
            .arg(rate.every.num_milliseconds().max(1));
        match redis.invoke::<i64>(&script).await {
            Ok(wait) => Some(TimeDelta::milliseconds(wait)),
            Err(error) => {
                tracing::debug!(error = %error, "Redis is away: this process counts attempts by itself");
                None
            }
        }
    }

    fn take_here(&self, key: String, rate: Rate, now: DateTime<Utc>) -> TimeDelta {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if own.len() >= MAX_KEYS {
            own.retain(|_, full| *full > now);
            // Still too many: whoever sends this much is stopped by nginx.
            if own.len() >= MAX_KEYS {
                own.clear();
            }
        }
        match rate.next(own.get(&key).copied(), now) {
            Ok(full) => {
                own.insert(key, full);
                TimeDelta::zero()
            }
            Err(wait) => wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RATE: Rate = Rate {
        burst: 3,
        every: TimeDelta::seconds(10),
    };

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    async fn tries(throttle: &Throttle, whom: &str, seconds: i64) -> Option<u64> {
        let taken = throttle.take("test", whom, RATE, at(seconds)).await;
        taken.err().map(|error| error.retry_after.as_secs())
    }

    #[tokio::test]
    async fn after_the_burst_one_more_is_let_through_each_time_the_period_has_passed() {
        let throttle = Throttle::new(None, 1);
        for _ in 0..3 {
            assert_eq!(tries(&throttle, "a", 0).await, None);
        }
        assert_eq!(tries(&throttle, "a", 0).await, Some(10));
        assert_eq!(tries(&throttle, "a", 4).await, Some(6));
        assert_eq!(tries(&throttle, "b", 4).await, None, "others are not meant");
        assert_eq!(tries(&throttle, "a", 10).await, None);
        assert_eq!(tries(&throttle, "a", 10).await, Some(10));
        assert_eq!(
            tries(&throttle, "a", 1000).await,
            None,
            "nobody is locked out"
        );
    }

    #[tokio::test]
    async fn a_factor_raises_every_rate() {
        let throttle = Throttle::new(None, 100);
        for _ in 0..300 {
            assert_eq!(tries(&throttle, "a", 0).await, None);
        }
        assert_eq!(
            tries(&throttle, "a", 0).await,
            Some(0),
            "a tenth of a second"
        );
    }

    #[tokio::test]
    async fn what_one_process_keeps_has_a_bound() {
        let throttle = Throttle::new(None, 1);
        for number in 0..MAX_KEYS + 10 {
            throttle.take_here(number.to_string(), RATE, at(0));
        }
        let kept = || throttle.own.lock().expect("no panic").len();
        assert!(kept() <= MAX_KEYS, "{}", kept());

        throttle.own.lock().expect("no panic").clear();
        for number in 0..MAX_KEYS {
            let now = if number < 10 { at(100) } else { at(0) };
            throttle.take_here(number.to_string(), RATE, now);
        }
        throttle.take_here("another".to_owned(), RATE, at(100));
        assert_eq!(kept(), 11, "those whose bucket is full again go first");
    }

    proptest! {
        #[test]
        fn no_more_than_the_burst_and_one_a_period_get_through(gaps in prop::collection::vec(0_i64..30, 1..60)) {
            let (mut full, mut now, mut through) = (None, 0, 0);
            for gap in gaps {
                now += gap;
                if let Ok(next) = RATE.next(full, at(now)) {
                    full = Some(next);
                    through += 1;
                }
                prop_assert!(through <= i64::from(RATE.burst) + now / RATE.every.num_seconds());
            }
        }
    }
}
