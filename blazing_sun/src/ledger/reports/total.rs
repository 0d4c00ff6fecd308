//! Totals: what amounts come to, in minor units. They are exact however many there are, and told as they are or not at all.

use crate::web::problem::Problem;

/// The largest number that every JSON reader takes as it is.
const MOST: i128 = 9_007_199_254_740_991;

/// A total that would not be read as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a total is larger than can be told")]
pub struct TooLarge;

/// A total as answers have it.
pub fn told(total: i128) -> Result<i64, TooLarge> {
    if !(-MOST..=MOST).contains(&total) {
        return Err(TooLarge);
    }
    i64::try_from(total).map_err(|_| TooLarge)
}

/// A whole `numeric`, which PostgreSQL gives as text.
pub fn read(text: &str) -> sqlx::Result<i128> {
    text.parse()
        .map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

impl From<TooLarge> for Problem {
    fn from(error: TooLarge) -> Self {
        Self::unprocessable("total_too_large", &error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_is_told_as_it_is_or_not_at_all() {
        for total in [0, -1, MOST, -MOST] {
            assert_eq!(told(total).map(i128::from), Ok(total));
        }
        for total in [MOST + 1, -MOST - 1, i128::MAX, i128::MIN] {
            assert_eq!(told(total), Err(TooLarge));
        }
    }
}
