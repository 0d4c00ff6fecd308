//! Access tokens that are not what they should be: each differs from a good one in one thing.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use blazing_sun::accounts::Links;
use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Machine, Program, TestApp, World, member, register};

const ADA: &str = "ada@example.org";
/// What stands before an Ed25519 seed in PKCS #8.
const PKCS8: &str = "302e020100300506032b657004220420";

/// Makes tokens with a key of the application, which nobody outside has.
pub struct Forger {
    seed: [u8; 32],
    header: Value,
    claims: Value,
}

impl Forger {
    /// With the key of an id, after the pattern of a good token.
    pub fn new(world: &World, key: Uuid, pattern: &str) -> Self {
        let site = world.config().site;
        let links = Links::new(site.key.expect("a key"), site.url);
        Self {
            seed: links.secret("signing key", key),
            header: part(pattern, 0),
            claims: part(pattern, 1),
        }
    }

    /// With the key that the world has.
    pub async fn of_the_world(world: &World, pattern: &str) -> Self {
        let key = sqlx::query_scalar("SELECT id FROM signing_keys")
            .fetch_one(&world.pool())
            .await
            .expect("one key");
        Self::new(world, key, pattern)
    }

    /// The name of the key.
    pub fn kid(&self) -> String {
        let members = format!(
            r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#,
            BASE64.encode(self.public())
        );
        BASE64.encode(<sha2::Sha256 as sha2::Digest>::digest(members))
    }

    fn public(&self) -> Vec<u8> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&self.seed).expect("a key");
        pair.public_key().as_ref().to_vec()
    }

    fn key(&self) -> EncodingKey {
        let start = (0..PKCS8.len()).step_by(2);
        let mut der: Vec<u8> = start
            .map(|at| u8::from_str_radix(&PKCS8[at..at + 2], 16).expect("hexadecimal"))
            .collect();
        der.extend(self.seed);
        EncodingKey::from_ed_der(&der)
    }

    /// A token that differs in these fields of its header and its claims; null leaves one out.
    pub fn token(&self, header: &Value, claims: &Value) -> String {
        self.signed_by(&self.key(), Algorithm::EdDSA, header, claims)
    }

    fn signed_by(
        &self,
        key: &EncodingKey,
        algorithm: Algorithm,
        header: &Value,
        claims: &Value,
    ) -> String {
        let message = self.message(header, claims);
        let signature = crypto::sign(message.as_bytes(), key, algorithm).expect("a signature");
        format!("{message}.{signature}")
    }

    fn message(&self, header: &Value, claims: &Value) -> String {
        let parts = [(&self.header, header), (&self.claims, claims)];
        parts
            .map(|(pattern, changes)| BASE64.encode(with(pattern, changes).to_string()))
            .join(".")
    }
}

fn part(token: &str, place: usize) -> Value {
    let part = token.split('.').nth(place).expect("three parts");
    let bytes = BASE64.decode(part).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

fn with(pattern: &Value, changes: &Value) -> Value {
    let mut whole = pattern.as_object().expect("an object").clone();
    for (name, value) in changes.as_object().expect("an object") {
        match value {
            Value::Null => whole.remove(name),
            value => whole.insert(name.clone(), value.clone()),
        };
    }
    whole.into()
}

#[tokio::test]
async fn a_token_names_its_owner_by_the_id_of_the_account_and_its_one_audience() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    register(&world, &app, &mut machine, ADA).await;
    let program = Program::sign_in(&app, ADA).await;

    let (header, claims) = (part(&program.access, 0), part(&program.access, 1));
    let account: Uuid = sqlx::query_scalar("SELECT id FROM users")
        .fetch_one(&world.pool())
        .await
        .expect("an account");

    let names = |part: &Value| {
        let members = part.as_object().expect("an object");
        members.keys().cloned().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(&header), "alg kid typ");
    assert_eq!(names(&claims), "aud exp iat iss jti nbf role sid sub");
    assert_eq!(claims["sub"], json!(account));
    assert_eq!(
        (&claims["iss"], &claims["aud"]),
        (
            &json!("https://localhost"),
            &json!("https://localhost/api/v1")
        )
    );
    assert!(!claims.to_string().contains("example.org"), "{claims}");
    app.end().await;
}

