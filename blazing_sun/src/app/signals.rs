//! The signals that end the application.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Takes SIGTERM and SIGINT over from now on, and completes at the first of them. Later ones change nothing: the
/// end stays graceful.
pub fn ending() -> io::Result<impl Future<Output = ()> + Send> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: ending"),
            _ = interrupt.recv() => tracing::info!("SIGINT: ending"),
        }
    })
}
