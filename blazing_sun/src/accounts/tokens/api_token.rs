//! The API token as its holder has it: a prefix, 256 random bits, and a mark by which a scanner of leaked secrets tells
//! one from any other text.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::accounts::sessions::{Token, TokenHash};

/// What every token begins with.
const PREFIX: &str = "bs_pat_";
/// How many bytes are random.
const RANDOM: usize = 32;
/// How many bytes of the SHA-256 of the others follow them.
const MARK: usize = 4;

/// An API token.
pub struct ApiToken(Token);

impl ApiToken {
    /// A new one.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; RANDOM];
        getrandom::fill(&mut bytes)?;
        Ok(Self::of(&bytes))
    }

    fn of(random: &[u8; RANDOM]) -> Self {
        let bytes = [random.as_slice(), &mark(random)].concat();
        let text = format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes));
        Self(Token::given(text.into()))
    }

    /// Whether a text is meant to be one.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// One that somebody brings, if it looks like one of ours.
    #[must_use]
    pub fn given(text: SecretString) -> Option<Self> {
        let rest = text.expose_secret().strip_prefix(PREFIX)?;
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(rest).ok()?;
        let (random, given) = bytes.split_at_checked(RANDOM)?;
        (given == mark(random)).then(|| Self(Token::given(text)))
    }

    /// For the one who holds it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }

    /// What is kept of it.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        self.0.hash()
    }
}

fn mark(random: &[u8]) -> [u8; MARK] {
    let digest = Sha256::digest([PREFIX.as_bytes(), random].concat());
    let mut mark = [0; MARK];
    mark.copy_from_slice(&digest[..MARK]);
    mark
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_one(text: &str) -> bool {
        ApiToken::given(text.into()).is_some()
    }

    #[test]
    fn a_token_is_known_by_its_look_and_is_its_own() {
        let (one, other) = (
            ApiToken::random().expect("chance"),
            ApiToken::random().expect("chance"),
        );
        assert_eq!(one.reveal().len(), PREFIX.len() + 48);
        assert!(is_one(one.reveal()));
        assert_ne!(one.reveal(), other.reveal());
        assert_ne!(one.hash(), other.hash());
    }

    proptest! {
        #[test]
        fn a_changed_token_is_none(random: [u8; 32], place in 7_usize..55, letter in "[A-Za-z0-9_-]") {
            let token = ApiToken::of(&random);
            let mut changed = token.reveal().to_owned();
            changed.replace_range(place..=place, &letter);
            prop_assume!(changed != token.reveal());
            prop_assert!(!is_one(&changed));
        }

        #[test]
        fn any_text_is_no_token(text in "(bs_pat_)?\\PC*") {
            prop_assert!(!is_one(&text));
        }
    }
}
