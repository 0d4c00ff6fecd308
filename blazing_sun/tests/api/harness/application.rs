//! The application inside the test's process, on a free port and with a clock that the test sets.

use std::net::SocketAddr;
use std::sync::Arc;

use blazing_sun::app::application::Application;
use blazing_sun::app::roles::Role;
use blazing_sun::infra::measures::Measures;
use chrono::DateTime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{Response, World, get};
use crate::support::FixedClock;

/// A running application.
pub struct TestApp {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its clock.
    pub clock: Arc<FixedClock>,
    ending: oneshot::Sender<()>,
    running: JoinHandle<anyhow::Result<()>>,
}

impl TestApp {
    /// Starts the application in a world.
    pub async fn start(world: &World) -> Self {
        let clock = Arc::new(FixedClock::at(DateTime::UNIX_EPOCH));
        let application = Application::start(
            world.config(),
            &[Role::Http],
            clock.clone(),
            Measures::default(),
        )
        .await
        .expect("a start");
        let address = application.address();
        let (ending, end) = oneshot::channel::<()>();
        let running = tokio::spawn(application.run_until(async move { drop(end.await) }));
        Self {
            address,
            clock,
            ending,
            running,
        }
    }

    /// `GET path`
    pub async fn get(&self, path: &str) -> Response {
        get(self.address, path).await
    }

    /// Ends the application gracefully.
    pub async fn end(self) {
        drop(self.ending);
        self.running
            .await
            .expect("no panic")
            .expect("a graceful end");
    }
}
