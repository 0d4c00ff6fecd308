//! Passwords as people choose and type them.

use std::collections::BTreeSet;

use secrecy::{ExposeSecret, SecretString};
use zxcvbn::Score;
use zxcvbn::feedback::Warning;

/// The fewest characters (OWASP ASVS 5.0, 6.2.1).
const MIN_LENGTH: usize = 8;
/// The most characters, so that hashing has a bound (6.2.9 asks for at least 64).
const MAX_LENGTH: usize = 128;
/// What everybody knows of this site (6.1.2 and 6.2.11: words of the context are no password).
const SITE: &str = "Blazing Sun";
/// The fewest characters of a word that counts as known; those of one or two are in every password.
const MIN_WORD: usize = 3;
/// How many characters of a text of the context count: as many as an address has, so that the work has a bound.
const MAX_KNOWN: usize = 254;
/// What a password has to have besides known words, in characters.
const MIN_REST: usize = 4;
/// A million guesses: more than anybody gets against an account that is throttled, fewer than two ordinary words take.
const MIN_SCORE: Score = Score::Two;
/// How many characters are judged at a time. The judge takes time by the square of them, and tries each reading of each
/// sign that can stand for a letter: a second for 100 of the worst kind, as long as hashing takes for these.
const JUDGED_AT_A_TIME: usize = 24;

/// A password. The bytes count as they came: an accent typed another way is another password.
#[derive(Clone)]
pub struct Password(SecretString);

/// Why a text is not accepted as a password.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum Unacceptable {
    /// Too easy to try out.
    #[error("has fewer than {MIN_LENGTH} characters")]
    TooShort,
    /// Longer than anybody needs.
    #[error("has more than {MAX_LENGTH} characters")]
    TooLong,
    /// Who knows its owner or the site is close.
    #[error("is little more than your name, your address or the name of this site")]
    Known,
    /// Among the first million that somebody would try, with the reason where there is one.
    #[error("is too easy to guess. {}", reason(*.0))]
    Guessable(Option<Warning>),
}

fn reason(warning: Option<Warning>) -> String {
    match warning {
        Some(warning) => warning.to_string(),
        None => "Add another word or two.".to_owned(),
    }
}

impl Password {
    /// Accepts a password that somebody chooses. `context` is what others know of them, such as their name and address;
    /// it and its words make no password. Takes well under a millisecond for what people choose.
    pub fn choose(text: SecretString, context: &[&str]) -> Result<Self, Unacceptable> {
        let characters: Vec<char> = text.expose_secret().chars().take(MAX_LENGTH + 1).collect();
        match characters.len() {
            ..MIN_LENGTH => return Err(Unacceptable::TooShort),
            MIN_LENGTH..=MAX_LENGTH => {}
            _ => return Err(Unacceptable::TooLong),
        }
        let known = known_words(context);
        if rest(text.expose_secret(), &known) < MIN_REST {
            return Err(Unacceptable::Known);
        }
        judge(&characters, &known)?;
        Ok(Self(text))
    }

    /// A password that somebody signs in with: any text, since rules for new ones may have changed. One that is too long
    /// to have been chosen stands as the empty text, which is nobody's password, and is refused like any wrong one.
    #[must_use]
    pub fn given(text: SecretString) -> Self {
        match text.expose_secret().chars().nth(MAX_LENGTH) {
            None => Self(text),
            Some(_) => Self(SecretString::default()),
        }
    }

    /// Whether it is the same as another one.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }

