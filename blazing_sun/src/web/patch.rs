//! The fields of a change, as RFC 7396 has them: what is left out stays, and `null` takes away what is there. For
//! `#[serde(default, deserialize_with = "...")]`.

use serde::{Deserialize, Deserializer};

/// A field that can be taken away: `Some(None)` is `null`.
pub fn removable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    given: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(given).map(Some)
}

/// A field that can be changed and not taken away: `null` is no value of it.
pub fn fixed<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    given: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(given).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Body {
        #[serde(default, deserialize_with = "removable")]
        parent: Option<Option<u8>>,
        #[serde(default, deserialize_with = "fixed")]
        name: Option<u8>,
    }

    fn read(text: &str) -> Option<(Option<Option<u8>>, Option<u8>)> {
        let body: Option<Body> = serde_json::from_str(text).ok();
        body.map(|body| (body.parent, body.name))
    }

    #[test]
    fn what_is_left_out_stays_and_null_takes_away_what_can_be_taken_away() {
        assert_eq!(read("{}"), Some((None, None)));
        assert_eq!(read(r#"{"parent": null}"#), Some((Some(None), None)));
        assert_eq!(
            read(r#"{"parent": 1, "name": 2}"#),
            Some((Some(Some(1)), Some(2)))
        );
        assert_eq!(read(r#"{"name": null}"#), None);
    }
}
