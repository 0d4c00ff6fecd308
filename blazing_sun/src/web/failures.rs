//! Requests that failed by our own fault, for whoever tells about them. Nobody's request waits for that.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::sync::mpsc;

/// How many may wait to be told; the others are only counted.
const WAITING: usize = 100;

/// A request that ended with a status of 500 or more. Nothing that anybody sent is in it, but for an id of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its method, if it is a usual one.
    pub method: String,
    /// The pattern of its route.
    pub route: String,
    /// Its status.
    pub status: u16,
    /// Its id, under which the log has the cause.
    pub request_id: String,
    /// `panic`, or the kind of its problem.
    pub kind: &'static str,
}

/// Where failures go.
#[derive(Clone)]
pub struct Failures {
    sender: mpsc::Sender<Failure>,
    dropped: Arc<AtomicI64>,
}

/// Where they come out.
pub struct Told {
    receiver: mpsc::Receiver<Failure>,
    dropped: Arc<AtomicI64>,
}

impl Failures {
    /// A way for the failures of one process.
    #[must_use]
    pub fn channel() -> (Self, Told) {
        let (sender, receiver) = mpsc::channel(WAITING);
        let dropped = Arc::<AtomicI64>::default();
        let failures = Self {
            sender,
            dropped: Arc::clone(&dropped),
        };
        (failures, Told { receiver, dropped })
    }

    /// Notes one.
    pub fn note(&self, failure: Failure) {
        if self.sender.try_send(failure).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Told {
    /// Waits for the next one; none when nothing serves any more.
    pub async fn next(&mut self) -> Option<Failure> {
        self.receiver.recv().await
    }

    /// The next one, if it is there already.
    pub fn next_now(&mut self) -> Option<Failure> {
        self.receiver.try_recv().ok()
    }

    /// How many were only counted since this was last asked.
    pub fn take_dropped(&self) -> i64 {
        self.dropped.swap(0, Ordering::Relaxed)
    }
}
