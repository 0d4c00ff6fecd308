//! Characters: which of them nobody can see.

use icu_properties::props::{
    BinaryProperty, DefaultIgnorableCodePoint, EnumeratedProperty, GeneralCategory,
};

/// Whether a character shows nothing and yet makes a text another one, or turns the direction in which the rest of it is
/// shown: joiners, fillers, marks of direction, separators of lines. (Control characters are not among them, ask
/// `char::is_control`; neither are spaces.)
#[must_use]
pub fn is_invisible(c: char) -> bool {
    DefaultIgnorableCodePoint::for_char(c)
        || matches!(
            GeneralCategory::for_char(c),
            GeneralCategory::Format
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shows_nothing_is_invisible() {
        for (c, what) in [
            ('\u{ad}', "soft hyphen"),
            ('\u{61c}', "Arabic letter mark"),
            ('\u{200b}', "zero width space"),
            ('\u{200d}', "zero width joiner"),
            ('\u{200f}', "right-to-left mark"),
            ('\u{2028}', "line separator"),
            ('\u{2029}', "paragraph separator"),
            ('\u{202e}', "right-to-left override"),
            ('\u{2066}', "left-to-right isolate"),
            ('\u{3164}', "Hangul filler"),
            ('\u{fe0f}', "variation selector"),
            ('\u{feff}', "byte order mark"),
            ('\u{fffa}', "interlinear annotation separator"),
            ('\u{e0041}', "tag"),
        ] {
            assert!(is_invisible(c), "{what}");
        }
    }

    #[test]
    fn letters_marks_and_spaces_are_not() {
        for c in [
            'a', 'ß', '漢', 'ع', '\u{301}', '\u{94d}', '7', '-', ' ', '\u{a0}', '\u{3000}',
        ] {
            assert!(!is_invisible(c), "{c:?}");
        }
    }
}
