//! The language somebody reads, and the habits that go with it.

use std::str::FromStr;

use icu_locale_core::LanguageIdentifier;

/// A BCP 47 tag of a language and, where it matters, a script and a region: `en`, `pt-BR`, `zh-Hant-TW`. That makes 12
/// characters at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locale(String);

/// Why a text is not a locale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a language tag such as en, pt-BR or zh-Hant-TW")]
pub struct NotALocale;

impl Locale {
    /// The tag, each part in its usual case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Locale {
    type Err = NotALocale;

    fn from_str(text: &str) -> Result<Self, NotALocale> {
        let tag: LanguageIdentifier = text.parse().map_err(|_| NotALocale)?;
        // `und` stands for a language that nobody knows; variants (`de-1996`) are for dictionaries.
        if tag.language.is_unknown() || !tag.variants.is_empty() {
            return Err(NotALocale);
        }
        Ok(Self(tag.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<String, NotALocale> {
        text.parse().map(|locale: Locale| locale.0)
    }

    #[test]
    fn a_locale_is_a_language_with_a_script_and_a_region_or_without() {
        for (text, tag) in [
            ("en", "en"),
            ("EN", "en"),
            ("pt-br", "pt-BR"),
            ("ZH-hANT-tw", "zh-Hant-TW"),
            ("es-419", "es-419"),
            ("gsw-CH", "gsw-CH"),
        ] {
            assert_eq!(parse(text), Ok(tag.to_owned()));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "e",
            "english",
            "en_US",
            "en-",
            "-US",
            " en",
            "und",
            "und-US",
            "en-US-US",
            "de-1996",
            "de-DE-1996",
            "en-u-ca-buddhist",
            "x-private",
            "i-klingon",
            "ен",
            "en\0",
        ] {
            assert_eq!(parse(text), Err(NotALocale), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_locale_or_refused(text in "\\PC*|[a-zA-Z]{1,4}(-[a-zA-Z0-9]{1,5}){0,3}") {
            if let Ok(tag) = parse(&text) {
                prop_assert!((2..=12).contains(&tag.len()));
                prop_assert!(tag.eq_ignore_ascii_case(&text));
                prop_assert_eq!(parse(&tag), Ok(tag.clone()));
            }
        }
    }
}
