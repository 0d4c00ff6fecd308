//! Links in mails, and all else that is derived, HMAC-SHA256(key, purpose and id): a mail which is sent again carries the
//! same link, and a copy of the database holds nothing that opens anything.

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
    /// Choosing a new password in place of a forgotten one.
    Reset,
    /// Taking up an account that an administrator offers.
    Invitation,
    /// Agreeing to a change of address, at the old one.
    EmailOld,
    /// Agreeing to it at the new one.
    EmailNew,
    /// Bringing the second factor to the right sign-in.
    Challenge,
    /// Getting the next access token.
    Refresh,
}

impl Purpose {
    /// Its frozen name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Activation => "activation",
            Self::Reset => "reset",
            Self::Invitation => "invitation",
            Self::EmailOld => "email_old",
            Self::EmailNew => "email_new",
            Self::Challenge => "challenge",
            Self::Refresh => "refresh",
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
        self.to("/activate", Purpose::Activation, token)
    }

    /// A link to a page of this site, with a token for it.
    #[must_use]
    pub fn to(&self, page: &str, purpose: Purpose, token: Uuid) -> String {
        format!("{}{page}?token={}", self.site, self.seal(purpose, token))
    }

    /// A secret of 256 bits that belongs to an id, such as that of an authenticator app.
    #[must_use]
    pub fn secret(&self, of: &'static str, id: Uuid) -> [u8; 32] {
        self.derive(of, id.as_bytes())
            .finalize()
            .into_bytes()
            .into()
    }

    /// What stands for an address that has no account, so that tries to sign in with it can be seen to belong together.
    #[must_use]
    pub fn pseudonym(&self, email_key: &str) -> Uuid {
        let mark = self
            .derive("pseudonym", email_key.as_bytes())
            .finalize()
            .into_bytes();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&mark[..16]);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }

    /// The id in a token, if the token was made here and for this purpose.
    #[must_use]
    pub fn open(&self, purpose: Purpose, token: &str) -> Option<Uuid> {
        self.open_for("", purpose, token)
    }

    /// The token that [`Links::open`] opens.
    #[must_use]
    pub fn seal(&self, purpose: Purpose, id: Uuid) -> String {
        self.seal_for("", purpose, id)
    }

    /// The id in a token, if the token was made here, for this purpose and for whoever holds this secret.
    #[must_use]
    pub fn open_for(&self, holder: &str, purpose: Purpose, token: &str) -> Option<Uuid> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
        let (id, mark) = bytes.split_at_checked(16)?;
        let id = Uuid::from_slice(id).ok()?;
        self.mark(holder, purpose, id).verify_slice(mark).ok()?;
        Some(id)
    }

    /// The token that [`Links::open_for`] opens: it is worth nothing without the secret.
    #[must_use]
    pub fn seal_for(&self, holder: &str, purpose: Purpose, id: Uuid) -> String {
        let mark = self.mark(holder, purpose, id).finalize().into_bytes();
        BASE64_URL_SAFE_NO_PAD.encode([id.as_bytes(), mark.as_slice()].concat())
    }

    fn mark(&self, holder: &str, purpose: Purpose, id: Uuid) -> Hmac<Sha256> {
        // (An id has 16 bytes, so that nothing else reads the same.)
        let of = [id.as_bytes(), holder.as_bytes()].concat();
        self.derive(purpose.name(), &of)
    }

    fn derive(&self, what: &str, of: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.key.0.clone();
        mac.update(what.as_bytes());
        mac.update(&[0]);
        mac.update(of);
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

    #[test]
    fn a_token_opens_for_its_purpose_alone() {
        let (links, id) = (links("a"), id::new());
        let token = links.seal(Purpose::EmailOld, id);

        assert_eq!(links.open(Purpose::EmailOld, &token), Some(id));
        assert_eq!(links.open(Purpose::EmailNew, &token), None);
    }

    #[test]
    fn a_token_for_a_holder_opens_with_their_secret_alone() {
        let (links, id) = (links("a"), id::new());
        let token = links.seal_for("secret", Purpose::Challenge, id);

        assert_eq!(
            links.open_for("secret", Purpose::Challenge, &token),
            Some(id)
        );
        assert_eq!(links.open_for("another", Purpose::Challenge, &token), None);
        assert_eq!(links.open(Purpose::Challenge, &token), None);
        let anybodys = links.seal(Purpose::Challenge, id);
        assert_eq!(
            links.open_for("secret", Purpose::Challenge, &anybodys),
            None
        );
    }

    #[test]
    fn a_pseudonym_is_the_same_for_an_address_and_another_for_others() {
        let (links, other) = (links("a"), links("b"));
        assert_eq!(links.pseudonym("ada"), links.pseudonym("ada"));
        assert_ne!(links.pseudonym("ada"), links.pseudonym("bob"));
        assert_ne!(links.pseudonym("ada"), other.pseudonym("ada"));
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
