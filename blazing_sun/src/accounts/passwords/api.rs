//! Errors about passwords as problems.

use std::time::Duration;

use crate::accounts::passwords::HashError;
use crate::web::problem::Problem;

/// When the queue for hashing has surely moved on.
const SOON: Duration = Duration::from_secs(5);

impl From<HashError> for Problem {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::busy(SOON),
            other => Self::internal(&other),
        }
    }
}
