//! E-mail addresses: well-formed, of bounded length, and equal when they reach the same person.

use std::fmt;
use std::str::FromStr;

use email_address::{EmailAddress, Options};

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
}

impl Email {
    /// The address as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What two spellings of one address have in common. (By the letter of RFC 5321 a mailbox may depend on case; none
    /// that people use does.)
    #[must_use]
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }
}

impl FromStr for Email {
    type Err = NotAnEmail;

    fn from_str(text: &str) -> Result<Self, NotAnEmail> {
        let text = text.trim();
        if text.len() > MAX_LENGTH {
            return Err(NotAnEmail::TooLong);
        }
        let options = Options::default()
            .without_display_text()
            .without_domain_literal()
            .with_required_tld();
        let address =
            EmailAddress::parse_with_options(text, options).map_err(|_| NotAnEmail::Malformed)?;
        // A quoted mailbox is allowed to have spaces and more; nobody has one.
        if address.local_part().starts_with('"') || text.contains(char::is_control) {
            return Err(NotAnEmail::Malformed);
        }
        Ok(Self(text.to_owned()))
    }
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

    proptest! {
        #[test]
        fn any_text_is_an_address_or_refused(text in "\\PC*") {
            if let Ok(email) = text.parse::<Email>() {
                prop_assert!(email.as_str().len() <= MAX_LENGTH);
                prop_assert_eq!(email.key().parse::<Email>().map(|again| again.key()), Ok(email.key()));
            }
        }
    }
}
