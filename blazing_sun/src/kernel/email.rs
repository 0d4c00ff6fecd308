//! E-mail addresses: well-formed, of bounded length, equal when they reach the same person, and not to be mistaken for
//! somebody else's.

use std::fmt;
use std::str::FromStr;

use email_address::{EmailAddress, Options};
use unicode_normalization::{UnicodeNormalization, is_nfkc};
use unicode_security::MixedScript;
use unicode_security::confusable_detection::skeleton;

use crate::kernel::text;

/// The longest address that SMTP can carry (RFC 5321, 4.5.3.1.3).
const MAX_LENGTH: usize = 254;

/// An address that mail can be sent to. Its `Debug` form shows nothing: addresses do not belong in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Email(String);

/// Why a text is not an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnEmail {
    /// It is longer than mail can carry.
    #[error("is longer than {MAX_LENGTH} characters")]
    TooLong,
    /// It has not the form of one.
    #[error("is not an e-mail address such as ada@example.org")]
    Malformed,
    /// It has characters that cannot be seen, or that turn the direction in which it is shown.
    #[error("has characters that cannot be seen")]
    Invisible,
    /// It has characters that Unicode keeps as mere forms of others, such as wide letters and ligatures.
    #[error("has characters that are only another form of usual ones, such as \u{fb01} for fi")]
    Disguised,
    /// Letters of several scripts stand in one of its parts.
    #[error("mixes letters of several scripts in one part, as in p\u{430}ypal")]
    MixedScripts,
    /// One of its parts looks like Latin letters throughout and has others.
    #[error("has a part that looks as if it were of Latin letters and is not")]
    Lookalike,
}

impl Email {
    /// The address as it was written, in Unicode's composed form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What two spellings of one address have in common. (By the letter of RFC 5321 a mailbox may depend on case; none
    /// that people use does.)
    #[must_use]
    pub fn key(&self) -> String {
        key(&self.0)
    }
}

/// What the keys of addresses begin with that begin as `text` does, to look for them.
pub fn beginning(text: &str) -> Result<String, NotAnEmail> {
    if text.len() > MAX_LENGTH {
        return Err(NotAnEmail::TooLong);
    }
    if text.contains(char::is_control) {
        return Err(NotAnEmail::Malformed);
    }
    Ok(key(text.trim()))
}

fn key(address: &str) -> String {
    address.to_lowercase().nfkc().collect()
}

impl FromStr for Email {
    type Err = NotAnEmail;

    fn from_str(text: &str) -> Result<Self, NotAnEmail> {
        let text = text.trim();
        // Decomposed, an address is at most three times as long as composed.
        if text.len() > 3 * MAX_LENGTH {
            return Err(NotAnEmail::TooLong);
        }
        let address: String = text.nfc().collect();
        check(&address)?;
        check(&key(&address))?;
        Ok(Self(address))
    }
}

fn check(address: &str) -> Result<(), NotAnEmail> {
    if address.len() > MAX_LENGTH {
        return Err(NotAnEmail::TooLong);
    }
    if address.contains(text::is_invisible) {
        return Err(NotAnEmail::Invisible);
    }
    if !is_nfkc(address) {
        return Err(NotAnEmail::Disguised);
    }
    let options = Options::default()
        .without_display_text()
        .without_domain_literal()
        .with_required_tld();
    let parsed =
        EmailAddress::parse_with_options(address, options).map_err(|_| NotAnEmail::Malformed)?;
    // A quoted mailbox is allowed to have spaces and more; nobody has one.
    if parsed.local_part().starts_with('"') || address.contains(char::is_control) {
        return Err(NotAnEmail::Malformed);
    }
    check_part(parsed.local_part())?;
    parsed.domain().split('.').try_for_each(check_part)
}

