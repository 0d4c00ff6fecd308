//! What people have besides a password: an app that shows codes, and a passkey in software.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use blazing_sun::kernel::clock::Clock;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use totp_rs::{Algorithm, Builder, Secret, Totp};

use super::{Browser, PASSWORD, TestApp};

/// An authenticator app, by the clock of the application.
pub struct App(Totp);

impl App {
    /// One that was told this secret.
    pub fn new(secret: &str) -> Self {
        let totp = Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_secret(Secret::try_from_base32(secret).expect("base32"))
            .build()
            .expect("a secret");
        Self(totp)
    }

    /// Begins to set one up.
    pub async fn begin(owner: &mut Browser) -> Self {
        let begun = owner
            .post("/api/v1/second-factor/authenticator", &json!({}))
            .await;
        assert_eq!(begun.status, 200, "{begun:?}");
        Self::new(begun.json()["secret"].as_str().expect("a secret"))
    }

    /// Sets one up, and returns it with the recovery codes. Time passes until it shows the next code.
    pub async fn set_up(owner: &mut Browser, app: &TestApp) -> (Self, Vec<String>) {
        let authenticator = Self::begin(owner).await;
        let made = authenticator.confirm(owner, app).await;
        assert_eq!(made.status, 200, "{made:?}");
        app.clock.advance(chrono::TimeDelta::seconds(30));
        (authenticator, recovery_codes(&made.json()))
    }

    /// Shows the first code.
    pub async fn confirm(&self, owner: &mut Browser, app: &TestApp) -> super::Response {
        let body = json!({ "code": self.code(app) });
        owner
            .post("/api/v1/second-factor/authenticator/confirm", &body)
            .await
    }

    /// What it shows now.
    pub fn code(&self, app: &TestApp) -> String {
        let now = app.clock.now().timestamp();
        let code = self.0.generate(u64::try_from(now).expect("a time"));
        code.to_string()
    }

    /// A code that it does not show.
    pub fn wrong_code(&self, app: &TestApp) -> String {
        let right: u32 = self.code(app).parse().expect("digits");
        format!("{:06}", (right + 1) % 1_000_000)
    }
}

/// The recovery codes that an answer shows.
pub fn recovery_codes(answer: &Value) -> Vec<String> {
    serde_json::from_value(answer["recovery_codes"].clone()).expect("recovery codes")
}

/// Gives the password, and returns the challenge for the second factor.
pub async fn challenge(browser: &mut Browser, email: &str) -> String {
    let answer = browser.sign_in(email, PASSWORD).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = answer.json();
    assert_eq!(answer["status"], "second_factor_required");
    answer["challenge"]
        .as_str()
        .expect("a challenge")
        .to_owned()
}

/// A passkey, and the browser that speaks with it.
pub struct Passkey {
    key: EcdsaKeyPair,
    id: Vec<u8>,
    /// How often it was used, as it says.
    pub counter: u32,
    /// Whether it counts at all; many do not.
    pub counts: bool,
    /// The site that the browser believes to be on.
    pub origin: String,
    /// Whether it asks its owner for a finger or a number.
    pub verifies: bool,
}

const USER_PRESENT: u8 = 1;
const USER_VERIFIED: u8 = 4;
const HAS_CREDENTIAL: u8 = 64;

impl Passkey {
    /// A new one.
    pub fn new() -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key");
        Self {
            id: Sha256::digest(key.public_key().as_ref()).to_vec(),
            key,
            counter: 0,
            counts: true,
            origin: "https://localhost".to_owned(),
            verifies: true,
        }
    }

    /// Adds it to an account, and returns the answer.
    pub async fn add(&mut self, owner: &mut Browser, name: &str) -> super::Response {
        let begun = owner
            .post("/api/v1/second-factor/passkeys/begin", &json!({}))
            .await;
        assert_eq!(begun.status, 200, "{begun:?}");
        let begun = begun.json();
        let body = json!({
            "registration": begun["registration"],
            "name": name,
            "credential": self.create(&begun["options"]),
        });
        owner.post("/api/v1/second-factor/passkeys", &body).await
    }

    /// `navigator.credentials.create()`
    pub fn create(&mut self, options: &Value) -> Value {
        let options = &options["publicKey"];
        let rp = options["rp"]["id"].as_str().expect("a name");
        let mut data = self.data(rp, HAS_CREDENTIAL);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.id.len()).expect("short").to_be_bytes());
        data.extend(&self.id);
        // The public key as COSE has it: EC2, ES256, P-256, x and y.
        let point = self.key.public_key().as_ref();
        data.extend([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]);
        data.extend(&point[1..33]);
        data.extend([0x22, 0x58, 0x20]);
        data.extend(&point[33..65]);
        // {"fmt": "none", "attStmt": {}, "authData": data} in CBOR.
        let mut attestation = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59".to_vec();
        attestation.extend(u16::try_from(data.len()).expect("short").to_be_bytes());
        attestation.extend(&data);
        json!({
            "id": encode(&self.id),
            "rawId": encode(&self.id),
            "type": "public-key",
            "clientExtensionResults": {},
            "authenticatorAttachment": "platform",
            "response": {
                "attestationObject": encode(&attestation),
                "clientDataJSON": encode(&self.client_data("webauthn.create", options)),
                "transports": ["internal"],
            },
        })
    }

    /// `navigator.credentials.get()`
    pub fn get(&mut self, options: &Value) -> Value {
        let options = &options["publicKey"];
        let data = self.data(options["rpId"].as_str().expect("a name"), 0);
        let client_data = self.client_data("webauthn.get", options);
        let signed = [data.as_slice(), Sha256::digest(&client_data).as_slice()].concat();
        let signature = self
            .key
            .sign(&SystemRandom::new(), &signed)
            .expect("a signature");
        json!({
            "id": encode(&self.id),
            "rawId": encode(&self.id),
            "type": "public-key",
            "clientExtensionResults": {},
            "authenticatorAttachment": "platform",
            "response": {
                "authenticatorData": encode(&data),
                "clientDataJSON": encode(&client_data),
                "signature": encode(signature.as_ref()),
            },
        })
    }

    fn data(&mut self, rp: &str, flags: u8) -> Vec<u8> {
        self.counter += u32::from(self.counts);
        let verified = if self.verifies { USER_VERIFIED } else { 0 };
        let mut data = Sha256::digest(rp).to_vec();
        data.push(flags | USER_PRESENT | verified);
        data.extend(self.counter.to_be_bytes());
        data
    }

    fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
        json!({
            "type": kind,
            "challenge": options["challenge"],
            "origin": self.origin,
            "crossOrigin": false,
        })
        .to_string()
        .into_bytes()
    }
}

fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
