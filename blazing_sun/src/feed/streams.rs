//! Who listens to their feed: so many at a time, and none any more when the application ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How many streams somebody has in one process: a few windows on a few devices.
pub const FOR_ONE: usize = 6;
/// How many a process has; each looks into Redis, or PostgreSQL, once a second.
const FOR_ALL: usize = 500;

/// The streams of a process.
#[derive(Clone, Default)]
pub struct Streams {
    open: Arc<Mutex<HashMap<Uuid, usize>>>,
    end: CancellationToken,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// They have enough.
    ForOne,
    /// The process has enough, or it ends.
    ForAll,
}

impl Streams {
    /// A place for one more.
    pub fn sit(&self, account: Uuid) -> Result<Seat, Full> {
        let mut open = lock(&self.open);
        if self.end.is_cancelled() || open.values().sum::<usize>() >= FOR_ALL {
            return Err(Full::ForAll);
        }
        let theirs = open.entry(account).or_default();
        if *theirs >= FOR_ONE {
            return Err(Full::ForOne);
        }
        *theirs += 1;
        Ok(Seat {
            account,
            streams: self.clone(),
        })
    }

    /// Ends them all; none begins after that.
    pub fn end(&self) {
        self.end.cancel();
    }
}

/// A stream's place; it is free again when this is dropped.
pub struct Seat {
    account: Uuid,
    streams: Streams,
}

impl Seat {
    /// Completes when the stream has to end.
    pub async fn ended(&self) {
        self.streams.end.cancelled().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = lock(&self.streams.open);
        if let Some(theirs) = open.get_mut(&self.account) {
            *theirs -= 1;
            if *theirs == 0 {
                open.remove(&self.account);
            }
        }
    }
}

fn lock(open: &Mutex<HashMap<Uuid, usize>>) -> MutexGuard<'_, HashMap<Uuid, usize>> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_place(streams: &Streams, account: Uuid) -> Seat {
        match streams.sit(account) {
            Ok(seat) => seat,
            Err(full) => panic!("{full:?}"),
        }
    }

    #[test]
    fn there_are_so_many_places_and_one_that_is_left_is_free() {
        let streams = Streams::default();
        let mut seats = Vec::new();
        let one = Uuid::from_u128(1);
        for _ in 0..FOR_ONE {
            seats.push(a_place(&streams, one));
        }
        assert_eq!(streams.sit(one).err(), Some(Full::ForOne));
        seats.pop();
        seats.push(a_place(&streams, one));
        for other in 0..FOR_ALL - FOR_ONE {
            let other = Uuid::from_u128(10 + other as u128);
            seats.push(a_place(&streams, other));
        }
        assert_eq!(streams.sit(Uuid::from_u128(2)).err(), Some(Full::ForAll));
        seats.clear();
        assert!(lock(&streams.open).is_empty());
        streams.end();
        assert_eq!(streams.sit(one).err(), Some(Full::ForAll));
    }
}
