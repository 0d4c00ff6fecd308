//! Lists by name: where a page of them begins, and what is looked for in them.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use uuid::Uuid;

/// The longest text that is read as a place in a list.
const MAX_LENGTH: usize = 1000;

/// The place in a list behind something: its name, as the list is sorted by it, and its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The name in lower case.
    pub key: String,
    /// The thing.
    pub id: Uuid,
}

/// A text that is no such place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not the `next` of a page")]
pub struct NotACursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}.{}",
            self.id,
            BASE64_URL_SAFE_NO_PAD.encode(&self.key)
        )
    }
}

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        if text.len() > MAX_LENGTH {
            return Err(NotACursor);
        }
        let (id, key) = text.split_once('.').ok_or(NotACursor)?;
        let key = BASE64_URL_SAFE_NO_PAD.decode(key).map_err(|_| NotACursor)?;
        let key = String::from_utf8(key).map_err(|_| NotACursor)?;
        if key.contains('\0') {
            return Err(NotACursor);
        }
        Ok(Self {
            key,
            id: id.parse().map_err(|_| NotACursor)?,
        })
    }
}

/// A part of a name.
#[derive(Clone, Debug)]
pub struct Part(String);

/// Why a text is no part of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("does not have 1 to 100 characters, none of them a control character")]
pub struct NotAPart;

impl Part {
    /// The text, without spaces around it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Part {
    type Err = NotAPart;

    fn from_str(text: &str) -> Result<Self, NotAPart> {
        let text = text.trim();
        let is_part = (1..=100).contains(&text.chars().count()) && !text.contains(char::is_control);
        is_part.then(|| Self(text.to_owned())).ok_or(NotAPart)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_has_a_sign_that_no_name_has_is_no_place() {
        let cursor = Cursor {
            key: "a\0b".to_owned(),
            id: Uuid::nil(),
        };
        assert_eq!(cursor.to_string().parse::<Cursor>(), Err(NotACursor));
        assert_eq!("a\0b".parse::<Part>().err(), Some(NotAPart));
        assert_eq!("  ".parse::<Part>().err(), Some(NotAPart));
    }

    proptest! {
        #[test]
        fn a_place_reads_back_as_it_was_written(key in "\\PC{0,100}", id: u128) {
            let cursor = Cursor { key, id: Uuid::from_u128(id) };
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }

        #[test]
        fn any_text_is_answered(text in ".*") {
            let _: Result<Cursor, NotACursor> = text.parse();
            let _: Result<Part, NotAPart> = text.parse();
        }
    }
}
