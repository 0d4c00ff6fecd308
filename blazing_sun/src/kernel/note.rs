//! What people write down for themselves: some lines of text.

use std::str::FromStr;

use crate::kernel::text;

/// The most characters of a note.
const MAX_LENGTH: usize = 1000;

/// A note; it may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note(String);

/// Why a text is not a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotANote {
    /// It is longer than a note.
    #[error("has more than {MAX_LENGTH} characters")]
    TooLong,
    /// It has characters that are none of a text.
    #[error("has control characters other than line breaks")]
    Control,
    /// It has characters that turn the direction in which it is shown.
    #[error("has characters that cannot be seen")]
    Invisible,
}

impl Note {
    /// The text, without spaces around it, its lines ending in `\n`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Note {
    type Err = NotANote;

    fn from_str(text: &str) -> Result<Self, NotANote> {
        let text = text.trim().replace("\r\n", "\n");
        if text.chars().nth(MAX_LENGTH).is_some() {
            return Err(NotANote::TooLong);
        }
        if text.contains(|c: char| c.is_control() && c != '\n' && c != '\t') {
            return Err(NotANote::Control);
        }
        // What joins the parts of an emoji and chooses its form is seen, in what it makes.
        if text.contains(|c| text::is_invisible(c) && c != '\u{200d}' && c != '\u{fe0f}') {
            return Err(NotANote::Invisible);
        }
        Ok(Self(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_some_lines() {
        for (text, note) in [
            ("", ""),
            ("  Lunch with Zoë  ", "Lunch with Zoë"),
            ("one\r\ntwo\n\tthree", "one\ntwo\n\tthree"),
            ("👩\u{200d}🚀 ❤\u{fe0f}", "👩\u{200d}🚀 ❤\u{fe0f}"),
        ] {
            assert_eq!(text.parse().as_ref().map(Note::as_str), Ok(note));
        }
        assert_eq!("\0".parse::<Note>(), Err(NotANote::Control));
        assert_eq!("a\u{7}b".parse::<Note>(), Err(NotANote::Control));
        assert_eq!("a\u{202e}b".parse::<Note>(), Err(NotANote::Invisible));
        let long = "ü".repeat(MAX_LENGTH);
        assert!(long.parse::<Note>().is_ok());
        assert_eq!(format!("{long}ü").parse::<Note>(), Err(NotANote::TooLong));
    }
}
