//! What people are called, and what they call their things.

use std::fmt;
use std::str::FromStr;

use crate::kernel::text;

/// The most characters of a name.
const MAX_LENGTH: usize = 100;

/// The name by which somebody wants to be called. Its `Debug` form shows nothing: names do not belong in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct PersonName(String);

/// Why a text is not a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAName {
    /// It is empty, or has spaces and signs only.
    #[error("has no letter")]
    NoLetter,
    /// It is longer than anybody's.
    #[error("has more than {MAX_LENGTH} characters")]
    TooLong,
    /// It has line breaks or the like.
    #[error("has control characters")]
    Control,
    /// It has characters that cannot be seen, or that turn the direction in which it is shown.
    #[error("has characters that cannot be seen")]
    Invisible,
}

impl PersonName {
    /// The name, without spaces around it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PersonName {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        judge(text).map(Self)
    }
}

/// What somebody calls a thing of theirs, such as a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label(String);

impl Label {
    /// The name, without spaces around it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Label {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        judge(text).map(Self)
    }
}

fn judge(text: &str) -> Result<String, NotAName> {
    let text = text.trim();
    if text.chars().nth(MAX_LENGTH).is_some() {
        return Err(NotAName::TooLong);
    }
    if text.contains(char::is_control) {
        return Err(NotAName::Control);
    }
    if text.contains(text::is_invisible) {
        return Err(NotAName::Invisible);
    }
    if !text.contains(char::is_alphanumeric) {
        return Err(NotAName::NoLetter);
    }
    Ok(text.to_owned())
}

impl fmt::Debug for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonName(***)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<String, NotAName> {
        text.parse().map(|name: PersonName| name.0)
    }

    #[test]
    fn people_are_called_many_things() {
        for name in [
            "Ada Lovelace",
            "李",
            "Zoë",
            "O'Neil-Müller, Jr.",
            "محمد",
            "José \u{201c}Pepe\u{201d}",
            "Zoe\u{308}",
            "李\u{3000}小龍",
        ] {
            assert_eq!(parse(name), Ok(name.to_owned()));
        }
    }

    #[test]
    fn spaces_around_a_name_are_not_part_of_it() {
        assert_eq!(parse("  Ada\u{3000}\n"), Ok("Ada".to_owned()));
    }

    #[test]
    fn a_name_has_1_to_100_characters_and_a_letter() {
        for none in ["", " ", "\u{a0}\u{3000}", "-", "\u{2800}"] {
            assert_eq!(parse(none), Err(NotAName::NoLetter), "{none:?}");
        }
        assert_eq!(parse(&"ü".repeat(100)), Ok("ü".repeat(100)));
        assert_eq!(parse(&"ü".repeat(101)), Err(NotAName::TooLong));
    }

    #[test]
    fn a_name_has_no_characters_that_act_and_are_not_seen() {
        for control in ["Ada\nLovelace", "Ada\0", "Ada\u{1b}[2J", "Ada\u{85}x"] {
            assert_eq!(parse(control), Err(NotAName::Control), "{control:?}");
        }
        for hidden in ["Ada\u{200b}", "\u{202e}ecalevoL", "\u{3164}", "A\u{2028}da"] {
            assert_eq!(parse(hidden), Err(NotAName::Invisible), "{hidden:?}");
        }
    }

    #[test]
    fn nothing_of_a_name_is_shown_by_debug() {
        let name: PersonName = "Ada".parse().expect("a name");
        assert_eq!(format!("{name:?}"), "PersonName(***)");
    }

    proptest! {
        #[test]
        fn any_text_is_a_name_or_refused(text in "\\PC*|.*") {
            if let Ok(name) = parse(&text) {
                prop_assert!((1..=MAX_LENGTH).contains(&name.chars().count()));
                prop_assert_eq!(parse(&name), Ok(name.clone()));
            }
        }
    }
}