/// Refuses a part that can be mistaken for another, by the rules of UTS 39. What is all ASCII is what it looks like.
fn check_part(part: &str) -> Result<(), NotAnEmail> {
    if part.is_ascii() {
        return Ok(());
    }
    if !part.is_single_script() {
        return Err(NotAnEmail::MixedScripts);
    }
    // Signs that stand in no usual address make no lookalike: Hebrew letters resemble apostrophes.
    if skeleton(part).all(|c| c.is_ascii_alphanumeric() || "._+-".contains(c)) {
        return Err(NotAnEmail::Lookalike);
    }
    Ok(())
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(***)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_has_a_mailbox_and_a_domain() {
        for good in [
            "ada@example.org",
            " ada+tag@mail.example.org ",
            "o'neil@example.org",
        ] {
            assert!(good.parse::<Email>().is_ok(), "{good:?}");
        }
        for bad in [
            "",
            "ada",
            "ada@",
            "@example.org",
            "ada@localhost",
            "ada@[127.0.0.1]",
            "Ada <ada@example.org>",
            "\"a b\"@example.org",
            "ada@example.org\r\nBcc: x@example.org",
            "a@b@example.org",
        ] {
            assert_eq!(bad.parse::<Email>(), Err(NotAnEmail::Malformed), "{bad:?}");
        }
        let long = format!("{}@example.org", "a".repeat(250));
        assert_eq!(long.parse::<Email>(), Err(NotAnEmail::TooLong));
    }

    #[test]
    fn nothing_of_an_address_is_shown_by_debug() {
        let email: Email = "ada@example.org".parse().expect("an address");
        assert_eq!(format!("{email:?}"), "Email(***)");
    }

    #[test]
    fn an_address_may_be_of_any_script() {
        for good in [
            "müller@example.org",
            "иванов@почта.рф",
            "ivan@почта.рф",
            "νικος@example.gr",
            "例え@例え.jp",
            "한국@example.kr",
            "יוסי@example.org",
            "ada-1815@münchen.de",
        ] {
            assert_eq!(
                good.parse::<Email>().map(|email| email.0),
                Ok(good.to_owned())
            );
        }
    }

    #[test]
    fn an_address_that_can_be_mistaken_for_another_is_refused_with_the_reason() {
        for (bad, reason) in [
            // The letters are Cyrillic, some or all.
            ("p\u{430}ypal@example.org", NotAnEmail::MixedScripts),
            ("ada@ex\u{430}mple.org", NotAnEmail::MixedScripts),
            ("ada@example.\u{441}om", NotAnEmail::MixedScripts),
            (
                "\u{430}\u{440}\u{440}\u{4cf}\u{435}@example.org",
                NotAnEmail::Lookalike,
            ),
            ("\u{410}\u{420}\u{420}@example.org", NotAnEmail::Lookalike),
            (
                "ada@\u{430}\u{440}\u{440}\u{4cf}\u{435}.org",
                NotAnEmail::Lookalike,
            ),
            // A Greek omicron, a dotless i.
            ("\u{3bf}@example.org", NotAnEmail::Lookalike),
            ("ad\u{131}@example.org", NotAnEmail::Lookalike),
            // Wide letters, a ligature.
            ("\u{ff41}da@example.org", NotAnEmail::Disguised),
            ("\u{fb01}ne@example.org", NotAnEmail::Disguised),
            ("ada\u{ff20}example.org", NotAnEmail::Disguised),
            // Nothing to see.
            ("ada\u{200b}@example.org", NotAnEmail::Invisible),
            ("\u{202e}ada@example.org", NotAnEmail::Invisible),
            ("ada\u{3164}@example.org", NotAnEmail::Invisible),
            ("ada@exam\u{ad}ple.org", NotAnEmail::Invisible),
        ] {
            assert_eq!(bad.parse::<Email>(), Err(reason), "{bad:?}");
        }
    }

    #[test]
    fn spellings_of_one_address_have_one_key() {
        let key = |text: &str| text.parse::<Email>().map(|email| email.key());

        assert_eq!(key("Ada@Example.ORG"), key("ada@example.org"));
        assert_eq!(key("MÜLLER@MÜNCHEN.DE"), key("müller@münchen.de"));
        assert_eq!(key("mu\u{308}ller@example.org"), key("müller@example.org"));
        assert_ne!(key("muller@example.org"), key("müller@example.org"));
    }

    #[test]
    fn addresses_are_found_by_how_they_begin() {
        let ada: Email = "Ada@example.org".parse().expect("an address");
        for text in ["", "a", " ADA@ex", "ada@example.org"] {
            let found = beginning(text).map(|text| ada.key().starts_with(&text));
            assert_eq!(found, Ok(true), "{text:?}");
        }
        assert_eq!(beginning("\0"), Err(NotAnEmail::Malformed));
        assert_eq!(beginning(&"a".repeat(255)), Err(NotAnEmail::TooLong));
    }

    /// Addresses in which each part is of one script, and so may be accepted.
    fn address() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            "[A-Za-z0-9]{1,8}",
            "[\\p{Latin}&&\\p{L}]{1,8}",
            "[\\p{Cyrillic}&&\\p{L}]{1,8}",
            "[\\p{Greek}&&\\p{L}]{1,8}",
            "[\\p{Cherokee}&&\\p{L}]{1,8}",
            "[\\p{Hebrew}&&\\p{L}]{1,8}",
            "\\p{Han}{1,8}",
        ];
        (part.clone(), part, "(com|org|рф)")
            .prop_map(|(mailbox, domain, top)| format!("{mailbox}@{domain}.{top}"))
    }

    proptest! {
        #[test]
        fn any_text_is_an_address_or_refused(text in prop_oneof!["\\PC*".boxed(), address().boxed()]) {
            if let Ok(email) = text.parse::<Email>() {
                prop_assert!(email.as_str().len() <= MAX_LENGTH);
                prop_assert_eq!(email.key().parse::<Email>().map(|again| again.key()), Ok(email.key()));
                let decomposed: String = text.nfd().collect();
                prop_assert_eq!(decomposed.parse::<Email>().map(|again| again.key()), Ok(email.key()));
            }
        }

        #[test]
        fn no_letter_of_an_address_can_be_swapped_for_one_that_looks_the_same(
            address in "[aceijopsxy]{1,12}@[aceijopsxy]{1,12}\\.org",
            swaps in prop::collection::vec(any::<bool>(), 32),
        ) {
            let cyrillic = |c| match c {
                'a' => 'а',
                'c' => 'с',
                'e' => 'е',
                'i' => 'і',
                'j' => 'ј',
                'o' => 'о',
                'p' => 'р',
                's' => 'ѕ',
                'x' => 'х',
                'y' => 'у',
                other => other,
            };
            let swapped: String = address
                .chars()
                .zip(swaps)
                .map(|(c, swap)| if swap { cyrillic(c) } else { c })
                .collect();
            prop_assume!(!swapped.is_ascii());

            let refused = swapped.parse::<Email>();

            prop_assert!(
                matches!(refused, Err(NotAnEmail::MixedScripts | NotAnEmail::Lookalike)),
                "{swapped}: {refused:?}"
            );
        }
    }
}
