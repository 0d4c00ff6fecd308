//! What all kinds of tests stand on: where the services are, a database of its own, a clock that stands still, faulty
//! services, plain HTTP. Everything here is used by every test binary; what only one needs is in its own harness.

mod clock;
mod database;
mod gate;
mod http;
mod services;
mod topics;
mod vhost;

pub use clock::FixedClock;
pub use database::{Content, Database};
pub use gate::Gate;
pub use http::exchange;
pub use services::{Variables, config_of, variables_of_the_tests};
pub use topics::{Garbage, Topics};
pub use vhost::Vhost;

use std::time::Duration;

use tokio::time::timeout;

/// How long the machine may take for one step before the test fails: far more than it ever needs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for a step of the machine, and fails if it hangs.
pub async fn soon<T>(what: &str, step: impl Future<Output = T>) -> T {
    match timeout(PATIENCE, step).await {
        Ok(done) => done,
        Err(_) => panic!("{what} took longer than {} s", PATIENCE.as_secs()),
    }
}

/// Waits for what a `Drop` has to do, in a thread that belongs to no runtime.
pub fn block_on(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(work);
}
