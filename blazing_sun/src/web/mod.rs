//! What every HTTP answer shares.

pub mod envelope;
pub mod extractors;
pub mod health;
pub mod metrics;
pub mod page;
pub mod problem;
pub mod request_id;
