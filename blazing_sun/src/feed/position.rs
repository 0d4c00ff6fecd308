//! A place in a feed, from which it is read on.
//!
//! Ids are in the order in which things began, and things become visible as they arrive, which is not quite the same: they
//! are committed side by side and come over partitions of their own. So a place is the newest thing that was seen, and
//! marks of those shortly before it: what is there without a mark has come late, and is still to be shown.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use uuid::Uuid;

use crate::feed::item::Item;

/// How late something may come and still be shown, in milliseconds: 10 minutes before the newest.
const WINDOW: u64 = 600_000;
/// How many marks a place that is written down has at most; with more of them the window is shorter.
const MOST: usize = 200;
/// The longest text of a place.
pub const LONGEST: usize = 36 + 1 + 16 + 1 + 4 * MOST;

/// A place in a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The newest thing that was seen.
    last: Uuid,
    /// From this moment on, all that was seen is known; in milliseconds.
    start: u64,
    /// What was seen since then.
    seen: BTreeSet<Uuid>,
    /// Marks of what was seen before this place was written down, and when the newest of them began.
    marks: BTreeSet<u32>,
    marked_until: u64,
}

/// Why a text is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not the id of a thing in the feed, nor a position")]
pub struct NotAPosition;

impl Position {
    /// Behind the newest things of a feed; whether there are older ones.
    pub fn behind(newest: &[Item], are_all: bool) -> Self {
        let seen: BTreeSet<Uuid> = newest.iter().map(|item| item.id).collect();
        let last = seen.last().copied().unwrap_or_default();
        let oldest = seen.first().copied().unwrap_or_default();
        let complete_since = if are_all { 0 } else { moment(oldest) + 1 };
        Self {
            last,
            start: complete_since.max(moment(last).saturating_sub(WINDOW)),
            seen,
            marks: BTreeSet::new(),
            marked_until: 0,
        }
    }

    /// The smallest id that has to be looked at.
    pub fn from(&self) -> Uuid {
        beginning(self.start).min(self.last)
    }

    /// Whether something was not seen yet. It is from now on.
    pub fn is_new(&mut self, id: Uuid) -> bool {
        let is_new = id > self.last || (moment(id) >= self.start && !self.has_seen(id));
        if is_new {
            self.seen.insert(id);
            self.last = self.last.max(id);
            self.forget_before(moment(self.last).saturating_sub(WINDOW));
        }
        is_new
    }

    fn has_seen(&self, id: Uuid) -> bool {
        id == self.last || self.seen.contains(&id) || self.marks.contains(&mark(id))
    }

    fn forget_before(&mut self, start: u64) {
        if start > self.start {
            self.start = start;
            self.seen = self.seen.split_off(&beginning(start));
            if start > self.marked_until {
                self.marks.clear();
            }
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut start, mut marks) = (self.start, self.marks.clone());
        let mut seen: Vec<Uuid> = self.seen.iter().rev().copied().collect();
        if seen.len() + marks.len() > MOST {
            // The older ones go, and the window begins behind them.
            seen.truncate(MOST);
            start = seen
                .last()
                .map_or(start, |oldest| start.max(moment(*oldest) + 1));
            start = start.max(self.marked_until + 1);
            marks.clear();
            seen.retain(|id| moment(*id) >= start);
        }
        marks.extend(seen.into_iter().map(mark));
        let bytes: Vec<u8> = marks
            .iter()
            .flat_map(|mark| mark.to_be_bytes().into_iter().skip(1))
            .collect();
        write!(f, "{}.{start:x}.{}", self.last, BASE64.encode(bytes))
    }
}

impl FromStr for Position {
    type Err = NotAPosition;

    /// What was written down, or the id of a thing alone, which does not tell what was seen besides it.
    fn from_str(text: &str) -> Result<Self, NotAPosition> {
        if text.len() > LONGEST {
            return Err(NotAPosition);
        }
        let mut parts = text.split('.');
        let last = parts.next().unwrap_or_default();
        let last: Uuid = last.parse().map_err(|_| NotAPosition)?;
        let (start, marks) = match (parts.next(), parts.next(), parts.next()) {
            (None, None, None) => (moment(last) + 1, Vec::new()),
            (Some(start), Some(marks), None) => (
                u64::from_str_radix(start, 16).map_err(|_| NotAPosition)?,
                BASE64.decode(marks).map_err(|_| NotAPosition)?,
            ),
            _ => return Err(NotAPosition),
        };
        let marks = marks.chunks(3).map(|bytes| {
            bytes
                .iter()
                .fold(0, |mark, byte| mark << 8 | u32::from(*byte))
        });
        Ok(Self {
            last,
            start: start.max(moment(last).saturating_sub(WINDOW)),
            seen: BTreeSet::new(),
            marks: marks.collect(),
            marked_until: moment(last),
        })
    }
}

