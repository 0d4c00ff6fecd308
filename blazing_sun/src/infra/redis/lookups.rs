//! How often a cache had what was looked for.

use prometheus::{IntCounter, IntCounterVec};

use crate::infra::measures::Measures;

/// The lookups in all caches.
#[derive(Clone)]
pub struct Lookups(IntCounterVec);

/// The lookups in one cache.
#[derive(Clone)]
pub struct CacheLookups {
    /// It was there.
    pub hit: IntCounter,
    /// It was not there, or cannot be used.
    pub miss: IntCounter,
    /// Redis is away.
    pub error: IntCounter,
}

impl Lookups {
    /// Declares the metric.
    pub fn new(measures: &Measures) -> prometheus::Result<Self> {
        Ok(Self(measures.counters(
            "cache_requests_total",
            "Lookups in a cache (sessions or feed), by outcome (hit, miss, or error: Redis was away).",
            &["cache", "outcome"],
        )?))
    }

    /// Those in the cache of this name.
    #[must_use]
    pub fn of(&self, cache: &'static str) -> CacheLookups {
        let counter = |outcome| self.0.with_label_values(&[cache, outcome]);
        CacheLookups {
            hit: counter("hit"),
            miss: counter("miss"),
            error: counter("error"),
        }
    }
}
