//! Links in mails. A token is derived, HMAC-SHA256(key, purpose and id), so that a mail which is sent again carries the same
//! link, and a copy of the database holds none.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use uuid::Uuid;

/// The fewest bytes of the key: what 128 random bits have in hexadecimal.
const KEY_LENGTH: usize = 32;

/// The key that tokens are derived with, ready for use.
#[derive(Clone, Debug)]
pub struct LinkKey(Hmac<Sha256>);

impl LinkKey {
    /// Accepts a key that is long enough.
    #[must_use]
    pub fn new(key: &SecretString) -> Option<Self> {
        let key = key.expose_secret().as_bytes();
        if key.len() < KEY_LENGTH {
            return None;
        }
        Hmac::new_from_slice(key).ok().map(Self)
    }
}

/// What a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Confirming the address of a new account.
    Activation,
}

impl Purpose {
    /// Its frozen name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Activation => "activation",
        }
    }
}

/// Makes and reads the links of this site.
#[derive(Clone)]
pub struct Links {
    key: LinkKey,
    site: String,
}

impl Links {
    /// The links below `site`, such as `https://localhost`.
    #[must_use]
    pub fn new(key: LinkKey, site: String) -> Self {
        Self { key, site }
    }

    /// The site itself.
    #[must_use]
    pub fn site(&self) -> &str {
        &self.site
    }

    /// The link that activates an account.
    #[must_use]
    pub fn activation(&self, token: Uuid) -> String {
        format!(
            "{}/activate?token={}",
            self.site,
            self.seal(Purpose::Activation, token)
        )
    }

    /// The id in a token, if the token was made here and for this purpose.
    #[must_use]
    pub fn open(&self, purpose: Purpose, token: &str) -> Option<Uuid> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
        let (id, mark) = bytes.split_at_checked(16)?;
        let id = Uuid::from_slice(id).ok()?;
        self.mark(purpose, id).verify_slice(mark).ok()?;
        Some(id)
    }

    fn seal(&self, purpose: Purpose, id: Uuid) -> String {
        let mark = self.mark(purpose, id).finalize().into_bytes();
        BASE64_URL_SAFE_NO_PAD.encode([id.as_bytes(), mark.as_slice()].concat())
    }

    fn mark(&self, purpose: Purpose, id: Uuid) -> Hmac<Sha256> {
        let mut mac = self.key.0.clone();
        mac.update(purpose.name().as_bytes());
        mac.update(&[0]);
        mac.update(id.as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::id;

    fn links(key: &str) -> Links {
        let key = LinkKey::new(&SecretString::from(key.repeat(32))).expect("long enough");
        Links::new(key, "https://localhost".to_owned())
    }

    fn token(link: &str) -> &str {
        link.split_once("token=").expect("a token").1
    }

    #[test]
    fn a_token_opens_with_the_key_it_was_made_with() {
        let id = id::new();
        let link = links("a").activation(id);

        assert_eq!(link, links("a").activation(id));
        assert_eq!(links("a").open(Purpose::Activation, token(&link)), Some(id));
        assert_eq!(links("b").open(Purpose::Activation, token(&link)), None);
    }

    proptest! {
        #[test]
        fn a_changed_token_does_not_open(place in 0_usize..64, letter in "[A-Za-z0-9_-]") {
            let link = links("a").activation(id::new());
            let mut changed = token(&link).to_owned();
            changed.replace_range(place..=place, &letter);
            prop_assume!(changed != token(&link));
            prop_assert_eq!(links("a").open(Purpose::Activation, &changed), None);
        }

        #[test]
        fn any_text_is_no_token(text in "\\PC*") {
            prop_assert_eq!(links("a").open(Purpose::Activation, &text), None);
        }
    }
}