/// When something began, by its id of version 7, in milliseconds.
fn moment(id: Uuid) -> u64 {
    u64::try_from(id.as_u128() >> 80).unwrap_or_default()
}

/// The smallest id of a moment.
fn beginning(moment: u64) -> Uuid {
    Uuid::from_u128(u128::from(moment) << 80)
}

/// 24 bits of what is random in an id.
fn mark(id: Uuid) -> u32 {
    let [.., a, b, c] = *id.as_bytes();
    u32::from_be_bytes([0, a, b, c])
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;

    /// The id of something that began at a second.
    fn at(second: u64, number: u128) -> Uuid {
        Uuid::from_u128((u128::from(1_700_000_000_000 + second * 1000) << 80) | number)
    }

    fn item(id: Uuid) -> Item {
        Item {
            id,
            kind: String::new(),
            at: DateTime::UNIX_EPOCH,
            about: Uuid::nil(),
            text: String::new(),
        }
    }

    fn again(position: &Position) -> Position {
        position.to_string().parse().expect("a position")
    }

    #[test]
    fn what_comes_late_is_new_once_also_over_a_new_connection() {
        let mut position = Position::behind(&[item(at(100, 1)), item(at(90, 2))], true);
        assert!(!position.is_new(at(100, 1)) && !position.is_new(at(90, 2)));
        assert!(position.is_new(at(95, 3)), "began before the newest");
        assert!(!position.is_new(at(95, 3)));
        assert_eq!(position.from(), beginning(moment(at(100, 0)) - WINDOW));

        let mut position = again(&position);
        for seen in [at(100, 1), at(95, 3), at(90, 2)] {
            assert!(!position.is_new(seen));
        }
        assert!(position.is_new(at(96, 4)) && position.is_new(at(101, 5)));
        assert_eq!(again(&position).last, at(101, 5));
    }

    #[test]
    fn what_is_older_than_the_page_that_was_seen_is_not_new() {
        let mut position = Position::behind(&[item(at(100, 1)), item(at(90, 2))], false);
        assert!(!position.is_new(at(89, 3)));
        let mut position: Position = at(100, 1).to_string().parse().expect("an id");
        assert!(!position.is_new(at(90, 2)) && !position.is_new(at(100, 1)));
        assert!(position.from() <= at(100, 1));
        assert!(position.is_new(at(100, 2)));
    }

    #[test]
    fn at_the_beginning_everything_is_new() {
        let mut position = again(&Position::behind(&[], true));
        assert_eq!(position.from(), Uuid::nil());
        assert!(position.is_new(at(5, 1)) && position.is_new(at(4, 2)));
        assert!(!position.is_new(at(5, 1)) && !position.is_new(at(4, 2)));
    }

    #[test]
    fn a_place_is_short_however_much_was_seen() {
        let mut position = Position::behind(&[], true);
        for number in 0..1000 {
            assert!(position.is_new(at(number / 10, number.into())));
        }
        let text = position.to_string();
        assert!(text.len() <= LONGEST, "{}", text.len());
        let mut position = again(&position);
        for number in 0..1000 {
            assert!(!position.is_new(at(number / 10, number.into())), "{number}");
        }
    }

    #[test]
    fn what_is_no_place_is_refused() {
        let id = at(1, 1);
        for text in [
            "",
            "x",
            &format!("{id}.1"),
            &format!("{id}.x.AAAA"),
            &format!("{id}.1.?"),
            &format!("{id}.1.AAAA.1"),
        ] {
            assert_eq!(text.parse::<Position>(), Err(NotAPosition), "{text}");
        }
    }

    proptest! {
        /// Whatever the order in which things arrive, and wherever the connection breaks: each is shown once.
        #[test]
        fn each_thing_is_shown_once(
            seconds in prop::collection::vec(0_u64..300, 1..80),
            breaks in prop::collection::btree_set(0_usize..80, 0..8),
        ) {
            let mut position = Position::behind(&[], true);
            let mut there = BTreeSet::new();
            let mut shown = Vec::new();
            for (number, second) in seconds.iter().enumerate() {
                there.insert(at(*second, 1 + number as u128));
                let from = position.from();
                shown.extend(there.range(from..).copied().filter(|id| position.is_new(*id)));
                if breaks.contains(&number) {
                    position = again(&position);
                }
            }
            shown.sort();
            prop_assert_eq!(shown, there.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            if let Ok(position) = text.parse::<Position>() {
                prop_assert_eq!(again(&position).last, position.last);
            }
        }
    }
}
