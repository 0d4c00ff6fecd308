//! Pages of lists: bounded, each from where the one before ended.

/// How many things a page has if nobody says it.
const USUAL: i64 = 50;
/// How many it has at most.
const MOST: i64 = 100;

/// A number of things that no page has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a number from 1 to {MOST}")]
pub struct OutOfBounds;

/// How many things a page is to have.
pub fn limit(asked: Option<i64>) -> Result<i64, OutOfBounds> {
    match asked.unwrap_or(USUAL) {
        limit @ 1..=MOST => Ok(limit),
        _ => Err(OutOfBounds),
    }
}

/// Cuts a page that was read with one thing too many; returns where the next one begins, if there is one.
pub fn cut<T, K>(page: &mut Vec<T>, limit: i64, key: impl Fn(&T) -> K) -> Option<K> {
    let limit = usize::try_from(limit).unwrap_or_default();
    let goes_on = page.len() > limit;
    page.truncate(limit);
    page.last().filter(|_| goes_on).map(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_1_to_100_things() {
        assert_eq!(limit(None), Ok(50));
        assert_eq!(limit(Some(100)), Ok(100));
        for none in [0, -1, 101, i64::MAX] {
            assert_eq!(limit(Some(none)), Err(OutOfBounds));
        }
    }

    #[test]
    fn the_next_page_begins_after_the_last_thing_of_this_one() {
        let mut page = vec![1, 2, 3];
        assert_eq!(cut(&mut page, 2, |number| *number), Some(2));
        assert_eq!(page, [1, 2]);
        assert_eq!(cut(&mut page, 2, |number| *number), None);
    }
}