    /// For hashing alone.
    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// The words of the context in small letters, the longest first: each text as it is, without what stands between its
/// words, and its words one by one.
fn known_words(context: &[&str]) -> Vec<String> {
    let mut words = BTreeSet::new();
    for text in context.iter().chain([&SITE]) {
        let text: String = text.chars().take(MAX_KNOWN).collect();
        let text = text.to_lowercase();
        let parts = || text.split(|c: char| !c.is_alphanumeric());
        words.extend(parts().map(ToOwned::to_owned));
        words.extend(text.split('@').map(ToOwned::to_owned));
        words.insert(parts().collect());
        words.insert(text);
    }
    let mut words: Vec<String> = words
        .into_iter()
        .filter(|word| word.chars().count() >= MIN_WORD)
        .collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words
}

/// How many characters a password has besides known words.
fn rest(password: &str, known: &[String]) -> usize {
    let mut rest = password.to_lowercase();
    for word in known {
        rest = rest.replace(word, "");
    }
    rest.chars().count()
}

/// A password is good enough where a part of it is.
fn judge(characters: &[char], known: &[String]) -> Result<(), Unacceptable> {
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let mut verdict = Ok(());
    for part in characters.chunks(JUDGED_AT_A_TIME) {
        let part = SecretString::from(part.iter().collect::<String>());
        let judgement = zxcvbn::zxcvbn(part.expose_secret(), &known);
        if judgement.score() >= MIN_SCORE {
            return Ok(());
        }
        let warning = judgement.feedback().and_then(|feedback| feedback.warning());
        verdict = verdict.and(Err(Unacceptable::Guessable(warning)));
    }
    verdict
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ADA: [&str; 2] = ["ada.lovelace@analytical-engine.example.org", "Ada Lovelace"];

    fn choose(text: &str) -> Result<(), Unacceptable> {
        Password::choose(SecretString::from(text), &ADA).map(|_| ())
    }

    #[test]
    fn a_password_has_8_to_128_characters() {
        let password = |length| {
            "süße Träume von Eßbarem. "
                .chars()
                .cycle()
                .take(length)
                .collect()
        };
        let choose = |length| {
            choose(&Box::<str>::from(String::from_iter::<Vec<char>>(password(
                length,
            ))))
        };
        assert_eq!(choose(7), Err(Unacceptable::TooShort));
        assert_eq!(choose(8), Ok(()));
        assert_eq!(choose(128), Ok(()));
        assert_eq!(choose(129), Err(Unacceptable::TooLong));
    }

    #[test]
    fn ordinary_passphrases_and_what_a_password_manager_makes_are_accepted() {
        for good in [
            "correct horse",
            "correct horse battery",
            "another horse",
            "of a stranger",
            "of the owner",
            "my dog barks",
            "jfi3nv8q",
            "kV9#mQ2$xL",
            "ada has a dog",
            "ночью все серы",
            "我家的狗会叫吗今天",
        ] {
            assert_eq!(choose(good), Ok(()), "{good:?}");
        }
    }

    #[test]
    fn what_is_tried_first_is_refused_with_the_reason() {
        for (bad, reason) in [
            ("password1", "This is a very common password."),
            ("qwertyuiop", "This is a top-100 common password."),
            ("aaaaaaaaaa", "Repeats like \"aaa\" are easy to guess."),
            ("abcdefgh", "Sequences like abc or 6543 are easy to guess."),
            ("Passw0rd!", "This is similar to a commonly used password."),
            ("üüüüüüüü", "Repeats like \"aaa\" are easy to guess."),
        ] {
            let refused = choose(bad).map_err(|error| error.to_string());
            assert_eq!(refused, Err(format!("is too easy to guess. {reason}")));
        }
        assert_eq!(
            Unacceptable::Guessable(None).to_string(),
            "is too easy to guess. Add another word or two."
        );
    }

    #[test]
    fn what_is_known_of_its_owner_or_the_site_is_no_password() {
        for known in [
            "ada.lovelace@analytical-engine.example.org",
            "ADA.LOVELACE@analytical-engine.example.org1",
            "Ada Lovelace",
            "adalovelace99",
            "lovelace",
            "Lovelace123",
            "analytical-engine",
            "engine.example",
            "Blazing Sun",
            "blazingsun",
            "BlazingSun1!",
            "blazing_sun",
            "sunsunsun",
        ] {
            assert_eq!(choose(known), Err(Unacceptable::Known), "{known:?}");
        }
        for close in ["Lovelace1815", "blazingsun2026", "10v3l4c3!!"] {
            let refused = choose(close);
            assert!(
                matches!(refused, Err(Unacceptable::Guessable(_))),
                "{close:?}: {refused:?}"
            );
        }
        let strangers = Password::choose(SecretString::from("Lovelace Babbage"), &[]);
        assert!(strangers.is_ok());
    }

    #[test]
    fn a_long_password_is_good_enough_where_a_part_of_it_is() {
        let dull = "a".repeat(60);
        assert!(matches!(choose(&dull), Err(Unacceptable::Guessable(_))));
        assert_eq!(choose(&format!("{dull} and a quiet river")), Ok(()));
        assert_eq!(choose(&format!("a quiet river and {dull}")), Ok(()));
    }

    #[test]
    fn who_signs_in_may_give_anything() {
        for text in ["", "short", "password1", &"ü".repeat(128)] {
            assert_eq!(Password::given(SecretString::from(text)).expose(), text);
        }
        let long = Password::given(SecretString::from("ü".repeat(129)));
        assert_eq!(long.expose(), "");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_text_is_judged(text in "\\PC{8,30}|[ -~]{8,30}", context in "\\PC{0,30}") {
            let chosen = Password::choose(SecretString::from(text.as_str()), &[&context, &text]);
            prop_assert_eq!(chosen.err(), Some(Unacceptable::Known));
            let _ = Password::choose(SecretString::from(text), &[&context]);
        }
    }
}