#[tokio::test]
async fn a_token_that_differs_in_one_thing_is_refused() {
    let world = World::solo().await.with("THROTTLE_FACTOR", 100);
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    register(&world, &app, &mut machine, ADA).await;
    let program = Program::sign_in(&app, ADA).await;
    let forger = Forger::of_the_world(&world, &program.access).await;
    let none = json!({});
    let other = BASE64.encode([7; 32]);
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": other });

    assert_eq!(forger.header["kid"], forger.kid());
    assert!(
        Program::with(&app, &forger.token(&none, &none))
            .is_known()
            .await
    );
    assert!(
        Program::with(&app, &forger.token(&json!({ "typ": "AT+JWT" }), &none))
            .is_known()
            .await,
        "media types have no case"
    );
    let mut accepted = Vec::new();
    for header in [
        json!({ "typ": "JWT" }),
        json!({ "typ": null }),
        json!({ "kid": null }),
        json!({ "kid": "" }),
        json!({ "kid": other }),
        json!({ "kid": "../../etc/passwd" }),
        json!({ "alg": null }),
        json!({ "alg": "none" }),
        json!({ "alg": "HS256" }),
        json!({ "alg": "ES256" }),
        json!({ "alg": "RS256" }),
        json!({ "jku": "https://evil.example/jwks.json" }),
        json!({ "x5u": "https://evil.example/x5u" }),
        json!({ "x5c": ["AAAA"] }),
        json!({ "jwk": jwk }),
        json!({ "crit": ["exp"] }),
        json!({ "b64": false }),
    ] {
        let token = forger.token(&header, &none);
        if Program::with(&app, &token).is_known().await {
            accepted.push(header);
        }
    }
    for claims in [
        json!({ "iss": null }),
        json!({ "iss": "https://evil.example" }),
        json!({ "iss": ["https://localhost"] }),
        json!({ "aud": null }),
        json!({ "aud": "https://localhost" }),
        json!({ "aud": ["https://localhost/api/v1", "https://evil.example"] }),
        json!({ "sub": null }),
        json!({ "sub": Uuid::nil() }),
        json!({ "sid": null }),
        json!({ "sid": Uuid::nil() }),
        json!({ "exp": null }),
        json!({ "exp": 0 }),
        json!({ "exp": -1 }),
        json!({ "exp": "900" }),
        json!({ "nbf": null }),
        json!({ "nbf": 1 }),
        json!({ "iat": null }),
        json!({ "jti": null }),
        json!({ "role": null }),
        json!({ "role": "emperor" }),
    ] {
        let token = forger.token(&none, &claims);
        if Program::with(&app, &token).is_known().await {
            accepted.push(claims);
        }
    }
    assert_eq!(accepted, [Value::Null; 0]);
    app.end().await;
}

#[tokio::test]
async fn a_token_that_another_key_signed_is_refused() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    register(&world, &app, &mut machine, ADA).await;
    let program = Program::sign_in(&app, ADA).await;
    let ours = Forger::of_the_world(&world, &program.access).await;
    let other = Forger::new(&world, Uuid::nil(), &program.access);
    let none = json!({});

    let public = EncodingKey::from_secret(&ours.public());
    let hmac = |header| ours.signed_by(&public, Algorithm::HS256, &header, &none);
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": BASE64.encode(other.public()) });
    let tokens = [
        ("another key under our name", other.token(&none, &none)),
        (
            "another key under its own",
            other.token(&json!({ "kid": other.kid() }), &none),
        ),
        (
            "a key that it brings along",
            other.token(&json!({ "jwk": jwk }), &none),
        ),
        (
            "the public key as a secret",
            hmac(json!({ "alg": "HS256" })),
        ),
        ("the same under another word", hmac(none.clone())),
        (
            "nobody",
            format!("{}.", ours.message(&json!({ "alg": "none" }), &none)),
        ),
        (
            "nobody, in our name",
            format!("{}.", ours.message(&none, &none)),
        ),
    ];
    for (who, token) in tokens {
        assert!(
            !Program::with(&app, &token).is_known().await,
            "signed by {who}"
        );
    }
    app.end().await;
}

#[tokio::test]
async fn a_changed_letter_in_any_part_spoils_a_token() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    register(&world, &app, &mut machine, ADA).await;
    let program = Program::sign_in(&app, ADA).await;

    let middle = |part: usize| {
        let starts: Vec<usize> = program
            .access
            .match_indices('.')
            .map(|(at, _)| at)
            .collect();
        [starts[0] / 2, (starts[0] + starts[1]) / 2, starts[1] + 20][part]
    };
    for part in 0..3 {
        let at = middle(part);
        let letter = if &program.access[at..=at] == "A" {
            "B"
        } else {
            "A"
        };
        let mut changed = program.access.clone();
        changed.replace_range(at..=at, letter);
        assert!(
            !Program::with(&app, &changed).is_known().await,
            "part {part}"
        );
    }
    app.end().await;
}

#[tokio::test]
async fn times_are_compared_with_our_clock_and_to_the_second() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    register(&world, &app, &mut machine, ADA).await;
    app.clock.advance(TimeDelta::seconds(100));
    let program = Program::sign_in(&app, ADA).await;
    let forger = Forger::of_the_world(&world, &program.access).await;
    let none = json!({});

    for (claims, good) in [
        (json!({ "exp": 101 }), true),
        (json!({ "exp": 100 }), false),
        (json!({ "nbf": 100 }), true),
        (json!({ "nbf": 101 }), false),
    ] {
        let program = Program::with(&app, &forger.token(&none, &claims));
        assert_eq!(program.is_known().await, good, "{claims}");
    }
    app.end().await;
}

#[tokio::test]
async fn a_token_does_not_open_a_session_that_is_not_a_programs_or_not_its_owners() {
    let world = World::solo().await;
    let app = TestApp::start(&world).await;
    let mut machine = Machine::new(&world, &app).await;
    member(&world, &app, &mut machine, "bob@example.org").await;
    let bobs = Program::sign_in(&app, "bob@example.org").await;
    register(&world, &app, &mut machine, ADA).await;
    let program = Program::sign_in(&app, ADA).await;
    let forger = Forger::of_the_world(&world, &program.access).await;
    let bob = part(&bobs.access, 1);
    let browsers: Uuid = sqlx::query_scalar("SELECT id FROM sessions WHERE kind = 'browser'")
        .fetch_one(&world.pool())
        .await
        .expect("a session");

    for claims in [
        json!({ "sid": bob["sid"] }),
        json!({ "sub": bob["sub"] }),
        json!({ "sub": bob["sub"], "sid": browsers }),
    ] {
        let token = forger.token(&json!({}), &claims);
        assert!(!Program::with(&app, &token).is_known().await, "{claims}");
    }
    app.end().await;
}
