//! Lets pauses pass quickly, while PostgreSQL takes the time it takes.

use std::thread;
use std::time::Duration;

use tokio::task::JoinHandle;

/// How much time passes in a real millisecond: an event that is given up takes 12 ms instead of 600, and who waits for
/// PostgreSQL still does so for half a second and more.
const IN_A_MILLISECOND: Duration = Duration::from_millis(50);

/// Time of this runtime passes quickly while there is one. It must have one thread.
pub struct Hurry(JoinHandle<()>);

impl Hurry {
    /// Begins to hurry.
    pub fn begin() -> Self {
        tokio::time::pause();
        Self(tokio::spawn(async {
            loop {
                // A blocking task also keeps tokio from taking the waiting for an answer for idleness, and from jumping on.
                let waited =
                    tokio::task::spawn_blocking(|| thread::sleep(Duration::from_millis(1)));
                waited.await.expect("a millisecond");
                tokio::time::advance(IN_A_MILLISECOND).await;
            }
        }))
    }
}

impl Drop for Hurry {
    fn drop(&mut self) {
        self.0.abort();
    }
}
