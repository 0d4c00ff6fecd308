//! A running process follows the levels that were set for single modules.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::Level;

use crate::app::logging::Levels;
use crate::kernel::clock::Clock;
use crate::monitor::log_levels::{self, LogLevel};

/// How often it looks.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a look may take.
const ANSWER: Duration = Duration::from_secs(5);

/// Looks until `stop`. While PostgreSQL is away, what was set last holds until its time is over.
pub async fn follow(pool: PgPool, clock: Arc<dyn Clock>, levels: Levels, stop: CancellationToken) {
    let mut followed: Vec<LogLevel> = Vec::new();
    while !stop.is_cancelled() {
        let now = clock.now();
        let found = match timeout(ANSWER, log_levels::current(&pool, now)).await {
            Ok(Ok(found)) => found,
            Ok(Err(_)) | Err(_) => {
                let mut left = followed.clone();
                left.retain(|level| level.until > now);
                left
            }
        };
        if found != followed {
            levels.set(found.iter().map(|set| (set.module.as_str(), level_of(set))));
            let modules: Vec<String> = found
                .iter()
                .map(|set| format!("{}={}", set.module, set.level))
                .collect();
            tracing::info!(modules = modules.join(","), "log levels changed");
            followed = found;
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = sleep(PAUSE) => {}
        }
    }
}

fn level_of(set: &LogLevel) -> Level {
    match set.level {
        log_levels::Level::Error => Level::ERROR,
        log_levels::Level::Warn => Level::WARN,
        log_levels::Level::Info => Level::INFO,
        log_levels::Level::Debug => Level::DEBUG,
        log_levels::Level::Trace => Level::TRACE,
    }
}
