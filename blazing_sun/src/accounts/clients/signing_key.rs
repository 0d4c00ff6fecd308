//! The keys that access tokens are signed with: Ed25519, each derived from its id, so that the database holds none.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::accounts::clients::access_token::LIFE;
use crate::accounts::link::Links;

/// How long a key is published before it signs: longer than anybody remembers the list of keys.
const PUBLISHED_FOR: TimeDelta = TimeDelta::hours(1);
/// By how much the clocks of two hosts may differ.
const SKEW: TimeDelta = TimeDelta::minutes(5);
/// What stands before the seed in PKCS #8 (RFC 8410): version 0, the identifier of Ed25519, an octet string of 32.
const PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// What the database knows of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyTimes {
    /// What the key is derived from.
    pub id: Uuid,
    /// When it was made, and published.
    pub created_at: DateTime<Utc>,
    /// When it begins to sign.
    pub signs_from: DateTime<Utc>,
    /// When no token of it is alive any more; none while no other key has followed.
    pub expires_at: Option<DateTime<Utc>>,
}

/// What a key does at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It is published, and signs soon.
    Coming,
    /// It signs.
    Signing,
    /// Its tokens are still good.
    Retired,
    /// Nothing of it is good.
    Expired,
}

impl KeyTimes {
    /// The first key. Nobody can know a list of keys without it, so it signs at once.
    #[must_use]
    pub fn first(id: Uuid, now: DateTime<Utc>) -> Self {
        Self {
            id,
            created_at: now,
            signs_from: now,
            expires_at: None,
        }
    }

    /// A key that follows others.
    #[must_use]
    pub fn next(id: Uuid, now: DateTime<Utc>) -> Self {
        Self {
            signs_from: now + PUBLISHED_FOR,
            ..Self::first(id, now)
        }
    }

    /// When the tokens of the keys before this one are dead.
    #[must_use]
    pub fn outlives_others_at(&self) -> DateTime<Utc> {
        self.signs_from + LIFE + SKEW
    }

    /// Whether its tokens are good.
    #[must_use]
    pub fn is_alive(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

/// The key that signs: the newest whose time has come. (None has on a host whose clock is behind that of the host which
/// made the first.)
pub fn signer(keys: &[SigningKey], now: DateTime<Utc>) -> Option<&SigningKey> {
    let times = keys.iter().map(|key| &key.times);
    signer_of(times, now).and_then(|found| keys.get(found))
}

fn signer_of<'a>(
    keys: impl Iterator<Item = &'a KeyTimes> + Clone,
    now: DateTime<Utc>,
) -> Option<usize> {
    let alive = || {
        keys.clone()
            .enumerate()
            .filter(|(_, key)| key.is_alive(now))
    };
    let newest = alive()
        .filter(|(_, key)| key.signs_from <= now)
        .max_by_key(|(_, key)| (key.signs_from, key.id));
    newest
        .or_else(|| alive().min_by_key(|(_, key)| (key.signs_from, key.id)))
        .map(|(place, _)| place)
}

/// A key that can be used.
#[derive(Clone)]
pub struct SigningKey {
    /// When it does what.
    pub times: KeyTimes,
    /// Its name in tokens: its thumbprint (RFC 7638), so that with another `APP_KEY` the name is another one too.
    pub kid: String,
    /// The public half, in base64url.
    public: String,
    /// Signs.
    pub encoding: EncodingKey,
    /// Verifies.
    pub decoding: DecodingKey,
}

/// A key that could not be derived.
#[derive(Debug, thiserror::Error)]
#[error("a signing key could not be derived")]
pub struct Underivable;

impl SigningKey {
    /// Derives a key.
    pub fn derive(links: &Links, times: KeyTimes) -> Result<Self, Underivable> {
        let seed = links.secret("signing key", times.id);
        Self::of_seed(&seed, times)
    }

    fn of_seed(seed: &[u8; 32], times: KeyTimes) -> Result<Self, Underivable> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| Underivable)?;
        let public = pair.public_key().as_ref();
        let decoding = DecodingKey::from_ed_der(public);
        let public = BASE64_URL_SAFE_NO_PAD.encode(public);
        Ok(Self {
            kid: thumbprint(&public),
            public,
            encoding: EncodingKey::from_ed_der(&[PKCS8.as_slice(), seed].concat()),
            decoding,
            times,
        })
    }

    /// Its public half, for everybody who verifies.
    #[must_use]
    pub fn published(&self) -> Jwk {
        Jwk {
            kty: "OKP",
            crv: "Ed25519",
            alg: "EdDSA",
            usage: "sig",
            kid: self.kid.clone(),
            x: self.public.clone(),
        }
    }
}

/// RFC 7638: the required members in the order of their names, without spaces.
fn thumbprint(public: &str) -> String {
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{public}"}}"#);
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(members))
}

/// A public key (RFC 8037).
#[derive(Serialize, ToSchema)]
pub struct Jwk {
    /// `OKP`.
    kty: &'static str,
    /// `Ed25519`.
    crv: &'static str,
    /// `EdDSA`.
    alg: &'static str,
    /// `sig`.
    #[serde(rename = "use")]
    usage: &'static str,
    /// Its name in the header of tokens.
    kid: String,
    /// The key, in base64url.
    x: String,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes)
    }

    #[test]
    fn a_key_is_the_one_that_the_standard_gives_as_an_example() {
        // RFC 8037, appendix A.
        let seed = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
        let seed = BASE64_URL_SAFE_NO_PAD.decode(seed).expect("a seed");
        let seed: [u8; 32] = seed.try_into().expect("of 32 bytes");
        let key = SigningKey::of_seed(&seed, KeyTimes::first(Uuid::nil(), at(0))).expect("a key");

        assert_eq!(key.public, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert_eq!(key.kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        let signed = jsonwebtoken::crypto::sign(
            b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
            &key.encoding,
            jsonwebtoken::Algorithm::EdDSA,
        );
        assert_eq!(
            signed.expect("a signature"),
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
        );
    }

    proptest! {
        #[test]
        fn a_token_is_verified_as_long_as_it_lives_and_its_key_was_published_before_it_signed(
            gaps in prop::collection::vec(1_i64..300, 1..12),
            moment in 0_i64..4000,
        ) {
            let mut keys = vec![KeyTimes::first(Uuid::from_u128(0), at(0))];
            let mut now = 0;
            for gap in gaps {
                now += gap;
                let id = Uuid::from_u128(keys.len().try_into().expect("a small number"));
                let next = KeyTimes::next(id, at(now));
                for key in &mut keys {
                    key.expires_at.get_or_insert(next.outlives_others_at());
                }
                keys.push(next);
            }
            let known: Vec<_> = keys.iter().filter(|key| key.created_at <= at(moment)).collect();
            let signs = signer_of(known.iter().copied(), at(moment)).expect("one always signs");
            let signs = known[signs];
            prop_assert!(signs.is_alive(at(moment) + LIFE), "its tokens outlive it");
            prop_assert!(signs.id.is_nil() || at(moment) >= signs.created_at + PUBLISHED_FOR);
        }
    }

    #[test]
    fn a_clock_that_is_behind_finds_a_key_that_signs() {
        let keys = [KeyTimes::first(Uuid::nil(), at(1))];
        assert_eq!(signer_of(keys.iter(), at(0)), Some(0));
    }
}
