//! What every HTTP answer shares.

pub mod cause;
pub mod envelope;
pub mod extractors;
pub mod health;
pub mod metrics;
pub mod page;
pub mod problem;
pub mod request_id;
pub mod routes;
