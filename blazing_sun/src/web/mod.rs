//! What every HTTP answer shares.

pub mod access;
pub mod cause;
pub mod client;
pub mod cookies;
pub mod cors;
pub mod csrf;
pub mod envelope;
pub mod etag;
pub mod extractors;
pub mod failures;
pub mod health;
pub mod idempotency;
pub mod metrics;
pub mod openapi;
pub mod page;
pub mod paging;
pub mod patch;
pub mod problem;
pub mod request_id;
pub mod routes;
pub mod throttle;
