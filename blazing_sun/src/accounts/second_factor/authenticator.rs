//! An authenticator app: time-based codes as RFC 6238 has them, of six digits, a new one every 30 seconds.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use qrcode::QrCode;
use qrcode::render::svg::Color;
use secrecy::{ExposeSecret, SecretString};
use totp_rs::{Algorithm, Builder, Totp, TotpError};
use uuid::Uuid;

use crate::accounts::link::Links;

/// What apps call the account's site.
const ISSUER: &str = "Blazing Sun";
/// What the secret is derived for.
const SECRET_OF: &str = "authenticator";
/// The bytes of a secret: as many as SHA-1 has, which RFC 4226 recommends.
const SECRET_LENGTH: usize = 20;
/// How long an app shows a code, in seconds.
const STEP: u64 = 30;
/// How long after that it may still arrive, in seconds: as long as reading, typing and sending the last digits takes. A
/// whole step of grace, as RFC 6238 allows, would double what a guess can hit.
const GRACE: u64 = 5;

/// What an app shows. Its `Debug` form shows nothing.
pub struct Code(SecretString);

/// A text that is no code of an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not six digits")]
pub struct NotACode;

impl FromStr for Code {
    type Err = NotACode;

    /// Spaces are left out: apps show some.
    fn from_str(text: &str) -> Result<Self, NotACode> {
        let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        if digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_digit()) {
            Ok(Self(digits.into()))
        } else {
            Err(NotACode)
        }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(***)")
    }
}

/// The secret that an app and we share.
pub struct Authenticator(Totp);

/// Why an app cannot be told of its secret.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticatorError {
    /// It does not fit into an address.
    #[error(transparent)]
    Totp(#[from] TotpError),
    /// It does not fit into a picture.
    #[error("the QR code: {0}")]
    Picture(#[from] qrcode::types::QrError),
}

/// What an app needs to know.
pub struct Setup {
    /// Which authenticator it is.
    pub id: Uuid,
    /// All of it, as an address that apps understand.
    pub uri: String,
    /// The secret alone, in base32.
    pub secret: String,
    /// The address as a QR code: an `<svg>`, dark on nothing.
    pub picture: String,
}

impl Authenticator {
    /// The one with this id, for the account that apps list as `name`.
    pub fn of(links: &Links, id: Uuid, name: &str) -> Result<Self, TotpError> {
        Self::with(links.secret(SECRET_OF, id)[..SECRET_LENGTH].to_vec(), name)
    }

    fn with(secret: Vec<u8>, name: &str) -> Result<Self, TotpError> {
        let totp = Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(6)
            .with_step_duration(STEP)
            .with_skew(0)
            .with_secret(secret)
            .with_account_name(name.replace(':', ""))
            .with_issuer(Some(ISSUER))
            .build()?;
        Ok(Self(totp))
    }

    /// The step that a code belongs to, if it is good at this moment.
    #[must_use]
    pub fn step(&self, code: &Code, now: DateTime<Utc>) -> Option<i64> {
        let now = u64::try_from(now.timestamp()).ok()?;
        let before = now.checked_sub(STEP).filter(|_| now % STEP < GRACE);
        let step = [Some(now), before]
            .into_iter()
            .flatten()
            .find_map(|moment| self.0.check(code.0.expose_secret(), moment))?;
        i64::try_from(step).ok()
    }

    /// What the app needs to know.
    pub fn setup(&self, id: Uuid) -> Result<Setup, AuthenticatorError> {
        let uri = self.0.to_url()?;
        let drawn = QrCode::new(&uri)?
            .render::<Color<'_>>()
            .dark_color(Color("#000"))
            .light_color(Color("none"))
            .build();
        // Without the declaration of XML, since it stands within a page.
        let picture = drawn.find("<svg").map(|start| drawn[start..].to_owned());
        Ok(Setup {
            id,
            uri,
            secret: self.0.secret().to_base32(),
            picture: picture.unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238's test vectors.
    fn rfc() -> Authenticator {
        Authenticator::with(b"12345678901234567890".to_vec(), "ada@example.org").expect("a secret")
    }

    fn step(text: &str, seconds: i64) -> Option<i64> {
        let code = text.parse().expect("a code");
        rfc().step(&code, DateTime::from_timestamp(seconds, 0).expect("a time"))
    }

    #[test]
    fn codes_are_those_of_rfc_6238() {
        // Appendix B, SHA-1, of whose eight digits the last six.
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(step(code, seconds), Some(seconds / 30), "{seconds}");
        }
    }

    #[test]
    fn a_code_is_good_for_its_thirty_seconds_and_for_five_more_on_its_way() {
        assert_eq!(step("287082", 29), None, "not before its time");
        assert_eq!(step("287082", 30), Some(1));
        assert_eq!(step("287082", 59), Some(1));
        assert_eq!(step("287082", 64), Some(1));
        assert_eq!(step("287082", 65), None);
        assert_eq!(step("287082", -1), None, "there are no codes before 1970");
    }

    #[test]
    fn a_code_is_six_digits_and_spaces() {
        assert!("287 082 ".parse::<Code>().is_ok());
        for wrong in ["", "28708", "2870820", "28708a", "+28708", "२८७०८२"] {
            assert_eq!(wrong.parse::<Code>().err(), Some(NotACode), "{wrong}");
        }
    }

    #[test]
    fn an_app_is_told_the_secret_in_three_ways() {
        let setup = rfc().setup(Uuid::nil()).expect("a setup");
        assert_eq!(setup.secret, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(
            setup.uri,
            "otpauth://totp/Blazing%20Sun:ada%40example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Blazing%20Sun"
        );
        assert!(setup.picture.starts_with("<svg "), "{}", setup.picture);
        assert!(setup.picture.contains(" viewBox="));
    }

    #[test]
    fn a_code_shows_nothing_of_itself() {
        let code: Code = "287082".parse().expect("a code");
        assert_eq!(format!("{code:?}"), "Code(***)");
    }
}
